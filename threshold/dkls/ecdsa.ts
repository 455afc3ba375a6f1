/** Plain ECDSA (FIPS 186-5 section 6.4): what is signed, and whether a signature holds. All public. */
import { createHash } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { secp256k1 } from '../../native/curves.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { EcdsaScheme } from '../../wire/ids.ts';
import type { EcdsaHash } from '../../wire/messages/request.ts';
import type { Element, Group } from '../group/group.ts';
import { integerOf } from '../group/integers.ts';
import { groupOf } from '../scheme.ts';
import { checkDigest, digestBytes } from './context.ts';

/** Bytes of a signature: r and s, 32 each, big-endian. */
export const signatureBytes = 64;
const publicKeyBytes = 33;

/**
 * The 32 bytes that ECDSA signs for a message.
 * @throws SymbolonError `threshold/bad-parameters` where a message that is to be signed as it is has not 32 bytes.
 */
export function digestOf(hash: EcdsaHash, message: Uint8Array): Uint8Array {
  switch (hash) {
    case 'keccak256':
      return keccak_256(message);
    case 'sha256':
      return new Uint8Array(createHash('sha256').update(message).digest());
    case 'none':
      checkDigest(message);
      return message.slice();
  }
}

/** FIPS 186-5 section 6.4.1: the leftmost 256 bits of the digest, which is all of it, as an integer modulo the order. */
export const digestScalar = (group: Group, digest: Uint8Array): bigint =>
  group.reduce(integerOf(digest, false));

/** The nonce of a signature as it goes into it. */
export interface NonceCoordinate {
  /** Encoding of R, 33 bytes. */
  readonly encoded: Uint8Array;
  /** x(R) modulo the order, not zero. */
  readonly r: bigint;
  /** SEC 1 section 4.1.6: bit 0 says whether y(R) is odd, bit 1 whether x(R) is not below the order. */
  readonly recovery: number;
}

/**
 * E17, E19: R as the signature takes it.
 * @throws SymbolonError `threshold/degenerate-value` where R is the identity or r is zero (T40).
 */
export function nonceCoordinate(group: Group, point: Element): NonceCoordinate {
  if (group.isIdentity(point)) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'nonce' });
  }
  const encoded = group.encode(point);
  const x = integerOf(encoded.subarray(1), false);
  const r = group.reduce(x);
  if (r === 0n) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'nonce' });
  }
  return { encoded, r, recovery: (encoded[0] === 3 ? 1 : 0) + (x < group.order ? 0 : 2) };
}

/** Whether s is in the lower half: of the two signatures (r, s) and (r, q - s) only that one is taken (T40). */
export const isLow = (group: Group, s: bigint): boolean => s <= group.order >> 1n;

/**
 * E23 (FIPS 186-5 section 6.4.2): whether a 64-byte signature holds for a digest under a public key of 33 bytes. r and s are 1
 * to q - 1, and s is in the lower half (T40). Anything of another length is just not a signature.
 *
 * On secp256k1 libsecp256k1 verifies. On P-256 it is the arithmetic of the group, because node:crypto verifies ECDSA only
 * over messages that it hashes itself.
 */
export function verifyEcdsa(
  scheme: EcdsaScheme,
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (
    publicKey.length !== publicKeyBytes ||
    digest.length !== digestBytes ||
    signature.length !== signatureBytes
  ) {
    return false;
  }
  return scheme === 'dkls23-secp256k1'
    ? secp256k1().verifyEcdsa(signature, digest, publicKey)
    : verifyInGroup(groupOf(scheme), publicKey, digest, signature);
}

/**
 * FIPS 186-5 section 6.4.2: R as a signature under a key has it, u1 * G + u2 * pk. r and s are 1 to q - 1. Its x is r modulo q
 * where the signature holds.
 */
export function nonceOf(
  group: Group,
  key: Element,
  digest: Uint8Array,
  { r, s }: { readonly r: bigint; readonly s: bigint },
): Element {
  const inverse = group.publicInvert(s);
  return group.publicSum([
    [group.generator, group.reduce(digestScalar(group, digest) * inverse)],
    [key, group.reduce(r * inverse)],
  ]);
}

/**
 * The recovery id of a signature under a public key of 33 bytes: with it, and no other, the key comes out of signature and
 * digest again (SEC 1 section 4.1.6). `undefined` where the signature does not hold.
 */
export function recoveryOf(
  scheme: EcdsaScheme,
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): number | undefined {
  const group = groupOf(scheme);
  const key = group.decode(publicKey);
  const r = group.decodeScalar(signature.subarray(0, 32));
  const s = group.decodeScalar(signature.subarray(32));
  if (
    !verifyEcdsa(scheme, publicKey, digest, signature) ||
    key === undefined ||
    r === undefined ||
    s === undefined
  ) {
    return undefined;
  }
  return nonceCoordinate(group, nonceOf(group, key, digest, { r, s })).recovery;
}

function verifyInGroup(
  group: Group,
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = group.decode(publicKey);
  const r = group.decodeScalar(signature.subarray(0, 32));
  const s = group.decodeScalar(signature.subarray(32));
  if (key === undefined || r === undefined || s === undefined || r === 0n || s === 0n || !isLow(group, s)) {
    return false;
  }
  const point = nonceOf(group, key, digest, { r, s });
  return !group.isIdentity(point) && group.reduce(integerOf(group.encode(point).subarray(1), false)) === r;
}
