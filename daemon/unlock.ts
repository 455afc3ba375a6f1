/**
 * Opening the keys: reaches the HSM process, again and again where that may pass by itself, and opens the key store and the
 * pairings with it. Moves the node from `sealed` to `ready`.
 */
import { join } from 'node:path';
import type { HsmLink } from '../hsm/index.ts';
import type { Random } from '../threshold/index.ts';
import { isSymbolonError, type ErrorCode, type SymbolonError } from '../wire/errors/index.ts';
import type { DaemonConfig } from './config.ts';
import type { Files } from './files/atomic.ts';
import { openKeystore, type Keystore } from './keystore/keystore.ts';
import type { MakeMemory } from './keystore/secretMemory.ts';
import { openPairings, type Pairings } from './pairings/pairings.ts';
import type { PhaseHolder } from './phase.ts';

/** Reaches the HSM process. */
export type ConnectHsm = (options: {
  readonly socket: string;
  readonly timeoutMs: number;
}) => Promise<HsmLink>;

/** Configuration as far as unlocking needs it. */
export type UnlockConfig = Pick<DaemonConfig, 'node' | 'cluster' | 'hsm' | 'store'>;

/** What unlocking works with. */
export interface UnlockModules {
  readonly connectHsm: ConnectHsm;
  readonly files: Files;
  readonly random: Random;
  /** Memory that the open shares lie in: locked and left out of core files where the process can have it. */
  readonly secretMemory: MakeMemory;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly phase: PhaseHolder;
  /** Aborted when the node stops. */
  readonly stopping: AbortSignal;
  /** Takes over what is open, and the link that it works with; then the node is ready. */
  readonly opened: (stores: {
    readonly keystore: Keystore;
    readonly pairings: Pairings;
    readonly hsm: HsmLink;
  }) => void;
  /** Told of an error that is not the HSM's: the store can't be used, and trying again changes nothing. */
  readonly failed: (error: unknown) => void;
}

/** Longest time of one call to the HSM process, in milliseconds. */
const hsmTimeoutMs = 5_000;
/** Waits between attempts to reach the HSM process: doubling from the first to the last, in milliseconds. */
const backOffMs = { first: 50, last: 5_000 };
/**
 * What may pass by itself: the HSM process is restarted by its supervisor. A refused PIN or another token does not, and
 * each further try can lock the token (T30).
 */
const passing: readonly ErrorCode[] = ['hsm/unavailable', 'hsm/token-failed', 'hsm/token-absent'];

/** Resolves when the keys are open, or will not be opened by itself: the phase says which. Never rejects. */
export async function unlock(config: UnlockConfig, modules: UnlockModules): Promise<void> {
  const { stopping } = modules;
  let wait = backOffMs.first;
  while (!stopping.aborted && (await attempt(config, modules)) === 'again') {
    await delay(wait, stopping);
    wait = Math.min(wait * 2, backOffMs.last);
  }
}

async function attempt(config: UnlockConfig, modules: UnlockModules): Promise<'done' | 'again'> {
  const { hsm, store, cluster, node } = config;
  const { connectHsm, files, random, secretMemory, now, phase, stopping } = modules;
  let link: HsmLink | undefined;
  let keystore: Keystore | undefined;
  try {
    link = await unlessStopping(connectHsm({ socket: hsm.socket, timeoutMs: hsmTimeoutMs }), stopping);
    if (link === undefined) {
      return 'done';
    }
    phase.enter('unlocking');
    const folder = (name: string) => ({ folder: join(store.folder, name), cluster, node });
    const common = { files, hsm: link, random, now, secretMemory };
    keystore = await openKeystore(folder('keys'), common);
    const pairings = await openPairings(folder('pairings'), common);
    modules.opened({ keystore, pairings, hsm: link });
    if (!stopping.aborted) {
      phase.enter('ready');
    }
    return 'done';
  } catch (error) {
    await keystore?.close();
    await link?.close();
    if (isSymbolonError(error) && error.code.startsWith('hsm/')) {
      return refused(error, phase);
    }
    modules.failed(error);
    return 'done';
  }
}

/** The token is not there, or refuses: the node stays sealed and says why. */
function refused(error: SymbolonError, phase: PhaseHolder): 'done' | 'again' {
  if (phase.phase === 'unlocking') {
    phase.enter('sealed', error);
  } else if (phase.reason?.detail !== error.message) {
    phase.stay(error);
  }
  return passing.includes(error.code) ? 'again' : 'done';
}

/** The link; `undefined` where the node stops before it is there. One that comes too late is closed. */
async function unlessStopping(
  connecting: Promise<HsmLink>,
  stopping: AbortSignal,
): Promise<HsmLink | undefined> {
  const link = await untilAborted(connecting, stopping);
  if (link === undefined) {
    void connecting.then(
      (late) => late.close(),
      () => undefined,
    );
  }
  return link;
}

/** Waits, or less where the node stops. */
export async function delay(ms: number, stopping: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await untilAborted(passed, stopping);
  clearTimeout(timer);
}

/** What `work` gives, or `undefined` as soon as `signal` says so. Leaves no listener behind. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop = (): void => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => {
      resolve(undefined);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
