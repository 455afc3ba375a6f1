/** What is fuzzed: a parser, what it may refuse with, and what must hold for everything that it accepts. */
import { isSymbolonError } from '../../../wire/errors/index.ts';
import type { Form } from '../mutate/index.ts';

/** A target. */
export interface Target {
  /** Unique; letters, digits, hyphens. */
  readonly name: string;
  /** What it parses, in a few words. */
  readonly what: string;
  readonly form: Form;
  /** Longest input in bytes that is tried: a little more than the parser's cap, so that the cap is tried too. */
  readonly maxBytes: number;
  /** Boundaries of the catalogue (`wire`) and codes (`hsm/record-broken`) that it may refuse with. */
  readonly refuses: readonly string[];
  /** Inputs that it accepts, made when the target is run. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words of the format beside those of its seeds. */
  readonly words?: readonly string[];
  /** Messages (the first argument of `message(...)`) that are decoded in it and have no target of their own. */
  readonly covers?: readonly string[];
  /** How much slower one input is than those of most targets: it runs as many fewer where executions are counted. */
  readonly weight?: number;
  /** It overwrites its input, as a reader of secrets does. */
  readonly wipes?: true;
  /** Runs the parser and checks what it gave. Throws the parser's refusal, or anything else where a promise is broken. */
  readonly run: (input: Uint8Array) => void;
}

/** A promise that did not hold for an input that was accepted. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** @throws BrokenPromise with `promise`. */
export function hold(condition: boolean, promise: string): asserts condition {
  if (!condition) {
    throw new BrokenPromise(promise);
  }
}

/** Holds that an encoding is the very bytes that were decoded. */
export function holdSame(encoded: Uint8Array, input: Uint8Array): void {
  hold(Buffer.compare(encoded, input) === 0, 'what was decoded encodes to other bytes');
}

/** Whether `error` is a refusal that the target may give. */
export const isRefusal = ({ refuses }: Target, error: unknown): boolean =>
  isSymbolonError(error) &&
  refuses.some((allowed) => error.code === allowed || error.code.startsWith(`${allowed}/`));
