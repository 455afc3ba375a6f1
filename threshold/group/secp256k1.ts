/** secp256k1 (SEC 2, RFC 9591 section 6.5): elements of 33 bytes compressed, scalars big-endian, prime order. */
import { secp256k1 as noble } from '@noble/curves/secp256k1.js';
import type { Group } from './group.ts';
import { expandedWide } from './hashToScalar.ts';
import { nobleGroup } from './noble.ts';

/** The group of secp256k1: the reference backend. */
export const referenceSecp256k1: Group = nobleGroup({
  name: 'secp256k1',
  Point: noble.Point,
  elementBytes: 33,
  // SEC 1 section 2.3.4 for the compressed form only: first byte 2 or 3, x below p.
  fromBytes: (raw) => (raw[0] === 2 || raw[0] === 3 ? noble.Point.fromBytes(raw) : undefined),
  toBytes: (point) => point.toBytes(true),
  littleEndian: false,
  wideHash: expandedWide,
});

/** The group of secp256k1. */
export const secp256k1Group: Group = referenceSecp256k1;
