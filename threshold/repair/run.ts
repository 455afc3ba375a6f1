/**
 * Share repair: as many holders as the threshold give a holder back the share that it lost. They learn nothing, and it
 * learns no more than its share (Stinson and Wei, ePrint 2017/1155, the enrolment protocol; as in the FROST of the Zcash
 * Foundation, with commitments added).
 *
 * Helper i splits lambda_i * x_i, its part of the lost share, into one random summand for each helper; helper j adds up
 * what it was given; the lost holder adds up those sums. All summands are committed to, so whoever sends a wrong scalar is
 * named. There is no hash commitment first: the summands of a helper add up to a value that the public data fixes, and
 * what comes out is the share that was lost, so nothing is gained by seeing the others' first.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { checkDealt, commitTo, drawCoefficients, sumOfSecrets, wipeAll } from '../dealing/coefficients.ts';
import { expectNone, noMessages, stagedRun, type Stage } from '../dealing/stagedRun.ts';
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { checkKeyShare, type KeyShare } from '../keyShare.ts';
import { malformed, oneFromEach } from '../received.ts';
import type { Run } from '../run.ts';
import { repairConfirmationOf, repairViewOf } from '../transcript.ts';
import { repairSummands } from './messages.ts';
import { readSummands, repairParty, weightOf, type RepairParty, type RepairPlan } from './party.ts';

export type { RepairPlan } from './party.ts';

/**
 * One party's run of a share repair: three steps. The result is the lost share, of the present generation, for the holder
 * that lost it, and nothing for a helper. A holder whose share was not lost has two copies of it after this.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch`.
 */
export function repairRun(plan: RepairPlan, random: Random): Run {
  const party = repairParty(plan);
  const { helpers, lost } = party;
  return stagedRun({
    rounds: 3,
    sendsPairwise: (round, from, to) =>
      helpers.includes(from) &&
      from !== to &&
      ((round === 1 && helpers.includes(to)) || (round === 2 && to === lost)),
    first: splitting(party, plan.share, random),
  });
}

const viewName = 'view of round 1';
const sumName = 'sum of summands';

/** Step 1: a helper splits its part of the lost share; the lost holder says that it is there. */
function splitting(party: RepairParty, share: KeyShare | undefined, random: Random): Stage {
  const { group, index, helpers, lost, key } = party;
  const part =
    index === lost || share === undefined
      ? undefined
      : group.scalars.multiply(group.encodeScalar(weightOf(party, index)), share.secret);
  const wipe = (): void => {
    part?.fill(0);
  };
  return {
    wipe,
    step: ({ broadcasts, pairwise }) => {
      expectNone(broadcasts, repairSummands.name);
      expectNone(pairwise, repairSummands.name);
      const summands = part === undefined ? [] : split(group, part, helpers.length, random);
      wipe();
      const broadcast = repairSummands.encode({
        v: 1,
        generation: key.generation,
        summands: commitTo(group, summands),
      });
      // One for each helper; none where this party is the lost holder.
      const given = new Map(summands.map((summand, i) => [helpers[i] ?? lost, summand]));
      const own = given.get(index);
      given.delete(index);
      return { broadcast: broadcast.slice(), pairwise: given, next: adding(party, broadcast, own) };
    },
  };
}

/** Splits a secret into `count` random summands that are not zero. */
function split(group: Group, secret: SecretScalar, count: number, random: Random): SecretScalar[] {
  const drawn = drawCoefficients(group, count - 1, random);
  const sum = sumOfSecrets(group, drawn);
  const last = group.scalars.subtract(secret, sum);
  sum.fill(0);
  if (group.scalars.isZero(last)) {
    wipeAll(drawn);
    throw new SymbolonError('threshold/degenerate-value', { reason: 'summand' });
  }
  return [...drawn, last];
}

/** Step 2: all check what the helpers committed to; a helper adds up what it was given. */
function adding(party: RepairParty, ownBroadcast: Uint8Array, ownSummand: SecretScalar | undefined): Stage {
  const { group, context, index, helpers, lost, parties } = party;
  const wipe = (): void => {
    ownSummand?.fill(0);
  };
  return {
    wipe,
    step: ({ broadcasts, pairwise }) => {
      try {
        const others = parties.filter((other) => other !== index);
        const received = new Map(oneFromEach(others, broadcasts, repairSummands.name));
        const from = index === lost ? [] : helpers.filter((helper) => helper !== index);
        const given = new Map(oneFromEach(from, pairwise, 'summand'));
        const committed = new Map(
          parties.map((other) => [other, readSummands(party, other, received.get(other) ?? ownBroadcast)]),
        );
        const column = (of: number): [number, Element][] =>
          helpers.map((helper) => [helper, committed.get(helper)?.[helpers.indexOf(of)] ?? group.identity]);
        for (const [helper, commitment] of column(index)) {
          const summand = given.get(helper);
          if (summand !== undefined) {
            // Check H7.
            checkDealt(group, helper, summand, commitment);
          }
        }
        const view = repairViewOf(
          context,
          parties.map((other) => received.get(other) ?? ownBroadcast),
        );
        // What each helper must send to the lost holder, in the exponent.
        const sums = new Map(
          helpers.map((helper) => [
            helper,
            column(helper).reduce((all, [, one]) => group.add(all, one), group.identity),
          ]),
        );
        const toLost = ownSummand && sumOfSecrets(group, [ownSummand, ...given.values()]);
        return {
          broadcast: view.slice(),
          pairwise: toLost === undefined ? noMessages : new Map([[lost, toLost]]),
          next: joining(party, view, sums),
        };
      } finally {
        wipe();
      }
    },
  };
}

/** Step 3: all compare what they saw; the lost holder adds up its share. */
const joining = (party: RepairParty, view: Uint8Array, sums: ReadonlyMap<number, Element>): Stage => ({
  wipe: () => undefined,
  step: ({ broadcasts, pairwise }) => {
    const { context, index, helpers, lost, parties } = party;
    const others = parties.filter((other) => other !== index);
    const views = oneFromEach(others, broadcasts, viewName);
    const given = oneFromEach(index === lost ? helpers : [], pairwise, sumName);
    for (const [other, theirs] of views) {
      if (theirs.length !== view.length) {
        throw malformed(other, viewName, 'not 32 bytes');
      }
      // Check H8, before anyone is blamed: where round 1 was not the same for all, an honest sum may look wrong here.
      if (!equalBytes(theirs, view)) {
        throw new SymbolonError('threshold/split-view', { party: other });
      }
    }
    const confirmation = repairConfirmationOf(context, view);
    return {
      broadcast: confirmation.slice(),
      pairwise: noMessages,
      result:
        index === lost
          ? { kind: 'key-share', share: join(party, given, sums), confirmation }
          : { kind: 'nothing' },
    };
  },
});

/** Checks H9 and H10; the restored share is the caller's to wipe. */
function join(
  { group, key, lost }: RepairParty,
  given: readonly (readonly [number, SecretScalar])[],
  sums: ReadonlyMap<number, Element>,
): KeyShare {
  for (const [helper, sum] of given) {
    checkDealt(group, helper, sum, sums.get(helper) ?? group.identity);
  }
  const secret = sumOfSecrets(
    group,
    given.map(([, sum]) => sum),
  );
  const share: KeyShare = { public: key, index: lost, secret };
  try {
    checkKeyShare(share);
    return share;
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}
