/**
 * Enrolment: gives a node a token of its own. Absent, complete and half-made are three results: an absent enrolment is
 * made, a complete one is found again, a half-made one is refused by name.
 */
import { fork } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SymbolonError } from '../wire/errors/index.ts';
import { enrolmentFiles, type EnrolAnswer, type EnrolOrder } from './enrolment.ts';
import type { WrappingAlgorithm } from './material.ts';
import { fromProblem } from './problem.ts';
import { installedModule, readProfile, softHsm2, type Profile } from './profiles.ts';

/** What to enrol. */
export interface EnrolOptions {
  /** Folder of the enrolment, mode 0700; made where it is absent. May hold other files, as the configuration. */
  readonly folder: string;
  /** Label of the token: 1 to 32 printable characters. */
  readonly label: string;
  /** Path of the PKCS#11 module; the first known place where SoftHSM2 is installed unless told. */
  readonly module?: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Label of the wrapping key; `symbolon-seal` unless told. */
  readonly keyLabel?: string;
  /** Probe this algorithm only. */
  readonly algorithm?: WrappingAlgorithm;
  /** Let the probe fall back to RSA-OAEP with SHA-1, last. Without it that algorithm is never used. */
  readonly allowOaepSha1?: boolean;
  /** Longest time for the enrolment process in milliseconds; 60,000 unless told. */
  readonly timeoutMs?: number;
}

/** A complete enrolment. */
export interface Enrolment {
  readonly profile: Profile;
  /** Whether it was made now; `false` where it was found. */
  readonly made: boolean;
}

/**
 * Makes or finds the enrolment of a folder.
 * @throws SymbolonError `hsm/enrolment-incomplete`, `hsm/enrolment-other`, `hsm/module-absent`, `hsm/no-algorithm`,
 * `hsm/token-failed`, `hsm/profile-broken`
 */
export async function enrolToken(options: EnrolOptions): Promise<Enrolment> {
  const folder = resolve(options.folder);
  const found = inspect(folder);
  if (found === 'complete') {
    const profile = readProfile(join(folder, enrolmentFiles.profile));
    if (profile.tokenLabel !== options.label) {
      throw new SymbolonError('hsm/enrolment-other', {
        folder,
        wanted: options.label,
        found: profile.tokenLabel,
      });
    }
    return { profile, made: false };
  }
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$/.test(options.label)) {
    throw new SymbolonError('hsm/config-broken', { file: folder, reason: 'token label' });
  }
  const module = options.module ?? installedModule(softHsm2);
  if (module === undefined || !existsSync(module)) {
    throw new SymbolonError('hsm/module-absent', {
      tried: module === undefined ? softHsm2.modules : [module],
    });
  }
  const wanted = options.algorithm === undefined ? softHsm2.algorithms : [options.algorithm];
  const algorithms = wanted.filter((one) => one !== 'rsa-oaep-sha1' || options.allowOaepSha1 === true);
  if (algorithms.length === 0) {
    throw new SymbolonError('hsm/no-algorithm', { tried: [] });
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  await runEnrolProcess(
    {
      folder,
      label: options.label,
      module,
      keyLabel: options.keyLabel ?? 'symbolon-seal',
      algorithms,
      now: options.now,
    },
    options.timeoutMs ?? 60_000,
  );
  return { profile: readProfile(join(folder, enrolmentFiles.profile)), made: true };
}

/** @throws SymbolonError `hsm/enrolment-incomplete` where some of the files are there and some are not */
function inspect(folder: string): 'absent' | 'complete' {
  const names = Object.values(enrolmentFiles);
  const present = names.filter((name) => existsSync(join(folder, name)));
  if (present.length === 0) {
    return 'absent';
  }
  const tokens = join(folder, enrolmentFiles.tokens);
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length === 0 && readdirSync(tokens).length > 0) {
    return 'complete';
  }
  throw new SymbolonError('hsm/enrolment-incomplete', {
    folder,
    found: present,
    missing: missing.length === 0 ? ['token'] : missing,
  });
}

function runEnrolProcess(order: EnrolOrder, timeoutMs: number): Promise<void> {
  return new Promise((done, fail) => {
    const child = fork(fileURLToPath(new URL('./enrolMain.js', import.meta.url)), [], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
    }, timeoutMs);
    let answer: EnrolAnswer | undefined;
    child.once('message', (message) => {
      // The child runs the same build; nothing else can write to its IPC channel.
      answer = message as EnrolAnswer;
    });
    child.once('error', (cause) => {
      clearTimeout(timer);
      fail(
        new SymbolonError('hsm/unavailable', { reason: 'the enrolment process did not start' }, { cause }),
      );
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (answer === undefined) {
        fail(
          new SymbolonError('hsm/token-failed', {
            operation: 'enrolment',
            rv: signal ?? `exit ${code ?? 0}`,
          }),
        );
      } else if (answer.ok) {
        done();
      } else {
        fail(fromProblem(answer.problem));
      }
    });
    child.send(order);
  });
}
