/** A run as the first rounds of a session: begun with round 1, ended with the session. */
import type { RunResult } from '../../../threshold/index.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import type { RunHandle } from '../../work/runner.ts';
import { nameOf, type Outgoing, type RoundInput } from '../rounds.ts';

/** Begins the run once the session has its id: looks up what the run is lent, and hands it over. */
export type Begin = (input: RoundInput) => Promise<RunHandle>;

/** The run of one session. */
export class SessionRun {
  readonly #begin: Begin;
  #handle: RunHandle | undefined;
  #over = false;

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  /** Whether `from` sends a message to `to` alone in a round; nobody does before round 1. */
  readonly sendsPairwise = (round: number, from: number, to: number): boolean =>
    this.#handle?.sendsPairwise(round, from, to) ?? false;

  /** Takes one step and gives its messages, the broadcast first. */
  async step(round: number, input: RoundInput): Promise<Outgoing[]> {
    const handle = round === 1 ? await this.#first(input) : this.#begun(round);
    const { broadcast, pairwise } = await handle.step(round, input);
    const { holders } = input;
    return [
      { payload: broadcast },
      ...[...pairwise].map(([to, payload]) => ({ to: nameOf(holders, to), payload })),
    ];
  }

  /** What came out, after the run's last step. The caller owns and wipes it. */
  result(): Promise<RunResult> {
    return this.#begun(0).result();
  }

  /** Wipes the run. */
  wipe(): void {
    this.#over = true;
    this.#handle?.end();
  }

  async #first(input: RoundInput): Promise<RunHandle> {
    this.#requireAlive();
    const handle = await this.#begin(input);
    if (this.#over) {
      // The session ended while secrets were looked up.
      handle.end();
      this.#requireAlive();
    }
    this.#handle = handle;
    return handle;
  }

  #begun(round: number): RunHandle {
    this.#requireAlive();
    if (this.#handle === undefined) {
      throw new SymbolonError('round/out-of-order', { expected: 1, got: round });
    }
    return this.#handle;
  }

  #requireAlive(): void {
    if (this.#over) {
      throw new SymbolonError('session/wrong-state', { state: 'ended', wanted: 'running' });
    }
  }
}
