/** JSON lines on stdout. Facts come from closed lists and numbers: no content, no peer's text. */
import type { Fact } from '../../wire/errors/index.ts';

/** How loud a line is. */
export type Level = 'info' | 'warn' | 'error';
/** Writes one line. */
export type Log = (level: Level, event: string, facts?: Readonly<Record<string, Fact>>) => void;

/** Makes a log that writes to `out`, with the time of `now` (Unix milliseconds). */
export const makeLog =
  (out: (line: string) => void, now: () => number): Log =>
  (level, event, facts = {}) => {
    out(`${JSON.stringify({ t: new Date(now()).toISOString(), level, event, ...facts })}\n`);
  };

/**
 * Counts what happens often and logs each kind at most once a period, with its number: a flood of connections must not
 * become a flood of lines.
 */
export class Tally {
  readonly #log: Log;
  readonly #periodMs: number;
  readonly #counts = new Map<string, { event: string; reason: string; count: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, periodMs: number) {
    this.#log = log;
    this.#periodMs = periodMs;
  }

  /** Counts one. */
  add(event: string, reason: string): void {
    const key = `${event} ${reason}`;
    const entry = this.#counts.get(key) ?? { event, reason, count: 0 };
    entry.count += 1;
    this.#counts.set(key, entry);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, this.#periodMs).unref();
  }

  /** Logs what was counted. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { event, reason, count } of this.#counts.values()) {
      this.#log('warn', event, { reason, count });
    }
    this.#counts.clear();
  }
}
