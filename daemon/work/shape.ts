/**
 * What a run looks like from outside: how many rounds it has, and who sends what to whom. Known on the main thread before
 * the run has begun elsewhere; shape.test.ts holds it against the runs themselves.
 */
import type { RunPlan } from '../../threshold/index.ts';

/** Rounds of a run and its pairwise messages, by participant index. */
export interface RunShape {
  readonly rounds: number;
  readonly sendsPairwise: (round: number, from: number, to: number) => boolean;
}

const among = (...rounds: readonly number[]): RunShape['sendsPairwise'] => {
  return (round, from, to) => from !== to && rounds.includes(round);
};

/** The shape of a plan's run. */
export function shapeOf(plan: RunPlan): RunShape {
  switch (plan.kind) {
    case 'dkg':
    case 'refresh':
      return { rounds: 3, sendsPairwise: among(2) };
    case 'reshare':
      return {
        rounds: 3,
        sendsPairwise: (round, from, to) =>
          round === 2 && from !== to && plan.dealers.includes(from) && plan.participants.includes(to),
      };
    case 'pair':
    case 'ecdsa-presign':
    case 'ecdsa-sign':
      return { rounds: 3, sendsPairwise: among(1, 2) };
    case 'frost-sign':
      return { rounds: 2, sendsPairwise: () => false };
    case 'ecdsa-online':
      return { rounds: 1, sendsPairwise: () => false };
  }
}
