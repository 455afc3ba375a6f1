/**
 * Disk faults for tests, over the real file layer: a process that dies at step k, with what was not synced torn as a
 * power cut would tear it; and a disk that refuses step k and goes on.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { nodeFiles, type DiskStep, type Files } from '../files/atomic.ts';

/** A file layer that dies. */
export interface Faults {
  readonly files: Files;
  /** Steps taken so far. */
  readonly steps: () => number;
  /** Whether the fault happened. */
  readonly struck: () => boolean;
  /** After a crash: cuts every file that was written and not synced, at half of its unsynced part. */
  settle(): Promise<void>;
}

/**
 * The process dies at the `k`-th step that changes the disk (from 1): this step and all later ones throw. A write is torn
 * in its middle.
 */
export function crashAt(k: number): Faults {
  let steps = 0;
  let dead = false;
  /** Bytes written and not synced, by file. */
  const unsynced = new Map<string, number>();
  const before = (step: DiskStep): number | undefined => {
    steps += 1;
    if (dead || steps === k) {
      const torn = !dead && step.op === 'write' && step.size !== undefined ? step.size >> 1 : undefined;
      dead = true;
      if (torn === undefined || torn === 0) {
        throw new Error('crashed');
      }
      note(step.path, torn);
      return torn;
    }
    if (step.op === 'write') {
      note(step.path, step.size ?? 0);
    } else if (step.op === 'sync') {
      unsynced.delete(step.path);
    } else if (step.op === 'rename' && step.from !== undefined) {
      const moved = unsynced.get(step.from);
      unsynced.delete(step.from);
      if (moved !== undefined) {
        unsynced.set(step.path, moved);
      }
    }
    return undefined;
  };
  const note = (path: string, size: number): void => {
    unsynced.set(path, (unsynced.get(path) ?? 0) + size);
  };
  return {
    files: nodeFiles(before),
    steps: () => steps,
    struck: () => dead,
    settle: async () => {
      for (const [path, written] of unsynced) {
        const content = await readFile(path).catch(() => undefined);
        if (content !== undefined) {
          await writeFile(path, content.subarray(0, content.length - ((written + 1) >> 1)));
        }
      }
    },
  };
}

/** Step `k` fails once (a full disk, a bad block); the process lives on and later steps succeed. */
export function failAt(k: number): Pick<Faults, 'files' | 'steps' | 'struck'> {
  let steps = 0;
  return {
    files: nodeFiles(() => {
      steps += 1;
      if (steps === k) {
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      }
      return undefined;
    }),
    steps: () => steps,
    struck: () => steps >= k,
  };
}
