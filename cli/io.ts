/** Where a command writes: results to stdout, everything else to stderr, so that stdout can be piped. */
import { makeStyle, wantsColour, type Style } from './style.ts';

/** The outside of a command. */
export interface Io {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** Style of what goes to stdout. */
  readonly style: Style;
  /** Style of what goes to stderr. */
  readonly errStyle: Style;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths start from. */
  readonly cwd: string;
  readonly now: () => number;
}

/** `symbolon status | head -1`: a reader that has seen enough is no failure, and `up` goes on without its terminal. */
function ignoreGoneReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      throw error;
    }
  });
}

/** The real streams of this process. */
export function processIo(): Io {
  ignoreGoneReader(process.stdout);
  ignoreGoneReader(process.stderr);
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    style: makeStyle(wantsColour(process.stdout.isTTY, process.env)),
    errStyle: makeStyle(wantsColour(process.stderr.isTTY, process.env)),
    env: process.env,
    cwd: process.cwd(),
    now: Date.now,
  };
}

/** Prints a result: one JSON object where `json` is set, otherwise the lines for people. */
export function result(io: Io, json: boolean, value: unknown, lines: readonly string[]): void {
  if (json) {
    io.out(JSON.stringify(value));
  } else {
    for (const line of lines) {
      io.out(line);
    }
  }
}
