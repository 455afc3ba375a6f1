/** Ed25519 (RFC 8032, RFC 9591 section 6.1): elements of 32 bytes, scalars little-endian, cofactor 8. */
import { createHash } from 'node:crypto';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import type { Group } from './group.ts';
import { integerOf, nobleGroup } from './noble.ts';

/** SHA-512 of a tag and parts as a little-endian integer modulo the order (RFC 9591 section 6.1, H1 to H3). */
const hashToScalar: Group['hashToScalar'] = (tag, parts) => {
  const hash = createHash('sha512').update(tag);
  for (const part of parts) {
    hash.update(part);
  }
  const wide = hash.digest();
  const scalar = integerOf(wide, true) % noble.Point.Fn.ORDER;
  wide.fill(0);
  return scalar;
};

/** The prime-order subgroup of edwards25519. */
export const ed25519Group: Group = nobleGroup({
  name: 'ed25519',
  Point: noble.Point,
  elementBytes: 32,
  // RFC 8032 section 5.1.3 in its strict form: y below p, and no negative zero x.
  fromBytes: (raw) => noble.Point.fromBytes(raw, false),
  toBytes: (point) => point.toBytes(),
  hasCofactor: true,
  littleEndian: true,
  hashToScalar,
});
