/** Log lines: one JSON object a line. Facts are public: ids, names, codes, times; never a request, a key or a token. */

/** Levels of a log line. */
export type LogLevel = 'info' | 'warn' | 'error';
/** Facts of a log line. */
export type LogFacts = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
/** Writes one line. */
export type Log = (level: LogLevel, event: string, facts?: LogFacts) => void;

/** A log that writes to `out`. */
export const jsonLog =
  (out: { write: (line: string) => unknown }, now: () => number): Log =>
  (level, event, facts = {}) => {
    out.write(`${JSON.stringify({ t: new Date(now()).toISOString(), level, event, ...facts })}\n`);
  };

/** A log that keeps nothing. */
export const noLog: Log = () => undefined;
