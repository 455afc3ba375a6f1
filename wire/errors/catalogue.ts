/**
 * What an entry of the error catalogue is. One file a boundary holds its entries (`wire.ts`, `hsm.ts`, ...);
 * `index.ts` joins them. docs/errors.md is generated from them.
 */

/** Values that an error may carry. Never a secret, never text from a peer that was not checked. */
export type Fact = string | number | boolean | readonly string[];

/** Marks the facts that an error code carries; exists for the type checker only. */
export interface FactsMark<F> {
  readonly mark?: F;
}
/** Declares the facts of an entry: `facts<{ size: number }>()`. */
export const facts = <F extends Readonly<Record<string, Fact>>>(): FactsMark<F> => ({});

/** One entry: what happened, what the operator does about it, and how HTTP callers see it. */
export interface Entry {
  /** HTTP status for callers that speak HTTP: 400 bad input, 401/403 authority, 404, 409 state, 413 size, 503 not now. */
  readonly http: 400 | 401 | 403 | 404 | 409 | 413 | 429 | 500 | 502 | 503 | 504;
  /** What happened, one sentence, no facts in it. */
  readonly what: string;
  /** What the operator does next, one sentence. */
  readonly todo: string;
  readonly facts: FactsMark<unknown>;
}
