/** Ed25519 (RFC 8032, RFC 9591 section 6.1): elements of 32 bytes, scalars little-endian, cofactor 8. */
import { ed25519 as native } from '../../native/curves.ts';
import type { Group } from './group.ts';
import { sha512Wide } from './hashToScalar.ts';
import { bytesOfInteger } from './integers.ts';
import { nativeGroup } from './native.ts';

/** The prime-order subgroup of edwards25519, by libsodium. */
export const ed25519Group: Group = nativeGroup({
  name: 'ed25519',
  backend: 'libsodium',
  order: 2n ** 252n + 0x14def9de_a2f79cd6_5812631a_5cf5d3edn,
  elementBytes: 32,
  littleEndian: true,
  wideHash: sha512Wide,
  // RFC 8032 section 5.1: y is 4/5, x is even. The identity is x 0, y 1.
  generator: new Uint8Array(32).fill(0x66).fill(0x58, 0, 1),
  identity: bytesOfInteger(1n, true),
  decode: (raw) => (native().isElement(raw) ? new Uint8Array(raw) : undefined),
  encode: (point) => point.slice(),
  baseProduct: (secret) => native().baseProduct(secret),
  product: (point, secret) => native().product(point, secret),
  publicSum: (points, scalars) => native().publicSum(points, scalars),
  add: (a, b) => native().add(a, b),
  // RFC 8032 section 5.1.2: the top bit is the sign of x, which is zero in no other element of the subgroup.
  negate: (point) => {
    const negative = point.slice();
    negative[31] = (negative[31] ?? 0) ^ 0x80;
    return negative;
  },
});
