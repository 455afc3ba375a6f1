/** The wide hashes of RFC 9591 section 6 that are reduced to a scalar: the same in both backends. */
import { createHash } from 'node:crypto';
import { wideScalarBytes } from './integers.ts';

const blockBytes = 64;

/** SHA-512 of a tag and parts: 64 bytes that are a little-endian integer (RFC 9591 section 6.1, H1 to H3). */
export function sha512Wide(tag: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512').update(tag);
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}

/**
 * RFC 9380 section 5.3.1 `expand_message_xmd` with SHA-256 to 48 bytes, then section 5.2 `hash_to_field` with one
 * element: 48 bytes that are a big-endian integer to be reduced (RFC 9591 sections 6.4 and 6.5, H1 to H3).
 */
export function expandedWide(tag: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  if (tag.length === 0 || tag.length > 255) {
    throw new TypeError('a domain separation tag has 1 to 255 bytes');
  }
  const dstPrime = Uint8Array.of(...tag, tag.length);
  const first = createHash('sha256').update(new Uint8Array(blockBytes));
  for (const part of parts) {
    first.update(part);
  }
  const b0 = first
    .update(Uint8Array.of(wideScalarBytes >> 8, wideScalarBytes & 0xff, 0))
    .update(dstPrime)
    .digest();
  const b1 = createHash('sha256').update(b0).update(Uint8Array.of(1)).update(dstPrime).digest();
  const mixed = b0.map((byte, i) => byte ^ (b1[i] ?? 0));
  const b2 = createHash('sha256').update(mixed).update(Uint8Array.of(2)).update(dstPrime).digest();
  const wide = new Uint8Array(wideScalarBytes);
  wide.set(b1);
  wide.set(b2.subarray(0, wideScalarBytes - 32), 32);
  for (const buffer of [b0, b1, b2, mixed]) {
    buffer.fill(0);
  }
  return wide;
}
