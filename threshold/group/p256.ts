/** P-256 (FIPS 186-5, RFC 9591 section 6.4): elements of 33 bytes compressed, scalars big-endian, prime order. */
import { createECDH, type ECDH } from 'node:crypto';
import { p256 as native } from '../../native/curves.ts';
import { scalarFunctions } from '../../native/scalars.ts';
import type { Group } from './group.ts';
import { expandedWide } from './hashToScalar.ts';
import { bytesOfInteger } from './integers.ts';
import { compressed, isZero, joined, nativeGroup } from './native.ts';

// SP 800-186 section 3.2.1.3.
const generator = joined([
  bytesOfInteger(0x6b17d1f2_e12c4247_f8bce6e5_63a440f2_77037d81_2deb33a0_f4a13945_d898c296n, false),
  bytesOfInteger(0x4fe342e2_fe1a7f9b_8ee7eb4a_7c0f9e16_2bce3357_6b315ece_cbb64068_37bf51f5n, false),
]);
const one = bytesOfInteger(1n, false);
/** SEC 1 section 2.3.3: the first byte of the uncompressed form. */
const uncompressed = Uint8Array.of(4);

let shared: ECDH | undefined;

/** Lends OpenSSL's key exchange with a secret in it. OpenSSL wipes the secret when the next key takes its place. */
function withSecret<T>(secret: Uint8Array, use: (exchange: ECDH) => T): T {
  if (!scalarFunctions('p256').isCanonical(secret) || isZero(secret)) {
    throw new TypeError('not a secret scalar: zero, or not below the order');
  }
  shared ??= createECDH('prime256v1');
  try {
    shared.setPrivateKey(secret);
    return use(shared);
  } finally {
    shared.setPrivateKey(one);
  }
}

/** OpenSSL gives x of a product only; x of the next multiple of the point tells which of the two y it has. */
function product(point: Uint8Array, secret: Uint8Array): Uint8Array {
  const encoded = joined([uncompressed, point]);
  const next = scalarFunctions('p256').add(secret, one);
  let x1: Uint8Array | undefined;
  let x2: Uint8Array | undefined;
  try {
    x1 = withSecret(secret, (exchange) => exchange.computeSecret(encoded));
    // The secret is -1 then, and the next multiple the identity, which has no x.
    if (isZero(next)) {
      return native().negate(point);
    }
    x2 = withSecret(next, (exchange) => exchange.computeSecret(encoded));
    return native().recover(point, x1, x2);
  } finally {
    next.fill(0);
    x1?.fill(0);
    x2?.fill(0);
  }
}

/** The group of P-256: secrets by OpenSSL, public arithmetic by native/p256.c. */
export const p256Group: Group = nativeGroup({
  name: 'p256',
  backend: 'openssl',
  order: 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n,
  elementBytes: 33,
  littleEndian: false,
  wideHash: expandedWide,
  generator,
  identity: new Uint8Array(64),
  decode: (raw) => native().decode(raw),
  encode: compressed,
  baseProduct: (secret) =>
    withSecret(secret, (exchange) => new Uint8Array(exchange.getPublicKey().subarray(1))),
  product,
  publicSum: (points, scalars) => native().publicSum(points, scalars),
  add: (a, b) => native().add(joined([a, b])),
  negate: (point) => native().negate(point),
});
