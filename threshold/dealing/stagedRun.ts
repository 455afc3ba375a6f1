/** What every run of the dealing protocols has: steps in their order, an end at the first failure, a result once. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { oneFromEach } from '../received.ts';
import type { RoundInput, RoundOutput, Run, RunResult } from '../run.ts';

/** Where a run stands: what it holds, and the one step that it can take from here. */
export interface Stage {
  /** Takes the step; called at most once. The stage wipes what it holds, whatever the outcome. */
  readonly step: (
    input: RoundInput,
  ) => RoundOutput & ({ readonly next: Stage } | { readonly result: RunResult });
  /** Overwrites what the stage holds, for a run that ends here. */
  readonly wipe: () => void;
}

/** No messages of one kind. */
export const noMessages: ReadonlyMap<number, Uint8Array> = new Map();

/** Check 3 for messages that a round must not bring. @throws SymbolonError `threshold/unexpected-party`. */
export function expectNone(messages: ReadonlyMap<number, Uint8Array>, what: string): void {
  oneFromEach([], messages, what);
}

/** Makes a run of `rounds` steps that starts at a stage. `what` names it in errors. */
export function stagedRun(opts: {
  readonly what: string;
  readonly rounds: number;
  readonly sendsPairwise: Run['sendsPairwise'];
  readonly first: Stage;
}): Run {
  const { what, rounds, sendsPairwise } = opts;
  let stage: Stage | undefined = opts.first;
  let result: RunResult | undefined;
  let done = 0;

  const end = (): void => {
    stage?.wipe();
    stage = undefined;
    if (result?.kind === 'key-share') {
      result.share.secret.fill(0);
    }
    result = undefined;
  };
  const used = (): SymbolonError => new SymbolonError('threshold/state-used', { what });
  return {
    rounds,
    sendsPairwise,
    step(round, input) {
      const now = stage;
      if (now === undefined || round !== done + 1) {
        end();
        throw used();
      }
      done = round;
      try {
        const made = now.step(input);
        if ('next' in made) {
          stage = made.next;
        } else {
          stage = undefined;
          result = made.result;
        }
        return { broadcast: made.broadcast, pairwise: made.pairwise };
      } catch (error) {
        end();
        throw error;
      }
    },
    takeResult() {
      const taken = result;
      result = undefined;
      if (taken === undefined) {
        throw used();
      }
      return taken;
    },
    wipe: end,
  };
}
