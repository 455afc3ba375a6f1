/**
 * The refusal file beside the socket: why the HSM process did not start. It lets the daemon say the reason by name
 * instead of "unavailable", and keeps a PIN that was refused from being tried a second time, whoever starts the
 * process again (T30). Public facts only.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { SymbolonError } from '../wire/errors/index.ts';
import { oneOf, optional, record, text, uint, type TypeOf } from '../wire/shape.ts';
import { readJsonFile } from './json.ts';
import { fromProblem, problemShape, toProblem } from './problem.ts';

const refusalShape = record({
  v: oneOf(1),
  problem: problemShape,
  /** Mark of the PIN file whose PIN the token refused. */
  pinMark: optional(text(128)),
  /** Unix milliseconds. */
  at: uint(),
});
/** A refusal file. */
export type Refusal = TypeOf<typeof refusalShape>;

/** Path of the refusal file of a socket. */
export const refusalFile = (socket: string): string => `${socket}.refused`;

/** Writes the refusal file; replaces the one of an earlier start. */
export function writeRefusal(socket: string, error: unknown, pinMark: string | undefined, now: number): void {
  const refusal: Refusal = {
    v: 1,
    problem: toProblem(error),
    ...(pinMark === undefined ? {} : { pinMark }),
    at: now,
  };
  const file = refusalFile(socket);
  const draft = `${file}.new`;
  rmSync(draft, { force: true });
  // Made anew, never opened: the folder may be one that others can write (`hsm/socket-exposed`), and a link in it theirs.
  writeFileSync(draft, `${JSON.stringify(refusal)}\n`, { mode: 0o600, flush: true, flag: 'wx' });
  renameSync(draft, file);
}

/** Reads the refusal file; a broken one says nothing. */
export function readRefusal(socket: string): Refusal | undefined {
  const read = readJsonFile(refusalFile(socket), refusalShape);
  return read.state === 'read' ? read.value : undefined;
}

/** The error that the refusal file of a socket names, where there is one. */
export function refusalError(socket: string): SymbolonError | undefined {
  const refusal = readRefusal(socket);
  return refusal === undefined ? undefined : fromProblem(refusal.problem);
}

/** Removes the refusal file: the process serves. */
export function clearRefusal(socket: string): void {
  rmSync(refusalFile(socket), { force: true });
}
