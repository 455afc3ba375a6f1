/**
 * What a key is to a participant: the public data that all participants share, and its own secret share. The encoding
 * of the public part is what a sealed record authenticates.
 */
import { SymbolonError } from '../wire/errors/index.ts';
import { hash32, schemes, type Scheme } from '../wire/ids.ts';
import { maxNodes } from '../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint } from '../wire/shape.ts';
import type { SecretScalar } from './group/group.ts';
import { groupOf } from './scheme.ts';

/** The generation of a key that was just made. Each refresh adds one. */
export const firstGeneration = 1;

/** Public data of a key. */
export interface KeyPublic {
  readonly scheme: Scheme;
  /** How many participants sign together. */
  readonly threshold: number;
  /** Indices of all holders of a share, rising, from 1. */
  readonly participants: readonly number[];
  /** Generation of the shares, from 1. Shares of two generations never sign together (T20). */
  readonly generation: number;
  /** The joint public key, untweaked: 32 bytes (Ed25519) or 33 (secp256k1 and P-256, compressed). */
  readonly groupPublicKey: Uint8Array;
  /** The public counterpart of each participant's share, by index, in the same encoding. */
  readonly verifyingShares: ReadonlyMap<number, Uint8Array>;
  /** 32 bytes to which all participants contributed, for derivation. */
  readonly chainCode: Uint8Array;
}

/** A participant's share. The share owns `secret`; {@link wipeKeyShare} ends its life. */
export interface KeyShare {
  readonly public: KeyPublic;
  readonly index: number;
  /** The secret scalar, 32 bytes in the group's encoding. */
  readonly secret: Uint8Array;
}

const element = bytes(32, 33);

/** Byte format of {@link KeyPublic}: 243 to 1,341 bytes; verifying shares in the order of the participants. */
export const keyPublicBytes = message(
  'key-public',
  2_048,
  record({
    v: oneOf(1),
    scheme: oneOf(...schemes),
    threshold: uint(maxNodes, 2),
    participants: list(uint(maxNodes, 1), maxNodes, 2),
    generation: uint(Number.MAX_SAFE_INTEGER, firstGeneration),
    groupPublicKey: element,
    verifyingShares: list(element, maxNodes, 2),
    chainCode: hash32,
  }),
);

/** Encodes public data of a key. Throws `threshold/bad-parameters` where it is not consistent. */
export function encodeKeyPublic(key: KeyPublic): Uint8Array {
  checkKeyPublic(key);
  const { scheme, threshold, participants, generation, groupPublicKey, chainCode } = key;
  return keyPublicBytes.encode({
    v: 1,
    scheme,
    threshold,
    participants: [...participants],
    generation,
    groupPublicKey,
    verifyingShares: participants.map((index) => verifyingShareOf(key, index)),
    chainCode,
  });
}

/**
 * Decodes public data of a key. The record that holds it is authenticated; points are checked for their size here and
 * decoded where they are used.
 * @throws SymbolonError `wire/*` on other bytes, `threshold/bad-parameters` where the parts do not fit together.
 */
export function decodeKeyPublic(raw: Uint8Array): KeyPublic {
  const decoded = keyPublicBytes.decode(raw);
  const { scheme, threshold, participants, generation, groupPublicKey, chainCode, verifyingShares } = decoded;
  if (verifyingShares.length !== participants.length) {
    throw badParameters('not one verifying share a participant');
  }
  const key: KeyPublic = {
    scheme,
    threshold,
    participants,
    generation,
    groupPublicKey,
    verifyingShares: new Map(participants.map((index, i) => [index, verifyingShares[i] ?? new Uint8Array()])),
    chainCode,
  };
  checkKeyPublic(key);
  return key;
}

/** An error for parameters that do not fit together. */
export const badParameters = (reason: string): SymbolonError<'threshold/bad-parameters'> =>
  new SymbolonError('threshold/bad-parameters', { reason });

/** Checks threshold and indices: t is 2 to n, n at most 32, indices rising from 1, so no zero and no index twice (T17). */
export function checkParticipants(participants: readonly number[], threshold: number): void {
  participants.forEach((index, i) => {
    if (!Number.isInteger(index) || index < 1 || index > maxNodes) {
      throw badParameters(`an index is not 1 to ${maxNodes}`);
    }
    if (index <= (participants[i - 1] ?? 0)) {
      throw badParameters('indices are not rising');
    }
  });
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > participants.length) {
    throw badParameters('the threshold is not 2 to the number of participants');
  }
}

function checkKeyPublic(key: KeyPublic): void {
  checkParticipants(key.participants, key.threshold);
  const size = groupOf(key.scheme).elementBytes;
  const sizesFit = [key.groupPublicKey, ...key.verifyingShares.values()].every((raw) => raw.length === size);
  if (!sizesFit) {
    throw badParameters('a point has not the size of the scheme');
  }
  if (
    key.verifyingShares.size !== key.participants.length ||
    !key.participants.every((index) => key.verifyingShares.has(index))
  ) {
    throw badParameters('not one verifying share a participant');
  }
}

/** The verifying share of a participant. Throws `threshold/unexpected-party` where it holds none. */
export function verifyingShareOf(key: KeyPublic, index: number): Uint8Array {
  const share = key.verifyingShares.get(index);
  if (share === undefined) {
    throw new SymbolonError('threshold/unexpected-party', { party: index, message: 'verifying share' });
  }
  return share;
}

/**
 * Checks that the secret belongs to its verifying share: secret * G = verifyingShares[index] (T29). To be called
 * whenever a share comes out of a store.
 * @throws SymbolonError `threshold/share-mismatch`.
 */
export function checkKeyShare(share: KeyShare): void {
  const group = groupOf(share.public.scheme);
  const wanted = share.public.verifyingShares.get(share.index);
  const fits =
    wanted !== undefined &&
    group.scalars.isCanonical(share.secret) &&
    !group.scalars.isZero(share.secret) &&
    Buffer.compare(group.encode(group.baseProduct(share.secret)), wanted) === 0;
  if (!fits) {
    throw new SymbolonError('threshold/share-mismatch', { index: share.index });
  }
}

/**
 * The secret of a share, checked to be a scalar that is not zero. It is the share's own array, not a copy.
 * @throws SymbolonError `threshold/state-used` where the share was wiped, `threshold/share-mismatch` where it is no scalar.
 */
export function secretOf(share: KeyShare): SecretScalar {
  const { scalars } = groupOf(share.public.scheme);
  if (!scalars.isCanonical(share.secret)) {
    throw new SymbolonError('threshold/share-mismatch', { index: share.index });
  }
  if (scalars.isZero(share.secret)) {
    throw new SymbolonError('threshold/state-used', { what: 'key share' });
  }
  return share.secret;
}

/** Overwrites the secret of a share. */
export function wipeKeyShare(share: KeyShare): void {
  share.secret.fill(0);
}
