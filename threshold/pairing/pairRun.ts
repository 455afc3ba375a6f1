/**
 * A run that pairs each two of its participants, in three rounds: base OTs in both directions and a joint seed for shares
 * of zero. See SPEC.md for the messages and every check.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { SteppedRun } from '../steppedRun.ts';
import type { Random } from '../group/group.ts';
import type { OneUse } from '../oneUse.ts';
import type { PlanOf } from '../plan.ts';
import type { Run } from '../run.ts';
import type { OtGroup } from './otGroup.ts';
import { nativeOtGroup } from './nativeOtGroup.ts';
import { pairingRound1, type Round1Content } from './round1.ts';
import { pairingRound2, type Round2Content } from './round2.ts';
import { pairingRound3, wipePairings, type NewPairing } from './round3.ts';

/**
 * Begins a pairing run, on the native group unless told. The result of its third step is `pairings`; the broadcast of that step is the confirmation.
 * @throws SymbolonError of the rounds.
 */
export function pairRun(plan: PlanOf<'pair'>, random: Random, group: OtGroup = nativeOtGroup): Run {
  // Exactly one of these is there at a time; each step empties the one before.
  let first: OneUse<Round1Content> | undefined;
  let second: OneUse<Round2Content> | undefined;
  let third: { readonly pairings: Map<number, NewPairing>; readonly confirmation: Uint8Array } | undefined;
  const present = <T>(state: T | undefined): T => {
    if (state === undefined) {
      throw new SymbolonError('threshold/state-used', { what: 'pairing' });
    }
    return state;
  };
  return new SteppedRun({
    steps: [
      () => {
        const { state, output } = pairingRound1(plan, group, random);
        first = state;
        return output;
      },
      (input) => {
        const { state, output } = pairingRound2(present(first), input);
        second = state;
        return output;
      },
      (input) => {
        third = pairingRound3(present(second), input);
        return { broadcast: third.confirmation.slice(), pairwise: new Map() };
      },
    ],
    pairwise: (round) => round < 3,
    result: () => {
      const { pairings, confirmation } = present(third);
      third = undefined;
      return { kind: 'pairings', pairings, confirmation };
    },
    wipe: () => {
      first?.wipe();
      second?.wipe();
      wipePairings(third?.pairings ?? new Map<number, NewPairing>());
    },
  });
}
