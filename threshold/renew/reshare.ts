/**
 * Reshare: shares of the same key for other holders, or with another threshold. As many present holders as the threshold
 * deal lambda_i * x_i, which add up to the secret, with polynomials of the new degree to the new holders (Desmedt and
 * Jajodia 1997; as in CHURP). The secret is in no place at any time.
 *
 * Nobody proves possession of its constant term: nobody chooses it. It must be lambda_i * X_i, a value that the present
 * public data fixes, and the sum of all of them is the key whatever a dealer knows.
 */
import { equalBytes } from '../../wire/ids.ts';
import { commitTo, decodeCoefficients, drawCoefficients } from '../dealing/coefficients.ts';
import type { Begun, Dealing, Opened } from '../dealing/dealing.ts';
import { dealingRun } from '../dealing/run.ts';
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import {
  badParameters,
  checkKeyShare,
  checkParticipants,
  decodeKeyPublic,
  encodeKeyPublic,
  verifyingShareOf,
  type KeyPublic,
  type KeyShare,
} from '../keyShare.ts';
import type { PlanOf } from '../plan.ts';
import { evaluateInExponent, lagrangeCoefficient } from '../polynomial.ts';
import type { Run } from '../run.ts';
import { groupOf } from '../scheme.ts';
import {
  decodeOpening,
  encodeOpening,
  nextPublic,
  otherPublicKey,
  pointOfRecord,
  renewalPart,
  renewContext,
} from './renewal.ts';

/** What a party of a reshare is given. */
export interface ReshareParameters {
  /** Public data of the key as it is. */
  readonly public: KeyPublic;
  /** This party's index: of a dealer, of a next holder, or of both. */
  readonly index: number;
  /** This party's share where it deals. Lent: the dealing keeps a copy of what it deals and wipes it. */
  readonly share: KeyShare | undefined;
  /** Present holders that deal, rising: exactly as many as the present threshold. */
  readonly dealers: readonly number[];
  /** The next holders, rising, and the next threshold. */
  readonly participants: readonly number[];
  readonly threshold: number;
  /** 32 bytes, fresh and agreed by all parties. */
  readonly session: Uint8Array;
}

/** Checks R1 to R3: who takes part, with which threshold, and whether the own share is the one that is to be dealt. */
function checkParameters(opts: ReshareParameters): void {
  const { public: present, index, share, dealers, participants } = opts;
  checkParticipants(participants, opts.threshold);
  checkParticipants(dealers, present.threshold);
  if (
    dealers.length !== present.threshold ||
    !dealers.every((dealer) => present.participants.includes(dealer))
  ) {
    throw badParameters('the dealers are not as many present holders as the threshold');
  }
  if (!dealers.includes(index) && !participants.includes(index)) {
    throw badParameters('the own index neither deals nor receives');
  }
  if (dealers.includes(index)) {
    if (share?.index !== index || !equalBytes(encodeKeyPublic(share.public), encodeKeyPublic(present))) {
      throw badParameters('the dealt share is of another index or key');
    }
    checkKeyShare(share);
  }
}

/**
 * One party's view of a reshare.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch`.
 */
export function reshareDealing(opts: ReshareParameters): Dealing<Opened> {
  checkParameters(opts);
  const { index } = opts;
  const context = renewContext(opts.public, {
    kind: 'reshare',
    session: opts.session,
    dealers: opts.dealers,
    participants: opts.participants,
    threshold: opts.threshold,
  });
  const { dealers, participants, threshold } = context;
  const present = decodeKeyPublic(context.present);
  const group = groupOf(present.scheme);
  const lambda = (dealer: number): bigint => lagrangeCoefficient(group, dealers, dealer);
  const constant =
    opts.share !== undefined && dealers.includes(index)
      ? group.scalars.multiply(group.encodeScalar(lambda(index)), opts.share.secret)
      : undefined;
  return {
    ...renewalPart(context),
    group,
    index,
    parties: [...new Set([...dealers, ...participants])].sort((a, b) => a - b),
    base: undefined,
    begin: (random) => begin(group, constant, threshold, random),
    decodeOpening: (party, raw) => {
      // Check R6: a whole polynomial from a dealer, nothing from another party.
      const wanted = dealers.includes(party) ? threshold : 0;
      const { coefficients } = decodeOpening(party, raw);
      return { party, coefficients: decodeCoefficients(group, party, coefficients, wanted) };
    },
    checkConstant: ({ party, coefficients: [first] }) => {
      if (first !== undefined) {
        checkConstant(group, present, party, lambda(party), first);
      }
    },
    nextKey: (_, sums) => {
      const [joint = group.identity] = sums;
      // Check R10 (T41). Each constant term is the one that it must be, so only the record itself can be wrong here.
      if (!group.equals(joint, pointOfRecord(group, present.groupPublicKey))) {
        throw otherPublicKey(index);
      }
      const values = participants.map((party) => evaluateInExponent(group, sums, party));
      return nextPublic(group, present, context, values);
    },
    wipe: () => {
      constant?.fill(0);
    },
  };
}

/** Draws 32 bytes for the contribution, then 48 for each coefficient but the constant term. */
function begin(group: Group, constant: SecretScalar | undefined, threshold: number, random: Random): Begun {
  const contribution = draw(random, 32);
  if (constant === undefined) {
    return { opening: encodeOpening([], contribution), coefficients: [] };
  }
  const drawn = drawCoefficients(group, threshold - 1, random);
  const coefficients = [constant.slice(), ...drawn];
  constant.fill(0);
  return { opening: encodeOpening(commitTo(group, coefficients), contribution), coefficients };
}

/** Check R8: the dealer deals its own share of this key, weighted for these dealers: A_0 = lambda_i * X_i (T17, T41). */
function checkConstant(
  group: Group,
  present: KeyPublic,
  party: number,
  lambda: bigint,
  constant: Element,
): void {
  const share = pointOfRecord(group, verifyingShareOf(present, party));
  if (!group.equals(constant, group.publicSum([[share, lambda]]))) {
    throw otherPublicKey(party);
  }
}

/**
 * One party's run of a reshare: three steps. The result is a key share of the next generation, or `departed` for a dealer
 * that is no next holder.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch`.
 */
export const reshareRun = (plan: PlanOf<'reshare'>, random: Random): Run =>
  dealingRun(reshareDealing(plan), random);
