/** P-256 (FIPS 186-5, RFC 9591 section 6.4): elements of 33 bytes compressed, scalars big-endian, prime order. */
import { p256 as noble } from '@noble/curves/nist.js';
import type { Group } from './group.ts';
import { expandedWide } from './hashToScalar.ts';
import { nobleGroup } from './noble.ts';

/** The group of P-256: the reference backend. */
export const referenceP256: Group = nobleGroup({
  name: 'p256',
  Point: noble.Point,
  elementBytes: 33,
  fromBytes: (raw) => (raw[0] === 2 || raw[0] === 3 ? noble.Point.fromBytes(raw) : undefined),
  toBytes: (point) => point.toBytes(true),
  littleEndian: false,
  wideHash: expandedWide,
});

/** The group of P-256. */
export const p256Group: Group = referenceP256;
