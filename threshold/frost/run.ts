/** FROST signing as a run of two steps: commitments, then signature shares. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { SteppedRun } from '../steppedRun.ts';
import type { Random } from '../group/group.ts';
import { badParameters, wipeKeyShare } from '../keyShare.ts';
import type { PlanOf } from '../plan.ts';
import { oneFromEach } from '../received.ts';
import type { Run, RoundInput, RoundOutput } from '../run.ts';
import { frostCommitment } from './messages.ts';
import { commit } from './round1.ts';
import { signShare } from './round2.ts';

const broadcastOnly = (broadcast: Uint8Array): RoundOutput => ({ broadcast, pairwise: new Map() });

/**
 * Begins the run of one signer. Step 1 gives the commitment (at most 120 bytes), step 2 the signature share (32 bytes);
 * nothing is pairwise, and the result is `nothing`: whoever has all shares aggregates.
 * @throws SymbolonError `threshold/bad-parameters` where the signers are not a rising list of at least t holders with this
 * party among them (check 15).
 */
export function frostSignRun(plan: PlanOf<'frost-sign'>, random: Random): Run {
  const { participants, threshold } = plan.share.public;
  const signers = [...plan.signers];
  const wellFormed =
    signers.length >= threshold &&
    signers.every((party, i) => participants.includes(party) && party > (signers[i - 1] ?? 0)) &&
    signers.includes(plan.share.index);
  if (!wellFormed) {
    throw badParameters('the signers are not a rising list of enough holders with the own index');
  }
  const share = { ...plan.share, secret: plan.share.secret.slice() };
  const input = { message: plan.message.slice(), tweak: plan.tweak, path: [...plan.path] };
  let first: ReturnType<typeof commit> | undefined;

  const step1 = (): RoundOutput => {
    first = commit({ share, random });
    return broadcastOnly(first.commitment.slice());
  };
  const step2 = ({ broadcasts, pairwise }: RoundInput): RoundOutput => {
    if (first === undefined) {
      throw new SymbolonError('threshold/state-used', { what: 'nonces' });
    }
    // The set was agreed before the run: a relay can neither leave a signer out nor put one in (T36).
    const others = signers.filter((party) => party !== share.index);
    oneFromEach([], pairwise, frostCommitment.name);
    const commitments = new Map([
      ...oneFromEach(others, broadcasts, frostCommitment.name),
      [share.index, first.commitment] as const,
    ]);
    const made = signShare({ share, nonces: first.nonces, commitments, ...input });
    wipeKeyShare(share);
    return broadcastOnly(made);
  };
  return new SteppedRun({
    steps: [step1, step2],
    pairwise: () => false,
    result: () => ({ kind: 'nothing' }),
    wipe: () => {
      first?.nonces.wipe();
      wipeKeyShare(share);
    },
  });
}
