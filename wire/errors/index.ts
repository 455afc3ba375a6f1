/**
 * The one error catalogue. Every error that leaves a boundary is a {@link SymbolonError} with a stable code from here,
 * typed facts, and a `cause` where there is one.
 */
import type { Entry, Fact, FactsMark } from './catalogue.ts';
import { channelErrors } from './channel.ts';
import { cliErrors } from './cli.ts';
import { coordinatorErrors } from './coordinator.ts';
import { daemonErrors } from './daemon.ts';
import { evidenceErrors } from './evidence.ts';
import { hsmErrors } from './hsm.ts';
import { manifestErrors } from './manifest.ts';
import { nativeErrors } from './native.ts';
import { storeErrors } from './store.ts';
import { thresholdErrors } from './threshold.ts';
import { tpmErrors } from './tpm.ts';
import { wireErrors } from './wire.ts';

/** All entries by code. */
export const catalogue = {
  ...wireErrors,
  ...thresholdErrors,
  ...hsmErrors,
  ...evidenceErrors,
  ...tpmErrors,
  ...channelErrors,
  ...nativeErrors,
  ...storeErrors,
  ...manifestErrors,
  ...daemonErrors,
  ...coordinatorErrors,
  ...cliErrors,
} as const satisfies Record<string, Entry>;

/** Every stable error code. */
export type ErrorCode = keyof typeof catalogue;
/** The codes of one boundary, for example `CodeOf<'evidence'>`. */
export type CodeOf<Boundary extends string> = Extract<ErrorCode, `${Boundary}/${string}`>;
/** The facts that a code carries. */
export type FactsOf<C extends ErrorCode> =
  (typeof catalogue)[C]['facts'] extends FactsMark<infer F> ? F & Readonly<Record<string, Fact>> : never;

/** An error of the catalogue. Its message is the catalogue's sentence followed by the facts. */
export class SymbolonError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'SymbolonError';
  readonly code: C;
  readonly facts: FactsOf<C>;

  constructor(code: C, facts: FactsOf<C>, options?: { readonly cause?: unknown }) {
    super(describe(code, facts), options);
    this.code = code;
    this.facts = facts;
  }

  /** What the operator does next. */
  get todo(): string {
    return catalogue[this.code].todo;
  }

  /** HTTP status of this code. */
  get http(): number {
    return catalogue[this.code].http;
  }
}

function describe(code: ErrorCode, given: Readonly<Record<string, Fact>>): string {
  const details = Object.entries(given)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ');
  return details === '' ? catalogue[code].what : `${catalogue[code].what} (${details})`;
}

/** True where `error` is a catalogue error, and of this code where one is given. */
export function isSymbolonError<C extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: C,
): error is SymbolonError<C> {
  return error instanceof SymbolonError && (code === undefined || error.code === code);
}

export type { Entry, Fact } from './catalogue.ts';
