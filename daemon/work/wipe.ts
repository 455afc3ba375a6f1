/** Where the secrets lie in what goes to a run and comes from it, so that every owner can overwrite what is its own. */
import type { RunPlan, RunResult } from '../../threshold/index.ts';
import type { Answer } from './messages.ts';

/** Overwrites byte arrays. */
export function wipeEach(secrets: Iterable<Uint8Array>): void {
  for (const secret of secrets) {
    secret.fill(0);
  }
}

/** Wipes the secrets of a plan: the run has copied what it keeps. */
export function wipePlan(plan: RunPlan): void {
  switch (plan.kind) {
    case 'dkg':
    case 'pair':
      return;
    case 'frost-sign':
    case 'refresh':
      plan.share.secret.fill(0);
      return;
    case 'reshare':
      plan.share?.secret.fill(0);
      return;
    case 'ecdsa-presign':
    case 'ecdsa-sign':
      plan.share.secret.fill(0);
      wipeEach([...plan.pairings.values()].map(({ secret }) => secret));
      return;
    case 'ecdsa-online':
      wipeEach([plan.presignature.phi, plan.presignature.u, plan.presignature.v]);
  }
}

/** Wipes the secrets of a result that nobody takes, or that was copied. */
export function wipeResult(result: RunResult): void {
  switch (result.kind) {
    case 'nothing':
    case 'departed':
      return;
    case 'key-share':
      result.share.secret.fill(0);
      return;
    case 'pairings':
      wipeEach([...result.pairings.values()].map(({ secret }) => secret));
      return;
    case 'presignature':
      wipeEach([result.presignature.phi, result.presignature.u, result.presignature.v]);
  }
}

/** Wipes the secrets of an answer: its copy is on the way. */
export function wipeAnswer(answer: Answer): void {
  if (answer.kind === 'output') {
    wipeEach(answer.output.pairwise.values());
  } else if (answer.kind === 'result') {
    wipeResult(answer.result);
  }
}
