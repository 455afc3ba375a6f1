/** Plays a protocol with one party whose messages an adversary holds in its hands. */
import type { Run, RunResult } from '../../../threshold/index.ts';

/** One message on its way. A broadcast is one letter to each receiver. */
export interface Letter {
  /** The round that sent it, from 1. */
  readonly round: number;
  readonly kind: 'broadcasts' | 'pairwise';
  readonly from: number;
  readonly to: number;
  readonly raw: Uint8Array;
}

/** What becomes of a letter of the cheater: the bytes that arrive, or nothing. */
export type Tamper = (letter: Letter) => Uint8Array | undefined;

/** What a play came to. */
export interface Played {
  /** Every letter, as its sender meant it. */
  readonly letters: readonly Letter[];
  /** Broadcasts of a round as one party has seen them, its own included. */
  readonly seen: (round: number, by: number) => ReadonlyMap<number, Uint8Array>;
  /** What the honest parties refused with, in the round that stopped the play. Empty where it came to its end. */
  readonly refusals: ReadonlyMap<number, unknown>;
  /** What came out of each party that came to its end. */
  readonly results: ReadonlyMap<number, RunResult>;
}

type Messages = Map<number, Uint8Array>;

/**
 * Plays all rounds. The cheater's own run is an honest one and goes on until it refuses; what it sends is what the adversary
 * makes of it. The play stops after the first round in which an honest party refuses: a session is over for all then.
 */
export function play(runs: ReadonlyMap<number, Run>, cheater: number, tamper: Tamper): Played {
  const letters: Letter[] = [];
  const inboxes: Map<number, { readonly broadcasts: Messages; readonly pairwise: Messages }>[] = [];
  const own = new Map<string, Uint8Array>();
  const refusals = new Map<number, unknown>();
  const silent = new Set<number>();
  const rounds = Math.max(...[...runs.values()].map((run) => run.rounds));
  for (let round = 1; round <= rounds && refusals.size === 0; round += 1) {
    const next = new Map(
      [...runs.keys()].map((index) => [
        index,
        { broadcasts: new Map() as Messages, pairwise: new Map() as Messages },
      ]),
    );
    const send = (letter: Letter): void => {
      letters.push(letter);
      const raw = letter.from === cheater ? tamper(letter) : letter.raw;
      if (raw !== undefined) {
        next.get(letter.to)?.[letter.kind].set(letter.from, raw.slice());
      }
    };
    for (const [from, run] of runs) {
      if (silent.has(from)) {
        continue;
      }
      try {
        const input = inboxes.at(-1)?.get(from) ?? { broadcasts: new Map(), pairwise: new Map() };
        const { broadcast, pairwise } = run.step(round, input);
        own.set(`${round}/${from}`, broadcast);
        for (const to of runs.keys()) {
          if (to !== from) {
            send({ round, kind: 'broadcasts', from, to, raw: broadcast });
          }
        }
        for (const [to, raw] of pairwise) {
          send({ round, kind: 'pairwise', from, to, raw });
        }
      } catch (error) {
        silent.add(from);
        if (from !== cheater) {
          refusals.set(from, error);
        }
      }
    }
    inboxes.push(next);
  }
  const results = new Map<number, RunResult>();
  if (refusals.size === 0) {
    for (const [index, run] of runs) {
      if (!silent.has(index)) {
        results.set(index, run.takeResult());
      }
    }
  }
  return {
    letters,
    seen: (round, by) => {
      const all = new Map(inboxes[round - 1]?.get(by)?.broadcasts ?? []);
      const mine = own.get(`${round}/${by}`);
      return mine === undefined ? all : all.set(by, mine);
    },
    refusals,
    results,
  };
}
