/** JSON lines on standard output: time, level, event, public facts. Never a secret, never bytes from a peer (T33). */
import type { Fact } from '../wire/errors/index.ts';

/** Levels of a log line. */
export type Level = 'info' | 'warn' | 'error';
/** Writes one log line. */
export type Log = (level: Level, event: string, facts?: Readonly<Record<string, Fact>>) => void;

/** A log that writes to `write`, with times of `now` (Unix milliseconds). */
export const jsonLog =
  (write: (line: string) => void, now: () => number): Log =>
  (level, event, facts = {}) => {
    write(`${JSON.stringify({ t: now(), level, event, ...facts })}\n`);
  };
