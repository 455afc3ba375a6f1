/**
 * The three groups on the reference backend, for tests and benchmarks only (T39): the native groups of ed25519.ts,
 * secp256k1.ts and p256.ts are what runs.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Group } from './group.ts';
import { expandedWide, sha512Wide } from './hashToScalar.ts';
import { nobleGroup } from './noble.ts';

// SEC 1 section 2.3.4 for the compressed form only: first byte 2 or 3, x below p.
const compressedOnly = (raw: Uint8Array): boolean => raw[0] === 2 || raw[0] === 3;

/** The prime-order subgroup of edwards25519. */
export const referenceEd25519: Group = nobleGroup({
  name: 'ed25519',
  Point: ed25519.Point,
  elementBytes: 32,
  // RFC 8032 section 5.1.3 in its strict form: y below p, and no negative zero x.
  fromBytes: (raw) => ed25519.Point.fromBytes(raw, false),
  toBytes: (point) => point.toBytes(),
  littleEndian: true,
  wideHash: sha512Wide,
});

/** The group of secp256k1. */
export const referenceSecp256k1: Group = nobleGroup({
  name: 'secp256k1',
  Point: secp256k1.Point,
  elementBytes: 33,
  fromBytes: (raw) => (compressedOnly(raw) ? secp256k1.Point.fromBytes(raw) : undefined),
  toBytes: (point) => point.toBytes(true),
  littleEndian: false,
  wideHash: expandedWide,
});

/** The group of P-256. */
export const referenceP256: Group = nobleGroup({
  name: 'p256',
  Point: p256.Point,
  elementBytes: 33,
  fromBytes: (raw) => (compressedOnly(raw) ? p256.Point.fromBytes(raw) : undefined),
  toBytes: (point) => point.toBytes(true),
  littleEndian: false,
  wideHash: expandedWide,
});
