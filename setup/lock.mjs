// One set-up at a time in one clone. The lock names its process by id and start time, so that a lock whose process
// is gone, or whose id now belongs to another process, is known to be stale.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './child.mjs';
import { say, Stop } from './log.mjs';

const file = join(root, '.build', 'setup.lock');
const longestWaitMs = 15 * 60_000;

/** Start time of a process in clock ticks since boot (proc(5), field 22), or undefined where there is none. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function holder() {
  try {
    const held = JSON.parse(readFileSync(file, 'utf8'));
    return startOf(held.pid) === held.start ? held : undefined;
  } catch {
    return undefined;
  }
}

/** Runs `work` while holding the lock. */
export async function withLock(work) {
  mkdirSync(join(root, '.build'), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, start: startOf(process.pid) });
  const until = Date.now() + longestWaitMs;
  for (let told = false; ;) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw error;
      }
    }
    const other = holder();
    if (other === undefined) {
      // A writer may be between creating the file and filling it: look twice before calling the lock stale.
      await sleep(100);
      if (holder() === undefined) {
        rmSync(file, { force: true });
      }
      continue;
    }
    if (Date.now() > until) {
      throw new Stop(`Another set-up (process ${other.pid}) holds ${file} for more than 15 minutes.`);
    }
    if (!told) {
      say(`set-up: waiting for another set-up in this folder (process ${other.pid})`);
      told = true;
    }
    await sleep(200);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}
