// Child processes of the set-up: nothing reaches stdout, and a failure shows the end of what the child printed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Stop } from './log.mjs';

/** The folder of package.json. */
export const root = fileURLToPath(new URL('..', import.meta.url));
const keptLines = 60;

/**
 * Runs a program to its end and gives what it printed.
 * @throws Stop with the last lines of its output when it fails.
 */
export async function runQuietly(program, args, { cwd = root, env = process.env, what = program } = {}) {
  const { code, output } = await collect(program, args, { cwd, env });
  if (code !== 0) {
    const tail = output.trimEnd().split('\n').slice(-keptLines).join('\n');
    throw new Stop(`${tail}\n\n${what} ended with code ${code}.`);
  }
  return output;
}

function collect(program, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-200_000);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/**
 * Runs a program with this process's own output, or with stdout turned to stderr, and gives its exit code. SIGINT
 * and SIGTERM are passed on, so that a script that waits ends only after its child.
 */
export function runVisibly(program, args, { cwd = root, env = process.env, toStderr = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['inherit', toStderr ? 2 : 'inherit', 'inherit'] });
    const pass = (signal) => child.kill(signal);
    process.on('SIGINT', pass);
    process.on('SIGTERM', pass);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('SIGINT', pass);
      process.off('SIGTERM', pass);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

/** The npm that runs this script, or the one on the path. */
export function npmCommand() {
  const own = process.env.npm_execpath;
  return own !== undefined && own.endsWith('.js') ? [process.execPath, [own]] : ['npm', []];
}
