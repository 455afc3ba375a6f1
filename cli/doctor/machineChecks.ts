/** What the machine must bring, and what of it makes secrets less safe. */
import { readFileSync } from 'node:fs';
import { installedModule, softHsm2 } from '../../hsm/index.ts';
import { processState } from '../../native/binding.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Finding } from './finding.ts';

const leastNode = [20, 19] as const;

/** All checks of the machine. */
export const machineChecks = (): Finding[] => [nodeVersion(), hsmModule(), addon(), swap()];

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  const what = `Node ${process.versions.node}`;
  return enough
    ? { state: 'ok', about: 'node', what }
    : { state: 'bad', about: 'node', what, todo: `install Node ${leastNode.join('.')} or newer` };
}

function hsmModule(): Finding {
  const module = installedModule(softHsm2);
  return module === undefined
    ? {
        state: 'bad',
        about: 'hsm module',
        what: 'SoftHSM2 is not installed',
        todo: 'apt-get install -y --no-install-recommends softhsm2',
      }
    : { state: 'ok', about: 'hsm module', what: module };
}

function addon(): Finding {
  try {
    const { memlock } = processState();
    return {
      state: 'ok',
      about: 'native addon',
      what: `loads; ${Math.floor(memlock / 1_024)} KiB of memory may be locked`,
    };
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return { state: 'bad', about: 'native addon', what: error.message, todo: 'run `npm run build`' };
  }
}

function swap(): Finding {
  const lines = readFileSync('/proc/swaps', 'utf8').trim().split('\n').slice(1);
  return lines.length === 0
    ? { state: 'ok', about: 'swap', what: 'none' }
    : {
        state: 'note',
        about: 'swap',
        what: `${lines.length} in use: memory of a node may reach the disk`,
        todo: 'swapoff -a, or encrypted swap, on machines that hold real shares',
      };
}
