/** What the main thread and a worker thread say to each other. Every order but `end` and `close` is answered once. */
import type { RoundInput, RoundOutput, RunPlan, RunResult } from '../../threshold/index.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { GivenEvidence, Judged, JudgeOptions } from '../sessions/peers.ts';
import type { Refused, Thrown } from './thrown.ts';

/** What a worker is told. `run` names a run, `call` the answer that is waited for. */
export type Order =
  | { readonly kind: 'begin'; readonly run: number; readonly plan: RunPlan }
  | {
      readonly kind: 'step';
      readonly run: number;
      readonly call: number;
      readonly round: number;
      readonly input: RoundInput;
    }
  | { readonly kind: 'result'; readonly run: number; readonly call: number }
  | { readonly kind: 'end'; readonly run: number }
  | {
      readonly kind: 'judge';
      readonly call: number;
      readonly given: readonly GivenEvidence[];
      readonly options: Omit<JudgeOptions, 'manifest'>;
      /** Absent where it is the one of the order before. */
      readonly manifest: VerifiedManifest | undefined;
    }
  | { readonly kind: 'close' };

/** Judged evidence as data. */
export type JudgedData =
  | Extract<Judged, { kind: 'accepted' }>
  | {
      readonly kind: 'refused';
      readonly refusals: readonly { readonly peer: string; readonly error: Refused }[];
    };

/** What a worker answers. */
export type Answer = { readonly call: number } & (
  | { readonly kind: 'output'; readonly output: RoundOutput }
  | { readonly kind: 'result'; readonly result: RunResult }
  | { readonly kind: 'judged'; readonly judged: JudgedData }
  | { readonly kind: 'thrown'; readonly thrown: Thrown }
);
