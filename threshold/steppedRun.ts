/** The order of steps, kept for every protocol: each step once, in order, and nothing after a step that threw. */
import { SymbolonError } from '../wire/errors/index.ts';
import { oneFromEach } from './received.ts';
import type { Run, RoundInput, RoundOutput, RunResult } from './run.ts';

/** A protocol as its steps; {@link SteppedRun} sees to their order. */
export interface Steps {
  readonly steps: readonly ((input: RoundInput) => RoundOutput)[];
  /** Whether the broadcast of a round comes with a message from one party to another one alone. */
  readonly pairwise: (round: number, from: number, to: number) => boolean;
  /** What came out; called once, after the last step. */
  readonly result: () => RunResult;
  /** Overwrites every secret; called at any time and more than once. */
  readonly wipe: () => void;
}

/** A run of some steps. It has private fields only: JSON, structured clone and the inspector show nothing of it (T12). */
export class SteppedRun implements Run {
  readonly #protocol: Steps;
  /** Number of the next step; past the last one the result is due; `undefined` once the run is over. */
  #next: number | undefined = 1;

  constructor(protocol: Steps) {
    this.#protocol = protocol;
  }

  get rounds(): number {
    return this.#protocol.steps.length;
  }

  sendsPairwise(round: number, from: number, to: number): boolean {
    return from !== to && this.#protocol.pairwise(round, from, to);
  }

  step(round: number, input: RoundInput): RoundOutput {
    const step = this.#protocol.steps[round - 1];
    if (step === undefined || round !== this.#next) {
      this.wipe();
      throw new SymbolonError('threshold/state-used', { what: `round ${round}` });
    }
    // Over until it has come out well: a step that throws leaves nothing to go on with.
    this.#next = undefined;
    try {
      if (round === 1) {
        // E4: there was no round before the first one.
        oneFromEach([], input.broadcasts, 'round 1');
        oneFromEach([], input.pairwise, 'round 1');
      }
      const output = step(input);
      this.#next = round + 1;
      return output;
    } finally {
      if (this.#next === undefined) {
        this.wipe();
      }
    }
  }

  takeResult(): RunResult {
    if (this.#next !== this.rounds + 1) {
      throw new SymbolonError('threshold/state-used', { what: 'result' });
    }
    this.#next = undefined;
    return this.#protocol.result();
  }

  wipe(): void {
    this.#next = undefined;
    this.#protocol.wipe();
  }
}
