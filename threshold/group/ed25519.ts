/** Ed25519 (RFC 8032, RFC 9591 section 6.1): elements of 32 bytes, scalars little-endian, cofactor 8. */
import { createHash } from 'node:crypto';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import type { Group } from './group.ts';
import { nobleGroup } from './noble.ts';

/** SHA-512 of a tag and parts, 64 bytes (RFC 9591 section 6.1, H1 to H3). */
export function sha512Wide(tag: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512').update(tag);
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}

/** The prime-order subgroup of edwards25519: the reference backend. */
export const referenceEd25519: Group = nobleGroup({
  name: 'ed25519',
  Point: noble.Point,
  elementBytes: 32,
  // RFC 8032 section 5.1.3 in its strict form: y below p, and no negative zero x.
  fromBytes: (raw) => noble.Point.fromBytes(raw, false),
  toBytes: (point) => point.toBytes(),
  littleEndian: true,
  wideHash: sha512Wide,
});

/** The prime-order subgroup of edwards25519. */
export const ed25519Group: Group = referenceEd25519;
