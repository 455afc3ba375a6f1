/**
 * Platform configuration registers of a Nitro enclave: 48 bytes each, SHA-384. The rules are those of
 * aws-nitro-enclaves-image-format (PCR0 to PCR2, PCR8) and of the documents as measured (PCR3, PCR4).
 */
import { createHash } from 'node:crypto';

/** Size of a PCR in bytes. */
export const pcrBytes = 48;
/** Highest PCR index that a document can carry. */
export const maxPcrIndex = 31;

const sha384 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha384');
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
};
const fresh = new Uint8Array(pcrBytes);

/** A register that was zero and is extended with `value` as it is: SHA384(0^48 || value). PCR3 and PCR4 are made so. */
export const extendFresh = (value: Uint8Array): Uint8Array => sha384(fresh, value);

/** A register that was zero and measures `data`: SHA384(0^48 || SHA384(data)). PCR0, PCR1, PCR2, PCR8 are made so. */
export const measureInto = (data: Uint8Array): Uint8Array => extendFresh(sha384(data));

/** PCR3: the ARN of the role of the parent instance. */
export const rolePcr = (roleArn: string): Uint8Array => extendFresh(new TextEncoder().encode(roleArn));

/** PCR4: the id of the parent instance, as ASCII. */
export const instancePcr = (instanceId: string): Uint8Array =>
  extendFresh(new TextEncoder().encode(instanceId));

/**
 * A register after `digests` (32 bytes each: SHA-256 bank, or 48: SHA-384 bank) were extended into it, from zeros
 * (TPM 2.0 Part 1 section 17.2). Of none there is no value: `undefined`.
 */
export function replayDigests(digests: readonly Uint8Array[]): Uint8Array | undefined {
  let register: Uint8Array | undefined;
  for (const digest of digests) {
    const before = register ?? new Uint8Array(digest.length);
    const algorithm = digest.length === pcrBytes ? 'sha384' : 'sha256';
    register = new Uint8Array(createHash(algorithm).update(before).update(digest).digest());
  }
  return register;
}

/** Whether a register has only zeros: never extended, and in PCR0 to PCR2 the mark of a debug enclave (T04). */
export const isZeroPcr = (value: Uint8Array): boolean => value.every((byte) => byte === 0);
