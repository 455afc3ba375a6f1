/** secp256k1 (SEC 2, RFC 9591 section 6.5): elements of 33 bytes compressed, scalars big-endian, prime order. */
import { secp256k1 as native } from '../../native/curves.ts';
import type { Group } from './group.ts';
import { expandedWide } from './hashToScalar.ts';
import { bytesOfInteger } from './integers.ts';
import { compressed, joined, nativeGroup } from './native.ts';

// SEC 2 section 2.4.1.
const generator = joined([
  bytesOfInteger(0x79be667e_f9dcbbac_55a06295_ce870b07_029bfcdb_2dce28d9_59f2815b_16f81798n, false),
  bytesOfInteger(0x483ada77_26a3c465_5da4fbfc_0e1108a8_fd17b448_a6855419_9c47d08f_fb10d4b8n, false),
]);

/** The group of secp256k1, by libsecp256k1. */
export const secp256k1Group: Group = nativeGroup({
  name: 'secp256k1',
  backend: 'libsecp256k1',
  order: 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n,
  elementBytes: 33,
  littleEndian: false,
  wideHash: expandedWide,
  generator,
  identity: new Uint8Array(64),
  decode: (raw) => native().decode(raw),
  encode: compressed,
  baseProduct: (secret) => native().baseProduct(secret),
  product: (point, secret) => native().product(point, secret),
  publicSum: (points, scalars) => native().publicSum(points, scalars),
  add: (a, b) => native().add(joined([a, b])),
  negate: (point) => native().negate(point),
});
