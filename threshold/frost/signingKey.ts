/**
 * The key under which a signature verifies, and the way to it from the joint key or a share: derived first (BIP32), then
 * for BIP340 with even y, then for a key-path spend with the BIP341 tweak and even y again.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { deriveKey } from '../derive.ts';
import type { Group } from '../group/group.ts';
import { badParameters, type KeyPublic } from '../keyShare.ts';
import { Recent } from '../recent.ts';
import { suiteOf, taggedHash } from '../scheme.ts';

/** How a key is tweaked. `bip341`: for a taproot key-path spend of an output without script tree. */
export type Tweak = 'none' | 'bip341';

/**
 * A signing key. Its secret is plus or minus the joint secret, plus `addend`; since the Lagrange coefficients sum to one,
 * a share of it is plus or minus the share, plus the whole `addend`. All public.
 */
export interface SigningKey {
  /** As it goes into the hashes: 32 bytes, or 33 with first byte 2. */
  readonly encoded: Uint8Array;
  /** Whether the joint secret and the shares enter with a minus. */
  readonly negate: boolean;
  readonly addend: bigint;
}

const evenPrefix = 2;

/** BIP340 "Design": x coordinates stand for the point with even y. */
const isOdd = (encoded: Uint8Array): boolean => encoded[0] !== evenPrefix;
const withEvenY = (encoded: Uint8Array): Uint8Array => Uint8Array.of(evenPrefix, ...encoded.subarray(1));

/** A key whose encoding may have odd y, as the one with even y that BIP340 signs for. */
function even(group: Group, { encoded, negate, addend }: SigningKey): SigningKey {
  return isOdd(encoded)
    ? { encoded: withEvenY(encoded), negate: !negate, addend: group.reduce(-addend) }
    : { encoded, negate, addend };
}

const known = new Recent<SigningKey>(1_024);

/**
 * The signing key at a path under a key.
 * @throws SymbolonError `threshold/bad-parameters` for a tweak that the scheme has not (check 18),
 * `threshold/degenerate-value` (check 19), and what {@link deriveKey} throws.
 */
export function signingKeyOf(key: KeyPublic, tweak: Tweak, path: readonly number[]): SigningKey {
  const { group, xOnly } = suiteOf(key.scheme);
  if (tweak !== 'none' && !xOnly) {
    throw badParameters('this scheme has no tweak');
  }
  const name = [key.scheme, tweak, toHex(key.groupPublicKey), toHex(key.chainCode), ...path].join('/');
  return known.get(name, () => {
    const { publicKey, addend } = deriveKey(key, path);
    const derived = { encoded: publicKey, negate: false, addend };
    if (!xOnly) {
      return derived;
    }
    return tweak === 'none' ? even(group, derived) : bip341(group, even(group, derived));
  });
}

/** BIP341 `taproot_tweak_pubkey` with an empty hash, as BIP86 has it: Q = P + int(hashTapTweak(x(P))) * G. */
function bip341(group: Group, internal: SigningKey): SigningKey {
  const point = group.decode(internal.encoded);
  if (point === undefined) {
    throw badParameters('the group key is not a valid point');
  }
  // Check 19. BIP341: "If t >= order, fail"; it is never reduced.
  const tweak = group.decodeScalar(taggedHash('TapTweak', internal.encoded.subarray(1)));
  if (tweak === undefined) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'taproot tweak' });
  }
  const output = group.add(point, group.publicBaseProduct(tweak));
  if (group.isIdentity(output)) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'taproot output key' });
  }
  const addend = group.reduce(internal.addend + tweak);
  return even(group, { encoded: group.encode(output), negate: internal.negate, addend });
}
