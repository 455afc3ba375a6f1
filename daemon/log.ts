/**
 * The node's log: one JSON object a line. What a line can hold is a closed set of fields, so no payload, key or peer's
 * text can slip in: names, codes, numbers, and sentences of the error catalogue.
 */

/** Levels of a line. */
export type LogLevel = 'info' | 'warn' | 'error';

/** Every fact that a line can carry. Add a field here before it can be logged. */
export interface LogFacts {
  readonly node?: string;
  readonly phase?: string;
  readonly address?: string;
  readonly platform?: string;
  readonly client?: string;
  readonly peer?: string;
  readonly route?: string;
  /** First 16 hexadecimal digits of a session id. */
  readonly session?: string;
  readonly action?: string;
  readonly key?: string;
  readonly round?: number;
  /** Code of the error catalogue. */
  readonly code?: string;
  /** The catalogue's sentence with its typed facts; at most 1024 characters. */
  readonly detail?: string;
  /** Id of an unknown error, given to the caller too. */
  readonly id?: string;
  /** Class and stack frames of an unknown error, without its message. */
  readonly where?: string;
  readonly version?: number;
  /** Generation of a key. */
  readonly generation?: number;
  /** What a node has counted, and what a peer has seen of it. */
  readonly mark?: number;
  readonly witnessed?: number;
  readonly count?: number;
  readonly ms?: number;
}

/** Writes one line. */
export type Log = (level: LogLevel, event: string, facts?: LogFacts) => void;

/** A log that writes lines to `write`, with the time from `now` in Unix milliseconds. */
export function jsonLog(write: (line: string) => void, now: () => number): Log {
  return (level, event, given = {}) => {
    write(`${JSON.stringify({ t: new Date(now()).toISOString(), level, event, ...given })}\n`);
  };
}

/**
 * Where an unknown error came from: its class and its stack frames. Its message is left out, because it may quote what
 * the failing code held.
 */
export function whereOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error;
  }
  // The stack begins with the message, which may itself hold lines that look like frames.
  const stack = error.stack ?? '';
  const end = stack.indexOf(error.message) + error.message.length;
  const frames = stack
    .slice(Math.max(0, end))
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 6)
    .map((line) => line.trim());
  return `${error.name} ${frames.join(' < ')}`.slice(0, 1_024);
}
