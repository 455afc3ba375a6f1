/**
 * What a policy session's digest becomes, computed without a TPM (TPM 2.0 Part 3: sections 23.4 PolicySecret, 23.7 PolicyPCR, 23.17
 * PolicyAuthValue). A policy begins with {@link emptyPolicy}; each step takes the digest before it.
 */
import { createHash } from 'node:crypto';
import { digestBytes, type TpmHash } from './algorithms.ts';
import { TpmWriter } from './bytes.ts';
import { writePcrSelections, type PcrSelection } from './pcrs.ts';

const code = { secret: 0x151, authValue: 0x16b, pcr: 0x17f } as const;
const digestOf = (hash: TpmHash, ...parts: readonly Uint8Array[]): Uint8Array => {
  const digest = createHash(hash);
  for (const part of parts) {
    digest.update(part);
  }
  return new Uint8Array(digest.digest());
};
const codeBytes = (value: number): Uint8Array => new TpmWriter().u32(value).done();

/** The digest of a new policy session: zeros. */
export const emptyPolicy = (hash: TpmHash): Uint8Array => new Uint8Array(digestBytes[hash]);

/**
 * After TPM2_PolicyPCR.
 * @param pcrDigest - digest over the registers with `hash`; see `pcrDigestOf`.
 */
export const policyPcr = (
  hash: TpmHash,
  before: Uint8Array,
  selections: readonly PcrSelection[],
  pcrDigest: Uint8Array,
): Uint8Array => digestOf(hash, before, codeBytes(code.pcr), writePcrSelections(selections), pcrDigest);

/** After TPM2_PolicyAuthValue. */
export const policyAuthValue = (hash: TpmHash, before: Uint8Array): Uint8Array =>
  digestOf(hash, before, codeBytes(code.authValue));

/**
 * After TPM2_PolicySecret.
 * @param name - Name of the object whose auth value was shown; of a hierarchy its handle, 4 bytes.
 */
export const policySecret = (
  hash: TpmHash,
  before: Uint8Array,
  name: Uint8Array,
  policyRef: Uint8Array = new Uint8Array(),
): Uint8Array => digestOf(hash, digestOf(hash, before, codeBytes(code.secret), name), policyRef);
