/** A dealing as a {@link Run} of three steps: commitments; openings and dealt shares; confirmation. */
import type { Random } from '../group/group.ts';
import type { Run, RunResult } from '../run.ts';
import type { Dealing, Opened, Outcome } from './dealing.ts';
import { commitRound, dealRound, sumRound, type CommittedState, type DealtState } from './rounds.ts';
import { expectNone, noMessages, stagedRun, type Stage } from './stagedRun.ts';

/** Makes the run. It owns the dealing and wipes it. */
export const dealingRun = <O extends Opened>(dealing: Dealing<O>, random: Random): Run =>
  stagedRun({
    rounds: 3,
    sendsPairwise: (round, from, to) =>
      round === 2 && from !== to && dealing.dealers.includes(from) && dealing.receivers.includes(to),
    first: begun(dealing, random),
  });

const begun = <O extends Opened>(dealing: Dealing<O>, random: Random): Stage => ({
  wipe: () => {
    dealing.wipe();
  },
  step: ({ broadcasts, pairwise }) => {
    expectNone(broadcasts, dealing.commitmentName);
    expectNone(pairwise, dealing.commitmentName);
    const { state, broadcast } = commitRound(dealing, random);
    return { broadcast, pairwise: noMessages, next: committed(dealing, state) };
  },
});

const committed = <O extends Opened>(dealing: Dealing<O>, held: CommittedState<O>): Stage => ({
  wipe: () => {
    held.wipe();
  },
  step: ({ broadcasts, pairwise }) => {
    expectNone(pairwise, dealing.commitmentName);
    const { state, ...output } = dealRound(held, broadcasts);
    return { ...output, next: dealt(state) };
  },
});

const dealt = <O extends Opened>(held: DealtState<O>): Stage => ({
  wipe: () => {
    held.wipe();
  },
  step: ({ broadcasts, pairwise }) => {
    const outcome = sumRound(held, broadcasts, pairwise);
    return {
      broadcast: outcome.confirmation.slice(),
      pairwise: noMessages,
      result: resultOf(outcome),
    };
  },
});

const resultOf = ({ index, public: key, secret, confirmation }: Outcome): RunResult =>
  secret === undefined
    ? { kind: 'departed', public: key, confirmation }
    : { kind: 'key-share', share: { public: key, index, secret }, confirmation };
