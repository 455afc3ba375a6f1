/**
 * The key under which a signature verifies, derived from the joint key: the joint key itself (Ed25519), the joint key
 * with even y (BIP340), or that key with the BIP341 tweak and even y again.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Element, Group } from '../group/group.ts';
import { integerOf } from '../group/noble.ts';
import { badParameters, type KeyPublic } from '../keyShare.ts';
import { suiteOf, taggedHash } from '../scheme.ts';

/** How the joint key is tweaked. `bip341`: for a taproot key-path spend of an output without script tree. */
export type Tweak = 'none' | 'bip341';

/** A signing key: its encoding, and the way from the joint key or a share to it. */
export interface SigningKey {
  /** As it goes into the hashes: 32 bytes, or 33 with first byte 2. */
  readonly encoded: Uint8Array;
  /** Negate first, */
  readonly negateBefore: boolean;
  /** then add this (the sum of the Lagrange coefficients is one, so each share takes the whole tweak), */
  readonly addend: bigint;
  /** then negate again. */
  readonly negateAfter: boolean;
}

const evenPrefix = 2;

/** BIP340 "Design": x coordinates stand for the point with even y. */
const isOdd = (encoded: Uint8Array): boolean => encoded[0] !== evenPrefix;
const withEvenY = (encoded: Uint8Array): Uint8Array => Uint8Array.of(evenPrefix, ...encoded.subarray(1));

/** BIP341 tweaks of keys already seen, with the key bytes that each was made of. Public data only. */
const tweaked = new WeakMap<KeyPublic, { readonly from: Uint8Array; readonly to: SigningKey }>();

/**
 * The signing key of a key.
 * @throws SymbolonError `threshold/bad-parameters` for a tweak that the scheme has not.
 */
export function signingKeyOf(key: KeyPublic, tweak: Tweak): SigningKey {
  const { group, xOnly } = suiteOf(key.scheme);
  if (!xOnly) {
    if (tweak !== 'none') {
      throw badParameters('this scheme has no tweak');
    }
    return { encoded: key.groupPublicKey, negateBefore: false, addend: 0n, negateAfter: false };
  }
  const negateBefore = isOdd(key.groupPublicKey);
  if (tweak === 'none') {
    return { encoded: withEvenY(key.groupPublicKey), negateBefore, addend: 0n, negateAfter: false };
  }
  const seen = tweaked.get(key);
  if (seen !== undefined && Buffer.compare(seen.from, key.groupPublicKey) === 0) {
    return seen.to;
  }
  const to = bip341(group, key.groupPublicKey, negateBefore);
  tweaked.set(key, { from: key.groupPublicKey.slice(), to });
  return to;
}

/** BIP341 `taproot_tweak_pubkey` with an empty hash, as BIP86 has it: Q = P + int(hashTapTweak(x(P))) * G. */
function bip341(group: Group, joint: Uint8Array, negateBefore: boolean): SigningKey {
  const even = withEvenY(joint);
  const point = group.decode(even);
  if (point === undefined) {
    throw badParameters('the group key is not a valid point');
  }
  const addend = integerOf(taggedHash('TapTweak', even.subarray(1)), false);
  // BIP341: "If t >= order, fail"; it is never reduced.
  if (addend >= group.order) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'taproot tweak' });
  }
  const output = group.add(point, group.publicBaseProduct(addend));
  if (group.isIdentity(output)) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'taproot output key' });
  }
  const encoded = group.encode(output);
  return { encoded: withEvenY(encoded), negateBefore, addend, negateAfter: isOdd(encoded) };
}

/** The share of the signing key that a share of the joint key becomes. */
export function adjustSecret(group: Group, key: SigningKey, secret: bigint): bigint {
  const first = group.reduce((key.negateBefore ? -secret : secret) + key.addend);
  return key.negateAfter ? group.reduce(-first) : first;
}

/** The public counterpart of {@link adjustSecret}. */
export function adjustPoint(group: Group, key: SigningKey, point: Element): Element {
  const even = key.negateBefore ? group.negate(point) : point;
  const moved = key.addend === 0n ? even : group.add(even, group.publicBaseProduct(key.addend));
  return key.negateAfter ? group.negate(moved) : moved;
}

/**
 * The 32-byte public key under which signatures verify: the Ed25519 key, or the x coordinate for BIP340, tweaked where
 * asked.
 * @throws SymbolonError `threshold/bad-parameters` for a tweak that the scheme has not.
 */
export function publicKeyOf(key: KeyPublic, tweak: Tweak): Uint8Array {
  const { encoded } = signingKeyOf(key, tweak);
  return suiteOf(key.scheme).xOnly ? encoded.slice(1) : encoded.slice();
}
