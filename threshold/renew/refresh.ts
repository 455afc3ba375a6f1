/**
 * Refresh: new shares of the same key for the same holders. Every holder deals a polynomial whose constant term is zero
 * to every holder; who adds its old share and what it was dealt has a share of the same secret on another polynomial
 * (Herzberg, Jarecki, Krawczyk, Yung, CRYPTO 1995, section 3). Shares of two generations do not fit together (T20).
 */
import { commitTo, decodeCoefficients, drawCoefficients } from '../dealing/coefficients.ts';
import { onOnePolynomial } from '../dealing/consistent.ts';
import type { Dealing, Opened } from '../dealing/dealing.ts';
import { dealingRun } from '../dealing/run.ts';
import type { Element, Group, Random } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import {
  checkKeyShare,
  decodeKeyPublic,
  verifyingShareOf,
  type KeyPublic,
  type KeyShare,
} from '../keyShare.ts';
import type { PlanOf } from '../plan.ts';
import { evaluateInExponent } from '../polynomial.ts';
import type { Run } from '../run.ts';
import { groupOf } from '../scheme.ts';
import type { RenewContext } from '../transcript.ts';
import {
  decodeOpening,
  encodeOpening,
  nextPublic,
  otherPublicKey,
  pointOfRecord,
  renewalPart,
  renewContext,
} from './renewal.ts';

/** What a holder is given. */
export interface RefreshParameters {
  /** Lent: the dealing keeps a copy of the secret and wipes it. */
  readonly share: KeyShare;
  /** 32 bytes, fresh and agreed by all holders. */
  readonly session: Uint8Array;
}

/**
 * One holder's view of a refresh.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch` (check R1).
 */
export function refreshDealing(opts: RefreshParameters): Dealing<Opened> {
  const { share } = opts;
  const { participants, threshold } = share.public;
  const context = renewContext(share.public, {
    kind: 'refresh',
    session: opts.session,
    dealers: participants,
    participants,
    threshold,
  });
  checkKeyShare(share);
  const { index } = share;
  const present = decodeKeyPublic(context.present);
  const group = groupOf(present.scheme);
  const base = share.secret.slice();
  return {
    ...renewalPart(context),
    group,
    index,
    parties: context.participants,
    base,
    begin: (random) => {
      // 32 bytes for the contribution, then 48 for each of a_1 to a_(t-1).
      const contribution = draw(random, 32);
      const coefficients = drawCoefficients(group, threshold - 1, random);
      return {
        opening: encodeOpening(commitTo(group, coefficients), contribution),
        coefficients: [new Uint8Array(32), ...coefficients],
      };
    },
    decodeOpening: (party, raw) => {
      const { coefficients } = decodeOpening(party, raw);
      // Check R6: A_1 to A_(t-1) and no more, so that A_0 is the identity in every equation that follows.
      const decoded = decodeCoefficients(group, party, coefficients, threshold - 1);
      return { party, coefficients: [group.identity, ...decoded] };
    },
    checkConstant: () => undefined,
    nextKey: (_, sums) => nextKey(group, index, present, context, sums),
    wipe: () => {
      base.fill(0);
    },
  };
}

/** Checks R10 and R11, and the public data of the next generation: X'_j = X_j + the sum of F_i(j). */
function nextKey(
  group: Group,
  index: number,
  present: KeyPublic,
  context: RenewContext,
  sums: readonly Element[],
): KeyPublic {
  const values = present.participants.map((party) =>
    group.add(pointOfRecord(group, verifyingShareOf(present, party)), evaluateInExponent(group, sums, party)),
  );
  // T41. The dealt polynomials can't move the key; a record whose verifying shares do not make it up would pass it on.
  const fits = onOnePolynomial(group, {
    points: present.participants.map(BigInt),
    values,
    threshold: present.threshold,
    constant: pointOfRecord(group, present.groupPublicKey),
  });
  if (!fits) {
    throw otherPublicKey(index);
  }
  return nextPublic(group, present, context, values);
}

/**
 * One holder's run of a refresh: three steps. The result is a key share of the next generation. All holders take part.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch`.
 */
export const refreshRun = (plan: PlanOf<'refresh'>, random: Random): Run =>
  dealingRun(refreshDealing(plan), random);
