/** Key derivation of TPM 2.0: KDFa (Part 1 section 11.4.10.2, SP800-108 counter mode) and KDFe (section 11.4.10.3, SP800-56A). */
import { createHash, createHmac } from 'node:crypto';
import { digestBytes, type TpmHash } from './algorithms.ts';

const none = new Uint8Array();
const u32 = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
};
/** The label and the zero byte that ends it. */
const labelBytes = (label: string): Uint8Array => new TextEncoder().encode(`${label}\0`);

/**
 * KDFa: `bytes` bytes from a key. The caller owns and wipes the result.
 * @param label - without its final zero byte, for example `STORAGE`.
 */
export function kdfA(
  hash: TpmHash,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bytes: number,
): Uint8Array {
  return blocks(hash, bytes, (counter) =>
    createHmac(hash, key)
      .update(counter)
      .update(labelBytes(label))
      .update(contextU)
      .update(contextV)
      .update(u32(bytes * 8))
      .digest(),
  );
}

/**
 * KDFe: `bytes` bytes from an ECDH secret. The caller owns and wipes the result.
 * @param z - the x coordinate of the shared point, as long as the field.
 * @param use - without its final zero byte, for example `IDENTITY`.
 * @param partyU - x coordinate of the ephemeral key.
 * @param partyV - x coordinate of the static key.
 */
export function kdfE(
  hash: TpmHash,
  z: Uint8Array,
  use: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bytes: number,
): Uint8Array {
  return blocks(hash, bytes, (counter) =>
    createHash(hash).update(counter).update(z).update(labelBytes(use)).update(partyU).update(partyV).digest(),
  );
}

function blocks(hash: TpmHash, bytes: number, block: (counter: Uint8Array) => Buffer): Uint8Array {
  const out = new Uint8Array(bytes);
  const size = digestBytes[hash];
  for (let counter = 1, at = 0; at < bytes; counter += 1, at += size) {
    const digest = block(u32(counter));
    out.set(digest.subarray(0, bytes - at), at);
    digest.fill(0);
  }
  return out;
}

/** No context. */
export const noContext = none;
