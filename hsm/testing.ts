/** What the tests of this folder share: a folder that goes away, an enrolled token, the real HSM process. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { enrolToken, installedModule, softHsm2, type EnrolOptions, type Profile } from './index.ts';

/** Why tests with a real token can't run here; `false` where they can. */
export const noSoftHsm: string | false =
  installedModule(softHsm2) === undefined ? 'libsofthsm2 is not installed (Debian: softhsm2)' : false;

/** Fresh random bytes. */
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A temporary folder with mode 0700 that is removed after the test. */
export function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-hsm-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A node's place with an enrolled token and the configuration of its HSM process. */
export interface TestNode {
  /** The working folder of the process. */
  readonly root: string;
  /** `root/hsm`. */
  readonly folder: string;
  readonly socket: string;
  readonly profile: Profile;
}

/** Enrols a token in `root/hsm` and writes the configuration. */
export async function testNode(t: TestContext, options: Partial<EnrolOptions> = {}): Promise<TestNode> {
  const root = testFolder(t);
  const folder = join(root, 'hsm');
  // HMAC unless told: making an RSA key for the probe takes most of a second.
  const { profile } = await enrolToken({
    folder,
    label: 'signer',
    now: 1_795_000_000_000,
    algorithm: 'hmac-sha256',
    ...options,
  });
  writeConfig(folder, {});
  return { root, folder, socket: join(folder, 'hsm.sock'), profile };
}

/** Writes `config.json`; fields of `more` replace the usual ones. */
export function writeConfig(folder: string, more: Readonly<Record<string, unknown>>): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const usual = { profile: 'hsm/profile.json', pinFile: 'hsm/pin', socket: 'hsm/hsm.sock', node: 'node-1' };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...usual, ...more }));
}

/** A started HSM process. */
export interface TestProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** All that it wrote to standard output and error. */
  readonly output: () => string;
  /** Exit code and signal, once it ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Whether it said that it is ready, before it ended. */
  readonly ready: boolean;
}

/** Starts `hsm/main.js` and waits until it is ready or has ended. It is killed after the test. */
export async function startHsm(
  t: TestContext,
  root: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestProcess> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawn(process.execPath, [main, '--config', 'hsm/config.json'], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // 'close' comes after the last of the output, 'exit' may come before it.
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const ready = new Promise<boolean>((done) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
      if (output.includes('"event":"ready"')) {
        done(true);
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    void ended.then(() => {
      done(false);
    });
  });
  return { child, pid: child.pid ?? 0, output: () => output, ended, ready: await ready };
}

/** Starts an HSM process that must refuse to serve, and gives how it ended. One that serves fails the test at once. */
export async function refusedHsm(
  t: TestContext,
  root: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const hsm = await startHsm(t, root, env);
  assert.equal(hsm.ready, false, 'the process serves');
  const { code } = await hsm.ended;
  return { code, output: hsm.output() };
}

/** The PIN of an enrolment, for tests that look for it elsewhere. */
export const pinOf = (folder: string): string => readFileSync(join(folder, 'pin'), 'latin1');

/** Replaces the PIN file. */
export function writePin(folder: string, pin: string, mode = 0o600): void {
  rmSync(join(folder, 'pin'), { force: true });
  writeFileSync(join(folder, 'pin'), pin, { mode });
}
