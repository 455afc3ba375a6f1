/**
 * A key that existed whole: one dealer, who knows the secret, deals it to the holders with Feldman commitments. The place
 * where that happens is a single point of failure for good: a refresh after it makes the dealt shares worthless, but whoever
 * kept the secret keeps the key. Whatever holds the key should say so to its owner.
 */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, hash32, schemes, type Scheme } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint } from '../../wire/shape.ts';
import { commitTo, drawCoefficients, wipeAll } from '../dealing/coefficients.ts';
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import {
  badParameters,
  checkKeyShare,
  checkParticipants,
  encodeKeyPublic,
  firstGeneration,
  type KeyShare,
} from '../keyShare.ts';
import { evaluate, evaluateInExponent } from '../polynomial.ts';
import { groupOf } from '../scheme.ts';
import { splitConfirmationOf } from '../transcript.ts';
import { badImport } from './json.ts';

/** What the dealer tells all holders, at most 1,270 bytes. */
export const splitKey = message(
  'split-key',
  2_048,
  record({
    v: oneOf(1),
    scheme: oneOf(...schemes),
    /** Indices of the holders, rising. */
    participants: list(uint(maxNodes, 1), maxNodes, 2),
    /** A_0 to A_(t-1): the coefficients times the generator; the first is the public key. */
    coefficients: list(bytes(32, 33), maxNodes, 2),
    chainCode: hash32,
  }),
);

/** What the dealer and the holders agree on beforehand. */
export interface SplitParameters {
  readonly scheme: Scheme;
  readonly participants: readonly number[];
  readonly threshold: number;
}

/**
 * Splits a secret that exists whole. Gives the broadcast and a share of 32 bytes for each holder, which the caller sends to
 * that holder alone and wipes; the secret stays the caller's to wipe. Draws 48 bytes for each coefficient but the first, and
 * 32 for the chain code where none is given.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/bad-import`, `threshold/bad-randomness`.
 */
export function spofSplitKey(
  opts: SplitParameters & { readonly secret: SecretScalar; readonly chainCode?: Uint8Array },
  random: Random,
): { broadcast: Uint8Array; shares: Map<number, SecretScalar> } {
  const { scheme, participants, threshold, secret } = opts;
  checkParticipants(participants, threshold);
  const group = groupOf(scheme);
  if (!group.scalars.isCanonical(secret) || group.scalars.isZero(secret)) {
    throw badImport('the secret is zero or not below the order');
  }
  const chainCode = opts.chainCode ?? draw(random, 32);
  const coefficients = [secret.slice(), ...drawCoefficients(group, threshold - 1, random)];
  try {
    const broadcast = splitKey.encode({
      v: 1,
      scheme,
      participants: [...participants],
      coefficients: commitTo(group, coefficients),
      chainCode,
    });
    return {
      broadcast,
      shares: new Map(participants.map((index) => [index, evaluate(group, coefficients, index)])),
    };
  } finally {
    wipeAll(coefficients);
  }
}

/**
 * A holder's part: checks the share against the commitments, and those against what was agreed and the public key that the
 * owner of the key says it has. Gives the key share, which the caller wipes, and the confirmation that all holders must find
 * equal before anything is stored (T16). The dealt share stays the caller's to wipe.
 * @throws SymbolonError `threshold/bad-import`, `threshold/bad-parameters`, `wire/*` on a broadcast that does not decode.
 */
export function acceptSplitKey(
  opts: SplitParameters & {
    /** 32 bytes, fresh and agreed by all holders. */
    readonly session: Uint8Array;
    readonly index: number;
    /** The public key that the secret is to have, untweaked, in the encoding of the scheme. */
    readonly groupPublicKey: Uint8Array;
    readonly broadcast: Uint8Array;
    /** What the dealer sent to this holder alone. */
    readonly share: SecretScalar;
  },
): { share: KeyShare; confirmation: Uint8Array } {
  const { scheme, participants, threshold, index } = opts;
  checkParticipants(participants, threshold);
  if (!participants.includes(index) || opts.session.length !== 32) {
    throw badParameters('the own index takes no part, or the session id has not 32 bytes');
  }
  const told = splitKey.decode(opts.broadcast);
  // I1: what is dealt is what was agreed, with a polynomial of degree t - 1.
  if (
    told.scheme !== scheme ||
    told.participants.join() !== participants.join() ||
    told.coefficients.length !== threshold
  ) {
    throw badImport('the dealer speaks of other holders, another threshold or another scheme');
  }
  const group = groupOf(scheme);
  const coefficients = told.coefficients.map((raw) => pointOf(group, raw));
  const [groupPublicKey = new Uint8Array()] = told.coefficients;
  if (!equalBytes(groupPublicKey, opts.groupPublicKey)) {
    throw badImport('the dealt key has another public key');
  }
  const points = participants.map((party) => evaluateInExponent(group, coefficients, party));
  if (points.some((point) => group.isIdentity(point))) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'verifying share' });
  }
  const encoded = group.encodeAll(points);
  const key = {
    scheme,
    threshold,
    participants: [...participants],
    generation: firstGeneration,
    groupPublicKey,
    verifyingShares: new Map(participants.map((party, i) => [party, encoded[i] ?? new Uint8Array()])),
    chainCode: told.chainCode,
  };
  const share: KeyShare = { public: key, index, secret: opts.share.slice() };
  try {
    // I2: f(i) * G is the polynomial, evaluated at i in the exponent.
    checkKeyShare(share);
  } catch (error) {
    share.secret.fill(0);
    throw new SymbolonError(
      'threshold/bad-import',
      { reason: 'the dealt share does not lie on the committed polynomial' },
      { cause: error },
    );
  }
  return { share, confirmation: splitConfirmationOf(opts.session, opts.broadcast, encodeKeyPublic(key)) };
}

function pointOf(group: Group, raw: Uint8Array): Element {
  const element = group.decode(raw);
  if (element === undefined) {
    throw badImport('a coefficient is not a valid point');
  }
  return element;
}

/**
 * The secret scalar of an Ed25519 private key of 32 bytes (RFC 8032 section 5.1.5: the low half of SHA-512, clamped), modulo
 * the order. The public key is the same. The seed can't be had back from it, so software that asks for a seed can't export
 * this key; and signatures of ours are not the ones that the seed would have made, because the nonces are others. The seed
 * stays the caller's to wipe.
 */
export function spofEd25519Scalar(seed: Uint8Array): SecretScalar {
  if (seed.length !== 32) {
    throw badImport('an Ed25519 seed has 32 bytes');
  }
  const hash = createHash('sha512').update(seed).digest();
  const wide = new Uint8Array(64);
  wide.set(hash.subarray(0, 32));
  hash.fill(0);
  wide[0] = (wide[0] ?? 0) & 248;
  wide[31] = ((wide[31] ?? 0) & 127) | 64;
  try {
    return groupOf('frost-ed25519').scalars.fromWide(wide);
  } finally {
    wide.fill(0);
  }
}
