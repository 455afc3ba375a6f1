/**
 * The three rounds in which nodes make pairings: base-OT receiver messages, sender messages, stored. A node can't know
 * whether another one stored its end: the ids of both ends are compared at each use, and when the session ends.
 */
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes } from '../../../wire/ids.ts';
import { pairingStored } from '../../../wire/messages/session.ts';
import type { Runner } from '../../work/runner.ts';
import { wipeResult } from '../../work/wipe.ts';
import { nameOf, type RoundInput, type Rounds } from '../rounds.ts';
import { SessionRun } from './run.ts';

/** Round in which the pairings are stored. */
const lastRound = 3;

/** What a run of pairing is about. */
export interface PairOptions {
  /** This node's index. */
  readonly index: number;
  /** Indices of all participants, rising. */
  readonly participants: readonly number[];
}
/** What it works with. */
export interface PairModules {
  readonly runner: Runner;
  /** Stores one pairing in place of whatever there is. Durable when it resolves. The secret stays the caller's. */
  readonly store: (peer: string, index: number, id: Uint8Array, secret: Uint8Array) => Promise<void>;
}

/** What this node stored. */
interface Stored {
  readonly confirmation: Uint8Array;
  /** By peer's index. */
  readonly ids: ReadonlyMap<number, Uint8Array>;
}

/** A run that makes pairings with each other participant. */
export function pairRounds({ index, participants }: PairOptions, modules: PairModules): Rounds {
  const { runner, store } = modules;
  const run = new SessionRun(({ session }) =>
    Promise.resolve(runner.begin({ kind: 'pair', session, index, participants })),
  );
  let own: Stored | undefined;

  const finish = async ({ holders }: RoundInput): Promise<Uint8Array> => {
    const made = await run.result();
    try {
      if (made.kind !== 'pairings') {
        throw new TypeError('a run of another kind');
      }
      const { pairings, confirmation } = made;
      const sorted = [...pairings].sort(([a], [b]) => a - b);
      for (const [peer, { id, secret }] of sorted) {
        await store(nameOf(holders, peer), peer, id, secret);
      }
      own = { confirmation, ids: new Map(sorted.map(([peer, { id }]) => [peer, id])) };
      return pairingStored.encode({
        v: 1,
        confirmation,
        pairings: sorted.map(([peer, { id }]) => ({ peer, id })),
      });
    } finally {
      wipeResult(made);
    }
  };

  return {
    last: lastRound,
    lasting: true,
    sendsPairwise: run.sendsPairwise,
    wipe: () => {
      run.wipe();
    },
    step: async (round, input) => {
      const outputs = await run.step(round, input);
      return round < lastRound ? outputs : [{ payload: await finish(input) }];
    },
    confirm: (broadcasts, holders) => {
      for (const [from, theirs] of broadcasts) {
        if (own === undefined || !agrees(own, index, from, theirs)) {
          throw new SymbolonError('round/split-view', { peer: nameOf(holders, from), round: lastRound });
        }
      }
    },
  };
}

/** Whether the other end stored the same pairing, and saw the same broadcasts. */
function agrees(own: Stored, index: number, from: number, raw: Uint8Array): boolean {
  const ours = own.ids.get(from);
  try {
    const { confirmation, pairings } = pairingStored.decode(raw);
    const theirs = pairings.find(({ peer }) => peer === index)?.id;
    return (
      equalBytes(confirmation, own.confirmation) &&
      ours !== undefined &&
      theirs !== undefined &&
      equalBytes(theirs, ours)
    );
  } catch (error) {
    if (isSymbolonError(error)) {
      return false;
    }
    throw error;
  }
}
