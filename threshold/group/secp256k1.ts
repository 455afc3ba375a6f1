/** secp256k1 (SEC 2, RFC 9591 section 6.5): elements of 33 bytes compressed, scalars big-endian, prime order. */
import { createHash } from 'node:crypto';
import { secp256k1 as noble } from '@noble/curves/secp256k1.js';
import type { Group } from './group.ts';
import { integerOf, nobleGroup, wideScalarBytes } from './noble.ts';

const blockBytes = 64;

/**
 * RFC 9380 section 5.3.1 `expand_message_xmd` with SHA-256 to 48 bytes, then section 5.2 `hash_to_field` with one
 * element: the bytes as a big-endian integer modulo the order (RFC 9591 section 6.5, H1 to H3).
 */
const hashToScalar: Group['hashToScalar'] = (tag, parts) => {
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
  const scalar = integerOf(wide, false) % noble.Point.Fn.ORDER;
  for (const buffer of [b0, b1, b2, mixed, wide]) {
    buffer.fill(0);
  }
  return scalar;
};

/** The group of secp256k1. */
export const secp256k1Group: Group = nobleGroup({
  name: 'secp256k1',
  Point: noble.Point,
  elementBytes: 33,
  // SEC 1 section 2.3.4 for the compressed form only: first byte 2 or 3, x below p.
  fromBytes: (raw) => (raw[0] === 2 || raw[0] === 3 ? noble.Point.fromBytes(raw) : undefined),
  toBytes: (point) => point.toBytes(true),
  hasCofactor: false,
  littleEndian: false,
  hashToScalar,
  sumOfTwo: (a, x, b, y) => a.mulAddUnsafe(x, b, y),
});
