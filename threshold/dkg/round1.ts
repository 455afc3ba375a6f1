/** Key generation, round 1: choose a polynomial, and broadcast a hash commitment to everything that depends on it. */
import type { Scheme } from '../../wire/ids.ts';
import type { Random } from '../group/group.ts';
import { draw } from '../group/noble.ts';
import { badParameters, checkParticipants } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import { suiteOf } from '../scheme.ts';
import { openingHash, proofChallenge, type DkgContext } from '../transcript.ts';
import { dkgCommitment, dkgOpening } from './messages.ts';

/** What a run of key generation is given. */
export interface DkgOptions {
  readonly scheme: Scheme;
  /** 32 bytes, fresh and agreed by all parties (never chosen by one alone). */
  readonly session: Uint8Array;
  /** This party's index. */
  readonly index: number;
  /** Indices of all parties, rising, this one's included. */
  readonly participants: readonly number[];
  readonly threshold: number;
  /** Source of 48 bytes for each coefficient and the proof, and 32 for the chain code. */
  readonly random: Random;
}

/** What round 1 leaves to round 2. */
export interface Round1Content {
  readonly context: DkgContext;
  readonly index: number;
  /** The secret coefficients, 32 bytes each, constant term first. */
  readonly coefficients: readonly Uint8Array[];
  /** Own broadcasts of rounds 1 and 2. */
  readonly commitment: Uint8Array;
  readonly opening: Uint8Array;
}
/** State between rounds 1 and 2. One use. */
export type DkgRound1State = OneUse<Round1Content>;

/**
 * Makes the polynomial of degree threshold - 1, its Feldman commitments, the proof of possession and the chain code
 * contribution, and commits to them.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/bad-randomness`.
 */
export function dkgRound1(opts: DkgOptions): { state: DkgRound1State; broadcast: Uint8Array } {
  const { scheme, index, threshold, random } = opts;
  checkParticipants(opts.participants, threshold);
  if (!opts.participants.includes(index)) {
    throw badParameters('the own index is not among the participants');
  }
  if (opts.session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  const context = { scheme, session: opts.session.slice(), participants: [...opts.participants], threshold };
  const { group } = suiteOf(scheme);

  const coefficients = Array.from({ length: threshold }, () => group.randomScalar(random));
  const commitments = group.encodeAll(coefficients.map((coefficient) => group.baseProduct(coefficient)));

  // Schnorr proof of possession of the constant term: no party can choose its own as a function of the others' (T17).
  const k = group.randomScalar(random);
  const proofPoint = group.encode(group.baseProduct(k));
  const challenge = proofChallenge(group, context, index, commitments, proofPoint);
  const proof = group.reduce(k + challenge * (coefficients[0] ?? 0n));

  const opening = dkgOpening.encode({
    v: 1,
    coefficients: commitments,
    proofPoint,
    proofScalar: group.encodeScalar(proof),
    chainCode: draw(random, 32),
  });
  const commitment = dkgCommitment.encode({ v: 1, commitment: openingHash(context, index, opening) });
  const content: Round1Content = {
    context,
    index,
    coefficients: coefficients.map((coefficient) => group.encodeScalar(coefficient)),
    commitment,
    opening,
  };
  return {
    state: new OneUse('dkg round 1', content, wipeRound1),
    // The state keeps its own copies of what was sent: the caller may do with its bytes what it likes.
    broadcast: commitment.slice(),
  };
}

/** Overwrites the coefficients. */
export function wipeRound1(content: Round1Content): void {
  for (const coefficient of content.coefficients) {
    coefficient.fill(0);
  }
}
