/**
 * A node of the local cluster whose evidence a TPM makes. It is enrolled as any other: its endorsement certificate leads to
 * a root that the operator gives, and the TPM shows that it holds the attestation key. What the TPM measured of the boot until
 * now becomes the accepted measurement.
 */
import { randomBytes } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { hashOf, toHex } from '../../wire/ids.ts';
import { imageRules, type ManifestMeasurement } from '../../wire/messages/manifest.ts';
import {
  answerTpm2Challenge,
  readTpmAddress,
  requestTpm2Enrolment,
  tpm2Attester,
} from '../../enclave/attester/index.ts';
import {
  appraiseDocument,
  beginEnrolment,
  finishEnrolment,
  isZeroPcr,
  type NamedEvent,
  type Statement,
} from '../../enclave/evidence/index.ts';
import { imageDays } from './policy.ts';

const day = 86_400_000;
/** Registers that a node of the local cluster quotes: what firmware, boot loader and kernel measure into. */
const quoted = Array.from({ length: 16 }, (_, index) => index);

/** The TPM of a node. */
export interface Tpm2Plan {
  /** `device:/dev/tpmrm0`; of an emulator `unix:/PATH` or `tcp:127.0.0.1:PORT`. */
  readonly tpm: string;
  /** The firmware's event log. Where it tells a register, the manifest accepts its events in place of the register's value. */
  readonly eventLog?: string;
  /** SHA-256 of the DER of the roots that its endorsement certificate may lead to, 32 bytes each. */
  readonly roots: readonly Uint8Array[];
  /** DER of the authorities of that chain, roots too. */
  readonly authorities: readonly Uint8Array[];
}

/** What `cluster.json` keeps of it. */
export const tpm2Facts = (
  plan: Tpm2Plan | undefined,
): { readonly tpm2?: { readonly tpm: string; readonly eventLog?: string } } => {
  if (plan === undefined) {
    return {};
  }
  const { tpm, eventLog } = plan;
  return { tpm2: { tpm, ...(eventLog === undefined ? {} : { eventLog }) } };
};

/** What enrolment gives for the manifest. */
export interface EnrolledTpm2 {
  /** Name of the attestation key, 34 bytes. */
  readonly attestationKey: Uint8Array;
  /** What tells this TPM from others, 32 bytes. */
  readonly endorsementKey: Uint8Array;
  readonly measurement: ManifestMeasurement;
}

/**
 * Enrols a node's TPM, both sides of the exchange in this process, and takes its boot as accepted.
 * @throws SymbolonError of the boundaries `attester`, `evidence` and `tpm`.
 */
export async function enrolTpm2(
  plan: Tpm2Plan,
  { folder, node, now }: { readonly folder: string; readonly node: string; readonly now: number },
): Promise<EnrolledTpm2> {
  const tpm = readTpmAddress(plan.tpm);
  const { request } = await requestTpm2Enrolment({ tpm, folder });
  const { roots, authorities } = plan;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const { challenge, pending } = beginEnrolment({ request, roots, authorities, now, random });
  const answer = await answerTpm2Challenge({ tpm, folder }, challenge);
  const { attestationKey, endorsementKey = new Uint8Array() } = finishEnrolment({ pending, answer, now });
  answer.fill(0);

  const attester = await tpm2Attester({
    tpm,
    folder,
    pcrs: quoted,
    bank: 'sha256',
    eventLog: plan.eventLog,
    now: () => now,
  });
  const nonce = random(32);
  const document = await attester.makeEvidence({
    nonce,
    publicKey: Uint8Array.of(0),
    userData: new Uint8Array(),
    role: 'channel',
  });
  const result = appraiseDocument(document, {
    platform: 'tpm2',
    roots: [],
    now,
    nonce,
    pcrs: 'any',
    debug: 'refuse',
    machine: toHex(attestationKey),
  });
  if (!result.ok) {
    throw result.refusal;
  }
  return { attestationKey, endorsementKey, measurement: bootOf(result.statement, node, now) };
}

/** The boot as a measurement: the registers by which an image is known, and those that would have to be zeros and are not. */
function bootOf({ pcrs, events = [] }: Statement, node: string, now: number): ManifestMeasurement {
  const { all, any, firmware, zero } = imageRules.tpm2;
  const known = [...new Set([...firmware, ...all, ...any, ...zero])].sort((a, b) => a - b);
  const listed = known.filter((pcr) => !isZeroPcr(pcrs.get(pcr) ?? new Uint8Array()));
  const missing =
    firmware.find((pcr) => !listed.includes(pcr)) ??
    (any.some((pcr) => listed.includes(pcr)) ? undefined : any[0]);
  if (missing !== undefined) {
    throw new SymbolonError('evidence/nothing-measured', { machine: node, pcr: missing });
  }
  const named = events.filter(({ pcr }) => listed.includes(pcr));
  const told = new Set(named.map(({ pcr }) => pcr));
  const values = listed.flatMap((pcr): [number, Uint8Array][] => {
    const value = pcrs.get(pcr);
    return value === undefined || told.has(pcr) ? [] : [[pcr, value]];
  });
  return {
    name: `boot-${nameOf(listed, pcrs)}`,
    platform: 'tpm2',
    pcrs: new Map(values),
    ...(named.length === 0 ? {} : { events: named.map(asListed) }),
    reason: `the boot of ${node}, as its TPM measured it when the cluster was made`,
    notBefore: now,
    notAfter: now + imageDays.current * day,
  };
}

const asListed = ({ pcr, name, digest }: NamedEvent): NamedEvent => ({ pcr, name, digest });

const nameOf = (listed: readonly number[], pcrs: ReadonlyMap<number, Uint8Array>): string =>
  toHex(
    hashOf(
      'symbolon/boot/1',
      listed.map((pcr) => [pcr, pcrs.get(pcr) ?? new Uint8Array()]),
    ).subarray(0, 4),
  );
