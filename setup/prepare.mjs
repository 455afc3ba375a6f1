// What every other script needs first: a Node that is new enough, the Debian packages, the npm packages and the
// compiled addons. Each step does nothing when its result is already there.
import { systemPackages, testPackages } from './debian.mjs';
import { say, Stop, total } from './log.mjs';
import { withLock } from './lock.mjs';
import { nativeAddons } from './native.mjs';
import { npmPackages } from './packages.mjs';
import { compile } from './compile.mjs';

const leastNode = [20, 19];

function nodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < leastNode[0] || (major === leastNode[0] && minor < leastNode[1])) {
    throw new Stop(
      `symbolon needs Node ${leastNode.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).`,
      3,
    );
  }
}

/** Prepares the clone, compiles it unless `compiled` is false, and brings what only tests need where `tests` is true. */
export async function prepare({ compiled = true, tests = false } = {}) {
  nodeVersion();
  await withLock(async () => {
    await systemPackages();
    if (tests) {
      await testPackages();
    }
    await npmPackages();
    await nativeAddons();
    if (compiled) {
      await compile();
    }
  });
  say(`set-up: ready after ${total()}`);
}
