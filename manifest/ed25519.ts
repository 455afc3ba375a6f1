/**
 * Ed25519 (RFC 8032) of the long-lived keys of people and clients, by OpenSSL through node:crypto: raw 32-byte keys in,
 * 64-byte signatures out.
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { fromHex, toHex } from '../wire/ids.ts';

// RFC 8410 section 7: the fixed DER around a raw private key (PKCS #8) and around a raw public key (SPKI).
const privatePrefix = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);
const publicPrefix = Uint8Array.of(48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0);

/** Bytes of a seed. */
export const seedBytes = 32;

function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== seedBytes) {
    throw new TypeError('an Ed25519 seed has 32 bytes');
  }
  const der = Buffer.concat([privatePrefix, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** Signs with a 32-byte seed, which stays the caller's to wipe; the working copy is wiped here. */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateKeyOf(seed)));
}

/** The public key (32 bytes) of a seed. */
export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(publicPrefix.length));
}

const imported = new Map<string, KeyObject>();
/** More than the clients and governance keys of a cluster. */
const maxImported = 256;

/** The public key of 32 raw bytes, kept because its import costs as much as its use. Public data, bounded, oldest out. */
function publicKeyOf(raw: Uint8Array): KeyObject {
  const name = toHex(raw);
  const known = imported.get(name);
  if (known !== undefined) {
    return known;
  }
  const key = createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: 'der', type: 'spki' });
  const oldest = imported.keys().next();
  if (imported.size >= maxImported && oldest.done !== true) {
    imported.delete(oldest.value);
  }
  imported.set(name, key);
  return key;
}

/** Whether a signature verifies. Malformed keys and signatures simply do not. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) {
    return false;
  }
  return verify(null, message, publicKeyOf(publicKey), signature);
}

// The y coordinates of the eight points of small order (RFC 7748 section 7 and the curve's cofactor 8), without sign bit:
// 0, 1, -1, and the two of order 8.
const smallOrder: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);
/** The field prime 2^255 - 19, little-endian. */
const prime = 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f';
const primeBigEndian = toHex((fromHex(prime) ?? new Uint8Array()).reverse());

/**
 * Whether a public key is one that only the holder of a secret can sign for: none of the small-order points, under which
 * anybody can make signatures that verify (RFC 8032 section 5.1.7 leaves that open), and in its one canonical encoding
 * (section 5.1.3), so that no key can be listed twice under two spellings. Bytes that are no point at all verify nothing.
 */
export function isStrongPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) {
    return false;
  }
  const y = publicKey.slice();
  y[31] = (y[31] ?? 0) & 0x7f;
  const small = smallOrder.has(toHex(y));
  // Both are lower-case hexadecimal of 32 bytes, most significant first: text order is the order of the numbers.
  return !small && toHex(y.reverse()) < primeBigEndian;
}
