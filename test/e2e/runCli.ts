/** Runs `symbolon` as a process of its own, as a person would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtRoot } from '../../cli/version.ts';

const program = `import { main } from ${JSON.stringify(pathToFileURL(join(builtRoot(), 'cli', 'main.js')).href)};
process.exitCode = await main(process.argv.slice(1));`;

/** Arguments of node that run `symbolon` with these words. */
export const cliArguments = (words: readonly string[]): string[] => [
  '--input-type=module',
  '-e',
  program,
  '--',
  ...words,
];

/** A started `symbolon`. */
export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Waits until stdout matches. */
  readonly says: (pattern: RegExp, ms?: number) => Promise<void>;
}

const started = new Set<ChildProcess>();
/** Kills what a failed test has left running. */
export function killAll(): void {
  for (const child of started) {
    child.kill('SIGKILL');
  }
}

/** Starts `symbolon`. */
export function start(words: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, cliArguments(words), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      started.delete(child);
      resolve({ code, out, err });
    });
  });
  const says = async (pattern: RegExp, ms = 60_000): Promise<void> => {
    const end = Date.now() + ms;
    while (!pattern.test(out)) {
      await sleep(20);
      if (Date.now() > end || child.exitCode !== null) {
        throw new Error(`did not say ${String(pattern)}\n${out}\n${err}`);
      }
    }
  };
  return { child, ended, says };
}

/** Runs `symbolon` to its end. */
export const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  start(words, env).ended;

/** Ids of the processes whose working folder lies in `folder`. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`);
      } catch {
        // It ended meanwhile, or is not ours to look at.
        return false;
      }
    })
    .map(Number);
}
