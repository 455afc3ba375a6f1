/** Where protocols run: one run lives in one place from its beginning to its end. The main thread never runs one. */
import type { RoundInput, RoundOutput, RunPlan, RunResult } from '../../threshold/index.ts';
import type { GivenEvidence, Judged, JudgeOptions } from '../sessions/peers.ts';

/** One run, wherever it lives. */
export interface RunHandle {
  /** Number of its last round. */
  readonly rounds: number;
  /** Whether `from` sends a message to `to` alone in a round, by participant index. */
  readonly sendsPairwise: (round: number, from: number, to: number) => boolean;
  /**
   * Takes one step. What is handed in is copied before this returns: the caller may wipe it at once. Pairwise messages of
   * the output are the caller's to wipe.
   * @throws SymbolonError `threshold/*`; `node/worker-ended` where the thread died. A run that threw is over.
   */
  readonly step: (round: number, input: RoundInput) => Promise<RoundOutput>;
  /** What came out, after the last step; once. The caller owns and wipes it. @throws SymbolonError as `step`. */
  readonly result: () => Promise<RunResult>;
  /** Wipes the run. May be called at any time and more than once; what is under way comes to its end and is dropped. */
  readonly end: () => void;
}

/** Runs protocols, and judges evidence, which costs as much. */
export interface Runner {
  /** Begins a run. The plan is copied before this returns: its owner may wipe it at once. Refusals come with the first step. */
  readonly begin: (plan: RunPlan) => RunHandle;
  /** `judgePeers` of sessions/. @throws SymbolonError `node/worker-ended`. */
  readonly judge: (given: readonly GivenEvidence[], options: JudgeOptions) => Promise<Judged>;
  /** Wipes every run and ends the threads. */
  readonly close: () => Promise<void>;
}
