/** One process of the cluster: started with its log file as output, watched for its ready line, ended by its own id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SymbolonError } from '../../wire/errors/index.ts';
import { makeFolder } from './files.ts';
import { refTo, type ProcessRef } from './processTable.ts';
import { dirname } from 'node:path';

/** What to start. */
export interface ProcessSpec {
  /** Name in logs and messages: `node-1.hsm`. */
  readonly name: string;
  /** The compiled main module, absolute. */
  readonly main: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The log file, absolute. The one of the run before is kept beside it as `.1`. */
  readonly log: string;
  /** Whether it may be started again after it ended with this code (`null`: by a signal). */
  readonly mayRestart: (code: number | null) => boolean;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started process. */
export interface Started {
  readonly ref: ProcessRef;
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
}

/** Keeps the log of the last run as `.1`, once for each `up`. */
export function rotateLog(log: string): void {
  makeFolder(dirname(log));
  if (existsSync(log)) {
    renameSync(log, `${log}.1`);
  }
}

/**
 * The environment of every process: nothing of the caller's but the path and the time zone, so that no secret of a
 * person's shell reaches them.
 */
function plainEnvironment(): Record<string, string> {
  const kept = ['PATH', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR'];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Starts a process in a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone. */
export async function startProcess(spec: ProcessSpec): Promise<Started> {
  const output = openSync(spec.log, 'a', 0o600);
  try {
    const child = spawn(process.execPath, [spec.main, ...spec.args], {
      cwd: spec.cwd,
      env: plainEnvironment(),
      stdio: ['ignore', output, output],
      detached: true,
    });
    const ended = new Promise<Ending>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => {
        resolve(child.pid ?? 0);
      });
    });
    // A process that ended at once has no start time any more; its ending says why.
    return { ref: refTo(pid) ?? { pid, start: 'ended' }, child, ended };
  } finally {
    closeSync(output);
  }
}

/** A daemon serves before its keys are open: it answers then, and says why it is not ready. */
const readyPattern = /"event":"(?:ready|serving)"/;
const pollMs = 15;

/** Waits until the log, read from `from`, holds the process's ready line. */
export async function waitReady(
  spec: ProcessSpec,
  started: Started,
  from: number,
  timeoutMs: number,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  const failure = started.ended.then((ending) => ending);
  let over: Ending | undefined;
  void failure.then((ending) => {
    over = ending;
  });
  const seen = new LogTail(spec.log, from);
  for (;;) {
    if (readyPattern.test(seen.more())) {
      return;
    }
    if (over !== undefined) {
      throw new SymbolonError('cli/process-failed', {
        process: spec.name,
        code: over.signal ?? String(over.code),
        log: spec.log,
      });
    }
    if (Date.now() > until) {
      throw new SymbolonError('cli/start-timeout', {
        process: spec.name,
        seconds: Math.round(timeoutMs / 1_000),
        log: spec.log,
      });
    }
    await sleep(pollMs);
  }
}

/** Reads what is appended to a log file; keeps the unfinished last line for the next look. */
class LogTail {
  readonly #path: string;
  #at: number;
  #rest = '';

  constructor(path: string, from: number) {
    this.#path = path;
    this.#at = from;
  }

  more(): string {
    const file = openSync(this.#path, 'r');
    try {
      const buffer = Buffer.alloc(65_536);
      const read = readSync(file, buffer, 0, buffer.length, this.#at);
      this.#at += read;
      const text = this.#rest + buffer.toString('utf8', 0, read);
      const end = text.lastIndexOf('\n') + 1;
      this.#rest = text.slice(end);
      return text.slice(0, end);
    } finally {
      closeSync(file);
    }
  }
}
