/**
 * Processes by id and start time. An id alone is not enough: after a crash it may belong to a stranger, and strangers
 * are never ended.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './files.ts';

/** A process that can be found again. */
export interface ProcessRef {
  readonly pid: number;
  /** Start time in clock ticks since boot (proc(5), field 22 of stat). */
  readonly start: string;
}

/** Start time of a running process, or `undefined` where there is none or it is a zombie. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything; the fields after its end are plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    // No such process: the answer, not a fault.
    return undefined;
  }
}

/** A reference to a running process, or `undefined` where there is none. */
export const refTo = (pid: number): ProcessRef | undefined => {
  const start = startOf(pid);
  return start === undefined ? undefined : { pid, start };
};

/** Whether exactly this process still runs. */
export const runs = (ref: ProcessRef): boolean => startOf(ref.pid) === ref.start;

/** Sends a signal to exactly this process; false where it is gone. */
export function signal(ref: ProcessRef, name: NodeJS.Signals): boolean {
  if (!runs(ref)) {
    return false;
  }
  try {
    process.kill(ref.pid, name);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ESRCH') {
      return false;
    }
    throw error;
  }
}

/** Ends processes: SIGTERM, then SIGKILL for what is left after `graceMs`. Returns the ids that had to be killed. */
export async function endAll(refs: readonly ProcessRef[], graceMs: number): Promise<readonly number[]> {
  for (const ref of refs) {
    signal(ref, 'SIGTERM');
  }
  const until = Date.now() + graceMs;
  while (refs.some(runs) && Date.now() < until) {
    await sleep(10);
  }
  const left = refs.filter((ref) => signal(ref, 'SIGKILL'));
  while (left.some(runs)) {
    await sleep(5);
  }
  return left.map((ref) => ref.pid);
}
