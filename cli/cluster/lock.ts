/**
 * One `symbolon up` for one folder. The lock names its process by id and start time, so a lock that outlived its
 * process is known as stale, and what that process had started is ended before anything new is.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { SymbolonError } from '../../wire/errors/index.ts';
import { errorCode, readJson } from './files.ts';
import type { ClusterPaths } from './layout.ts';
import { endAll, refTo, runs, type ProcessRef } from './processTable.ts';

/** A process of the cluster as it stands in `processes.json`. */
export interface NamedProcess extends ProcessRef {
  readonly name: string;
}

const isRef = (value: unknown): value is ProcessRef =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  Number.isSafeInteger(value.pid) &&
  'start' in value &&
  typeof value.start === 'string';
const isNamed = (value: unknown): value is NamedProcess =>
  isRef(value) && 'name' in value && typeof value.name === 'string';

/** The process that runs the cluster, or `undefined` where none does. */
export function lockHolder(paths: ClusterPaths): ProcessRef | undefined {
  const held = readLock(paths);
  return held !== undefined && runs(held) ? held : undefined;
}

function readLock(paths: ClusterPaths): ProcessRef | undefined {
  try {
    const held = readJson(paths.lock, 1_024);
    return isRef(held) ? held : undefined;
  } catch (error) {
    if (error instanceof SymbolonError) {
      // A lock that was being written when the machine stopped names nobody.
      return undefined;
    }
    throw error;
  }
}

/** The processes that the last run has noted and that still run. */
export function notedProcesses(paths: ClusterPaths): readonly NamedProcess[] {
  const noted = readJson(paths.processes);
  return Array.isArray(noted) ? noted.filter(isNamed).filter(runs) : [];
}

/**
 * Takes the lock. A stale one is explained through `tell` and taken over; processes that its run left behind are ended.
 * @returns gives the lock back.
 * @throws SymbolonError `cli/already-running`.
 */
export async function takeLock(paths: ClusterPaths, tell: (line: string) => void): Promise<() => void> {
  const mine = refTo(process.pid);
  if (mine === undefined) {
    throw new SymbolonError('cli/unreadable-file', { path: '/proc/self/stat', reason: 'no process table' });
  }
  for (;;) {
    try {
      writeFileSync(paths.lock, JSON.stringify(mine), { flag: 'wx', mode: 0o600 });
      break;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        throw error;
      }
    }
    const held = readLock(paths);
    if (held !== undefined && runs(held)) {
      throw new SymbolonError('cli/already-running', { dir: paths.root, pid: held.pid });
    }
    tell(
      `The last run${held === undefined ? '' : ` (process ${held.pid})`} did not end cleanly: its lock is stale and is taken over.`,
    );
    rmSync(paths.lock, { force: true });
  }
  const left = notedProcesses(paths);
  if (left.length > 0) {
    tell(`Ending what it left running: ${left.map((one) => `${one.name} (${one.pid})`).join(', ')}`);
    await endAll(left, 2_000);
  }
  return () => {
    rmSync(paths.lock, { force: true });
  };
}
