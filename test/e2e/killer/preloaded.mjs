// Stands in the place of a daemon's main module: starts that module with the killer preloaded. The supervisor gives no
// environment of its choice to a process, so the killer's settings come as arguments. What was killed is started again
// here and at once: the supervisor's back-off would wait ever longer for a process that dies so often.
import { spawn } from 'node:child_process';

const [main, library, folder, plan, ...args] = process.argv.slice(2);
const env = { ...process.env, LD_PRELOAD: library, KILL_FOLDER: folder, KILL_PLAN: plan };
let child;
let ending = false;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    ending = true;
    child.kill(signal);
  });
}

function start() {
  child = spawn(process.execPath, [main, ...args], { env, stdio: 'inherit' });
  child.once('exit', (code, signal) => {
    if (signal === 'SIGKILL' && !ending) {
      start();
      return;
    }
    process.exitCode = code ?? 1;
  });
}
start();
