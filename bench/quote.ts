/** Evidence of a TPM 2.0: the verification of a quote beside the bare one of its signature, and the reading of a log. */
import { constants, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { explainEventLog, tpm2Document, tpm2QualifyingData } from '../enclave/evidence/index.ts';
import { tpm2Statement } from '../enclave/evidence/tpm2/statement.ts';
import { TpmWriter } from '../enclave/tpm/bytes.ts';
import { alg } from '../enclave/tpm/algorithms.ts';
import { attestQuote, tpmGenerated } from '../enclave/tpm/attested.ts';
import { attribute } from '../enclave/tpm/attributes.ts';
import { pcrDigestOf, writePcrSelections } from '../enclave/tpm/pcrs.ts';
import { nameOf, writeTpmPublic, type TpmPublic } from '../enclave/tpm/public.ts';
import { attestationTemplate } from '../enclave/tpm/templates.ts';
import { measure, summarise, type BenchRow } from './row.ts';

const pcrs = new Map(
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12].map((pcr) => [pcr, new Uint8Array(32).fill(pcr)]),
);
const bound = {
  madeAt: 1_780_000_000_000,
  nonce: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(120).fill(2),
  userData: new Uint8Array(200).fill(3),
};
const part = (key: KeyObject, name: 'n' | 'x' | 'y'): Uint8Array =>
  new Uint8Array(Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url'));

/** An attestation key in software, with what it signs and how that is verified with node:crypto alone. */
interface Signer {
  readonly area: TpmPublic;
  /** TPMT_SIGNATURE. */
  readonly sign: (message: Uint8Array) => Uint8Array;
  /** One bare verification. */
  readonly verify: (message: Uint8Array) => () => boolean;
}

function ecdsaSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const options = { dsaEncoding: 'ieee-p1363' } as const;
  const raw = (message: Uint8Array): Buffer => sign('sha256', message, { key: privateKey, ...options });
  return {
    area: { ...attestationTemplate, x: part(publicKey, 'x'), y: part(publicKey, 'y') },
    sign: (message) => {
      const both = raw(message);
      return new TpmWriter()
        .u16(alg.ecdsa)
        .u16(alg.sha256)
        .sized(both.subarray(0, 32))
        .sized(both.subarray(32))
        .done();
    },
    verify: (message) => {
      const signature = raw(message);
      return () => verify('sha256', message, { key: publicKey, ...options }, signature);
    },
  };
}

function rsaSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const padding = constants.RSA_PKCS1_PADDING;
  const raw = (message: Uint8Array): Buffer => sign('sha256', message, { key: privateKey, padding });
  return {
    area: {
      ...attestationTemplate,
      type: 'rsa',
      attributes: attestationTemplate.attributes | attribute.userWithAuth,
      scheme: { name: 'rsassa', hash: 'sha256' },
      bits: 2048,
      exponent: 0,
      modulus: part(publicKey, 'n'),
    },
    sign: (message) => new TpmWriter().u16(alg.rsassa).u16(alg.sha256).sized(raw(message)).done(),
    verify: (message) => {
      const signature = raw(message);
      return () => verify('sha256', message, { key: publicKey, padding }, signature);
    },
  };
}

/** A TPMS_ATTEST over all registers. */
function attest(key: Uint8Array): Uint8Array {
  return new TpmWriter()
    .u32(tpmGenerated)
    .u16(attestQuote)
    .sized(nameOf(key))
    .sized(tpm2QualifyingData(bound))
    .u64(1n)
    .u32(1)
    .u32(1)
    .u8(1)
    .u64(1n)
    .raw(writePcrSelections([{ bank: 'sha256', pcrs: [...pcrs.keys()] }]))
    .sized(pcrDigestOf('sha256', [...pcrs.values()]))
    .done();
}

/** A log of the older form with `count` events of `size` bytes each: the parser and the hashing are the same. */
function log(count: number, size: number): Uint8Array {
  const event = Buffer.alloc(32 + size);
  event.writeUInt32LE(8, 0);
  event.writeUInt32LE(0xd, 4);
  event.writeUInt32LE(size, 28);
  return new Uint8Array(Buffer.concat(Array.from({ length: count }, () => event)));
}

/** Rows of this part. */
export async function rows(): Promise<BenchRow[]> {
  const measured: BenchRow[] = [];
  for (const [name, signer] of [
    ['ecdsa-p256', ecdsaSigner()],
    ['rsassa-2048', rsaSigner()],
  ] as const) {
    const key = writeTpmPublic(signer.area);
    const quote = attest(key);
    const document = tpm2Document.encode({
      v: 1,
      quote,
      signature: signer.sign(quote),
      key,
      bank: 'sha256',
      pcrs,
      ...bound,
    });
    measured.push(
      await measure(`quote.${name}.signature`, 400, signer.verify(quote)),
      await measure(`quote.${name}.statement`, 400, () => tpm2Statement(document)),
      summarise(`quote.${name}.document`, [document.length], 'bytes'),
    );
  }
  const long = log(600, 60);
  measured.push(
    await measure('quote.eventlog.600', 100, () => explainEventLog(long)),
    summarise('quote.eventlog.600.size', [long.length], 'bytes'),
  );
  return measured;
}
