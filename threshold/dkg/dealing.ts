/**
 * Key generation as a dealing: every party deals a random polynomial of degree threshold - 1 to every party, proves that
 * it knows its constant term, and contributes to the chain code.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Scheme } from '../../wire/ids.ts';
import { commitTo, decodeCoefficients, drawCoefficients, wipeAll } from '../dealing/coefficients.ts';
import type { Begun, Dealing, Opened } from '../dealing/dealing.ts';
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import {
  badParameters,
  checkParticipants,
  encodeKeyPublic,
  firstGeneration,
  type KeyPublic,
} from '../keyShare.ts';
import { evaluateInExponent } from '../polynomial.ts';
import { decodeFrom, malformed } from '../received.ts';
import { groupOf } from '../scheme.ts';
import { chainCodeOf, confirmationOf, openingHash, proofChallenge, type DkgContext } from '../transcript.ts';
import { dkgCommitment, dkgOpening, type DkgOpening } from './messages.ts';

/** What a party of key generation is given. */
export interface DkgParameters {
  readonly scheme: Scheme;
  /** 32 bytes, fresh and agreed by all parties (never chosen by one alone). */
  readonly session: Uint8Array;
  /** This party's index. */
  readonly index: number;
  /** Indices of all parties, rising, this one's included. */
  readonly participants: readonly number[];
  readonly threshold: number;
}

/** An opening of key generation. */
export interface DkgOpened extends Opened {
  readonly fields: DkgOpening;
}

/** One party's view of a key generation. @throws SymbolonError `threshold/bad-parameters` (check 1). */
export function dkgDealing(opts: DkgParameters): Dealing<DkgOpened> {
  const { scheme, index, threshold } = opts;
  checkParticipants(opts.participants, threshold);
  if (!opts.participants.includes(index)) {
    throw badParameters('the own index is not among the participants');
  }
  if (opts.session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  const participants = [...opts.participants];
  const context: DkgContext = { scheme, session: opts.session.slice(), participants, threshold };
  const group = groupOf(scheme);
  return {
    group,
    index,
    parties: participants,
    dealers: participants,
    receivers: participants,
    commitmentName: dkgCommitment.name,
    openingName: dkgOpening.name,
    maxOpening: dkgOpening.maxBytes,
    base: undefined,
    begin: (random) => begin(group, context, index, random),
    openingHash: (party, opening) => openingHash(context, party, opening),
    encodeCommitment: (commitment) => dkgCommitment.encode({ v: 1, commitment }),
    decodeCommitment: (party, raw) => decodeFrom(party, raw, dkgCommitment).commitment,
    decodeOpening: (party, raw) => {
      const fields = decodeFrom(party, raw, dkgOpening);
      // Checks 6 and 7.
      return {
        party,
        fields,
        coefficients: decodeCoefficients(group, party, fields.coefficients, threshold),
      };
    },
    checkConstant: (opened) => {
      checkProof(group, context, opened);
    },
    nextKey: (all, sums) => formKey(group, context, all, sums),
    confirmation: (broadcasts, key) =>
      confirmationOf(context, {
        ...broadcasts,
        generation: key.generation,
        keyPublic: encodeKeyPublic(key),
      }),
    wipe: () => undefined,
  };
}

/** Draws, in this order: 48 bytes for each coefficient, 48 for the proof, 32 for the chain code. */
function begin(group: Group, context: DkgContext, index: number, random: Random): Begun {
  const coefficients = drawCoefficients(group, context.threshold, random);
  try {
    return { opening: opening(group, context, index, coefficients, random), coefficients };
  } catch (error) {
    wipeAll(coefficients);
    throw error;
  }
}

function opening(
  group: Group,
  context: DkgContext,
  index: number,
  coefficients: readonly SecretScalar[],
  random: Random,
): Uint8Array {
  const { scalars } = group;
  const commitments = commitTo(group, coefficients);
  // Schnorr proof of possession of the constant term: no party can choose its own as a function of the others' (T17).
  const k = scalars.random(random);
  const proofPoint = group.encode(group.baseProduct(k));
  const challenge = proofChallenge(group, context, index, commitments, proofPoint);
  const [constant = new Uint8Array()] = coefficients;
  const product = scalars.multiply(group.encodeScalar(challenge), constant);
  const proofScalar = scalars.add(k, product);
  k.fill(0);
  product.fill(0);

  return dkgOpening.encode({
    v: 1,
    coefficients: commitments,
    proofPoint,
    proofScalar,
    chainCode: draw(random, 32),
  });
}

/** Check 8: the party knows its constant term: s * G = P + c * A_0. */
function checkProof(group: Group, context: DkgContext, { party, fields, coefficients }: DkgOpened): void {
  const point = group.decode(fields.proofPoint);
  const scalar = group.decodeScalar(fields.proofScalar);
  const [constant] = coefficients;
  if (point === undefined || scalar === undefined || constant === undefined) {
    throw malformed(party, dkgOpening.name, 'proof does not decode');
  }
  const challenge = proofChallenge(group, context, party, fields.coefficients, fields.proofPoint);
  const right = group.add(point, group.publicSum([[constant, challenge]]));
  if (!group.equals(group.publicBaseProduct(scalar), right)) {
    throw new SymbolonError('threshold/bad-proof', { party });
  }
}

/** Check 11, and the public data of the key. */
function formKey(
  group: Group,
  context: DkgContext,
  all: readonly DkgOpened[],
  sums: readonly Element[],
): KeyPublic {
  const { scheme, threshold, participants } = context;
  const [joint = group.identity] = sums;
  const points = participants.map((party) => evaluateInExponent(group, sums, party));
  if ([joint, ...points].some((point) => group.isIdentity(point))) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'group key' });
  }
  const [groupPublicKey = new Uint8Array(), ...shares] = group.encodeAll([joint, ...points]);
  return {
    scheme,
    threshold,
    participants,
    generation: firstGeneration,
    groupPublicKey,
    verifyingShares: new Map(participants.map((party, i) => [party, shares[i] ?? new Uint8Array()])),
    chainCode: chainCodeOf(
      context,
      all.map(({ fields }) => fields.chainCode),
    ),
  };
}
