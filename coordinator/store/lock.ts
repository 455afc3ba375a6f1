/**
 * One process a database folder: PGlite itself does not notice a second one, which would destroy the files. The lock
 * names its process by pid and start time, so that a lock left by a killed process is told from a live one, also after
 * the pid was given to another program.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';

/** Start time of a process in clock ticks since boot (proc(5), stat field 22), or `undefined` where it is gone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2 is the name in parentheses and may hold spaces and parentheses itself: count from the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** The kernel's id of this boot: pids and start times of another boot say nothing. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}

const line = (pid: number): string => `${pid} ${startOf(pid) ?? 'unknown'} ${bootId()}\n`;

/** Pid of the live process that a lock names, or `undefined` where that process is gone or the lock is damaged. */
function holder(text: string): number | undefined {
  const pid = Number(/^([1-9][0-9]{0,9}) /.exec(text)?.[1] ?? 0);
  return pid > 0 && startOf(pid) !== undefined && line(pid) === text ? pid : undefined;
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/**
 * Takes the lock of a folder; returns the function that gives it back.
 * @throws SymbolonError `coordinator/store-locked` where a live process holds it.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const own = line(process.pid);
  const temporary = join(folder, `lock.${process.pid}`);
  writeFileSync(temporary, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 8; attempt += 1) {
      try {
        // link(2) fails where the name is taken, and the file appears with its content in one step.
        linkSync(temporary, file);
        return () => {
          rmSync(file, { force: true });
        };
      } catch (error) {
        if (!isCode(error, 'EEXIST')) {
          throw error;
        }
      }
      removeStale(folder, file);
    }
    throw new SymbolonError('coordinator/store-locked', { folder, pid: 0 });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Moves a lock out of the way whose process is gone. A move happens once: two processes can't both remove it. */
function removeStale(folder: string, file: string): void {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'latin1');
    } catch (error) {
      if (isCode(error, 'ENOENT')) {
        return undefined;
      }
      throw error;
    }
  };
  const text = read(file);
  if (text === undefined) {
    return;
  }
  const pid = holder(text);
  if (pid !== undefined) {
    throw new SymbolonError('coordinator/store-locked', { folder, pid });
  }
  const aside = join(folder, `lock.stale.${process.pid}`);
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) {
      return;
    }
    throw error;
  }
  // Between the read and the move another process may have taken the lock: give it back to it.
  const moved = read(aside);
  if (moved !== undefined && holder(moved) !== undefined) {
    try {
      linkSync(aside, file);
    } finally {
      rmSync(aside, { force: true });
    }
    return;
  }
  rmSync(aside, { force: true });
}
