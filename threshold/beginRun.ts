/** From a plan to the run that carries it out. */
import { dkgRun } from './dkg/run.ts';
import { onlineRun } from './dkls/online.ts';
import { ecdsaSignRun, presignRun } from './dkls/presign.ts';
import { frostSignRun } from './frost/run.ts';
import type { Random } from './group/group.ts';
import { pairRun } from './pairing/pairRun.ts';
import type { RunPlan } from './plan.ts';
import { refreshRun } from './renew/refresh.ts';
import { reshareRun } from './renew/reshare.ts';
import type { Run } from './run.ts';

/**
 * Begins a run. What the plan lends is copied where the run keeps it.
 * @throws SymbolonError `threshold/*` where the parts of the plan do not fit together.
 */
export function beginRun(plan: RunPlan, random: Random): Run {
  switch (plan.kind) {
    case 'dkg':
      return dkgRun(plan, random);
    case 'refresh':
      return refreshRun(plan, random);
    case 'reshare':
      return reshareRun(plan, random);
    case 'pair':
      return pairRun(plan, random);
    case 'frost-sign':
      return frostSignRun(plan, random);
    case 'ecdsa-presign':
      return presignRun(plan, random);
    case 'ecdsa-sign':
      return ecdsaSignRun(plan, random);
    case 'ecdsa-online':
      return onlineRun(plan);
  }
}
