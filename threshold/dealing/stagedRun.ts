/** The runs of the dealing protocols: each step hands what it holds on to the stage after it. */
import { oneFromEach } from '../received.ts';
import type { RoundInput, RoundOutput, Run, RunResult } from '../run.ts';
import { SteppedRun } from '../steppedRun.ts';

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

/** Makes a run of `rounds` steps that starts at a stage. */
export function stagedRun(opts: {
  readonly rounds: number;
  readonly sendsPairwise: Run['sendsPairwise'];
  readonly first: Stage;
}): Run {
  let stage: Stage | undefined = opts.first;
  let result: RunResult | undefined;
  const step = (input: RoundInput): RoundOutput => {
    if (stage === undefined) {
      throw new TypeError('a step after the last stage');
    }
    const made = stage.step(input);
    if ('next' in made) {
      stage = made.next;
    } else {
      stage = undefined;
      result = made.result;
    }
    return { broadcast: made.broadcast, pairwise: made.pairwise };
  };
  return new SteppedRun({
    steps: Array.from({ length: opts.rounds }, () => step),
    pairwise: opts.sendsPairwise,
    result: () => {
      const taken = result;
      result = undefined;
      if (taken === undefined) {
        throw new TypeError('no stage gave a result');
      }
      return taken;
    },
    wipe: () => {
      stage?.wipe();
      stage = undefined;
      if (result?.kind === 'key-share') {
        result.share.secret.fill(0);
      }
      result = undefined;
    },
  });
}
