/** What the two threads of the fuzzer say to each other. */
import type { Finding, FuzzResult, Progress } from './engine/fuzz.ts';

/** What the fuzzing thread is started with. */
export interface Order {
  /** Names of targets, run one after another. */
  readonly names: readonly string[];
  readonly seed: string;
  readonly seconds: number | undefined;
  readonly executions: number | undefined;
  readonly corpus: string | undefined;
  readonly blind: boolean;
  /** Memory of a `LastInput`. */
  readonly shared: SharedArrayBuffer;
}

/** What the fuzzing thread says. */
export type Answer =
  | { readonly kind: 'begin'; readonly target: string }
  | { readonly kind: 'progress'; readonly target: string; readonly progress: Progress; readonly ms: number }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | {
      readonly kind: 'end';
      readonly target: string;
      readonly result: Omit<FuzzResult, 'found' | 'joined'>;
      readonly ms: number;
    };
