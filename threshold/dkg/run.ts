/** Key generation as a {@link Run}. */
import { dealingRun } from '../dealing/run.ts';
import type { Random } from '../group/group.ts';
import type { PlanOf } from '../plan.ts';
import type { Run } from '../run.ts';
import { dkgDealing } from './dealing.ts';

/**
 * One party's run of key generation: three steps, as dkg/rounds.ts. The result is a key share of the first generation.
 * @throws SymbolonError `threshold/bad-parameters`.
 */
export const dkgRun = (plan: PlanOf<'dkg'>, random: Random): Run => dealingRun(dkgDealing(plan), random);
