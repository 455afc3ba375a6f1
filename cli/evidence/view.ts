/** A reading of evidence as text for a person and as JSON. Every part says that nothing of it was verified. */
import { isZeroPcr } from '../../enclave/evidence/index.ts';
import { toHex } from '../../wire/ids.ts';
import { table, utc, type Style } from '../style.ts';
import type { EvidenceKind, Reading } from './contract.ts';
import { meaningOf } from './registers.ts';

const kinds: Readonly<Record<EvidenceKind, string>> = {
  nitro: 'document of an AWS Nitro enclave, or of the insecure dev attester',
  'nitro-tpm': 'document of an AWS instance with a NitroTPM',
  tpm2: 'evidence of a TPM 2.0',
  quote: 'quote of a TPM 2.0 alone',
  'event-log': 'event log of a boot',
};

/** The lines of a reading. */
export function readingLines(reading: Reading, style: Style): string[] {
  const { strong, warn } = style;
  const part = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0
      ? []
      : ['', `${strong(title)} ${warn('UNVERIFIED')}`, ...lines.map((line) => `  ${line}`)];
  return [
    `${warn('UNVERIFIED')}: nothing of this was checked, and anybody can write such bytes. \`symbolon evidence verify\` checks.`,
    '',
    `${strong(kinds[reading.kind])}, ${reading.size} bytes`,
    ...part('Statement', statement(reading)),
    ...[...reading.banks].flatMap(([bank, pcrs]) =>
      part(`Registers, bank ${bank}`, registers(reading.kind, pcrs, style)),
    ),
    ...part('Events of the boot', events(reading)),
    ...part('Certificates', certificates(reading)),
    ...part('Bound by the attester', bound(reading)),
    ...part('Worth knowing', reading.notes),
  ];
}

function statement({ machine, madeAt, facts }: Reading): string[] {
  const rows = [
    ...(machine === undefined ? [] : [['machine', machine]]),
    ...(madeAt === undefined ? [] : [['made at', timeOf(madeAt)]]),
    ...Object.entries(facts).map(([name, value]) => [name, String(value)]),
  ];
  return table(rows);
}

function registers(kind: EvidenceKind, pcrs: ReadonlyMap<number, Uint8Array>, { dim }: Style): string[] {
  const sorted = [...pcrs].sort(([a], [b]) => a - b);
  const isOnes = (value: Uint8Array): boolean => value.every((byte) => byte === 0xff);
  const those = (which: (value: Uint8Array) => boolean): string =>
    sorted
      .filter(([, value]) => which(value))
      .map(([index]) => `PCR${index}`)
      .join(', ');
  const [zeros, ones] = [those(isZeroPcr), those(isOnes)];
  return [
    ...table(
      sorted
        .filter(([, value]) => !isZeroPcr(value) && !isOnes(value))
        .map(([index, value]) => [`PCR${index}`, meaningOf(kind, index), toHex(value)]),
    ),
    ...(zeros === '' ? [] : [dim(`zeros, nothing measured: ${zeros}`)]),
    // TPM 2.0 Part 1 section 17.5: where those of a dynamic launch stand before there is one.
    ...(ones === '' ? [] : [dim(`ones, no dynamic launch: ${ones}`)]),
  ];
}

const events = (reading: Reading): string[] =>
  table(
    (reading.events ?? []).map(({ pcr, name, type, digest, text }) => [
      `PCR${pcr}`,
      printable(name),
      type,
      toHex(digest),
      printable(text),
    ]),
  );

const certificates = (reading: Reading): string[] =>
  table(
    reading.certificates.map(({ place, commonName, notBefore, notAfter }) => [
      place,
      printable(commonName),
      `${timeOf(notBefore)} to ${timeOf(notAfter)}`,
    ]),
  );

function bound({ nonce, publicKey, userData, claims, identity }: Reading): string[] {
  const raw = (value: Uint8Array | undefined): string =>
    value === undefined ? 'absent' : value.length === 0 ? 'empty' : `${value.length} bytes ${toHex(value)}`;
  const ours = claims !== undefined && identity !== undefined;
  return [
    ...(nonce === undefined && publicKey === undefined && userData === undefined
      ? []
      : table([
          ['nonce', raw(nonce)],
          ...(identity === undefined ? [['public key', raw(publicKey)]] : rowsOf('identity', identity)),
          ...(claims === undefined ? [['user data', raw(userData)]] : rowsOf('claims', claims)),
        ])),
    ...(publicKey === undefined || userData === undefined
      ? []
      : [ours ? 'It has the form of a node of this product.' : 'It is not of a node of this product.']),
  ];
}

const rowsOf = (title: string, fields: Readonly<Record<string, unknown>>): string[][] =>
  Object.entries(fields).map(([name, value]) => [`${title}.${name}`, textOf(value)]);

function textOf(value: unknown): string {
  const simple = plain(value);
  return typeof simple === 'string' ? simple : JSON.stringify(simple);
}

/** Text from a file that anybody can write, so that it moves no cursor and hides nothing: printable ASCII only. */
export const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '.');

/** A time as people read it; what is no date of this calendar stays a number. */
const timeOf = (ms: number): string => (ms <= 8_640_000_000_000_000 ? utc(ms) : String(ms));

/** Bytes as hexadecimal, maps as objects, at any depth. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return toHex(value);
  }
  if (value instanceof Map) {
    return Object.fromEntries(
      [...(value as ReadonlyMap<string | number, unknown>)].map(([key, one]) => [String(key), plain(one)]),
    );
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  }
  return typeof value === 'bigint' ? String(value) : (value ?? null);
}

/** A reading as one JSON object; `verified` is always false. */
export function readingJson(reading: Reading): Readonly<Record<string, unknown>> {
  const { kind, size, machine, madeAt, banks, events: boot, ...rest } = reading;
  return {
    verified: false,
    kind,
    size,
    machine: machine ?? null,
    madeAt: madeAt ?? null,
    registers: plain(banks),
    events: plain(boot),
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, plain(value)])),
  };
}
