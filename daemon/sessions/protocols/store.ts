/**
 * The four rounds in which nodes make a key, or new shares of one: hash commitments, openings with pairwise shares,
 * confirmations, stored. Nothing is stored before every participant has confirmed that it saw the same broadcasts (T16).
 */
import type { KeyPublic, RunPlan, RunResult } from '../../../threshold/index.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes } from '../../../wire/ids.ts';
import { keyStored } from '../../../wire/messages/session.ts';
import { storedRound, type Keystore, type PendingKey } from '../../keystore/keystore.ts';
import type { Runner } from '../../work/runner.ts';
import { wipeResult } from '../../work/wipe.ts';
import { nameOf, type Outgoing, type RoundInput, type Rounds } from '../rounds.ts';
import { SessionRun } from './run.ts';

/** What differs between a new key and new shares of a key. */
export interface StoreOptions {
  readonly purpose: string;
  readonly label: string;
  /** `issuedAt` of the request: all nodes put what several sessions stored in one order by it. */
  readonly requestedAt: number;
  /** The key that gets new shares; absent where a key is made. */
  readonly before?: KeyPublic | undefined;
  /** The plan, once the session has its id. What it lends goes to the run at once. */
  readonly plan: (session: Uint8Array) => Promise<RunPlan> | RunPlan;
}
/** What it works with. `stored` is told the key once its record is on the disk. */
export interface StoreModules {
  readonly runner: Runner;
  readonly keystore: Pick<Keystore, 'putPending' | 'putDeparture'>;
  readonly stored: (key: string, session: Uint8Array) => void;
}

type Made = Extract<RunResult, { kind: 'key-share' | 'departed' }>;

/** A run that ends with a stored record. */
export function storeRounds(opts: StoreOptions, modules: StoreModules): Rounds {
  const run = new SessionRun(async ({ session }) => modules.runner.begin(await opts.plan(session)));
  return {
    last: storedRound,
    lasting: true,
    sendsPairwise: run.sendsPairwise,
    wipe: () => {
      run.wipe();
    },
    step: async (round, input) => {
      if (round < storedRound) {
        return run.step(round, input);
      }
      const made = await run.result();
      // The share is this call's own now: a session that ends meanwhile does not wipe it while it is being sealed. The
      // store keeps a copy of its own; this one ends here, whatever happens.
      try {
        return await store(made, input, opts, modules);
      } finally {
        wipeResult(made);
      }
    },
  };
}

async function store(
  made: RunResult,
  input: RoundInput,
  opts: StoreOptions,
  { keystore, stored }: StoreModules,
): Promise<Outgoing[]> {
  if (made.kind !== 'key-share' && made.kind !== 'departed') {
    throw new TypeError('a run of another kind');
  }
  requireSame(input, made.confirmation);
  const key = made.kind === 'departed' ? made.public : made.share.public;
  requireSameKey(opts.before, key, made);
  const { purpose, label, requestedAt } = opts;
  const common: Omit<PendingKey, 'share'> = {
    purpose,
    label,
    requestedAt,
    holders: input.holders.filter(({ index }) => key.participants.includes(index)),
    session: input.session,
    transcript: input.transcript,
  };
  const { id, generation } =
    made.kind === 'departed'
      ? await keystore.putDeparture({ ...common, public: key })
      : await keystore.putPending({ ...common, share: made.share });
  stored(id, input.session);
  return [{ payload: keyStored.encode({ v: 1, stored: id, generation }) }];
}

/** T16: every participant saw the same broadcasts. @throws SymbolonError `round/split-view`, which names who did not. */
export function requireSame({ broadcasts, holders }: RoundInput, confirmation: Uint8Array): void {
  for (const [from, theirs] of broadcasts) {
    if (!equalBytes(theirs, confirmation)) {
      throw new SymbolonError('round/split-view', { peer: nameOf(holders, from), round: storedRound - 1 });
    }
  }
}

/** T41: new shares are of the same key and of the next generation. The run has checked it; the disk is asked to keep it. */
function requireSameKey(before: KeyPublic | undefined, key: KeyPublic, made: Made): void {
  const same =
    before === undefined ||
    (equalBytes(before.groupPublicKey, key.groupPublicKey) &&
      before.scheme === key.scheme &&
      before.generation + 1 === key.generation);
  if (!same) {
    const party = made.kind === 'key-share' ? made.share.index : 0;
    throw new SymbolonError('threshold/other-public-key', { party });
  }
}
