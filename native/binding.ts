/** Settings of this process, memory for secrets, and the service manager: the addon's calls to the operating system. */
import { SymbolonError } from '../wire/errors/index.ts';
import { addon, type ProcessState } from './addon.ts';

export type { ProcessState } from './addon.ts';

/** Longest buffer of {@link secureBuffer} in bytes. */
export const maxSecureBuffer = 1_048_576;

/** The failed call and the errno name of an error that the addon threw. */
function failure(error: unknown): { readonly call: string; readonly errno: string } {
  return error instanceof Error
    ? { call: error.message, errno: 'code' in error ? String(error.code) : 'unknown' }
    : { call: 'unknown', errno: 'unknown' };
}

/**
 * Closes this process to core dumps and to other processes of its user: `PR_SET_DUMPABLE` 0 and `RLIMIT_CORE` 0, soft
 * and hard, each read back. Call it before the first secret is in memory. It can't be undone.
 * @throws SymbolonError `native/not-hardened`, `native/not-built`.
 */
export function hardenProcess(): void {
  const native = addon();
  try {
    native.hardenProcess();
  } catch (error) {
    throw new SymbolonError('native/not-hardened', failure(error), { cause: error });
  }
}

/** What the kernel says about this process now. Throws `native/not-built`. */
export function processState(): ProcessState {
  return addon().processState();
}

/**
 * Memory for a secret of `length` bytes (1 to {@link maxSecureBuffer}), all zeros: never swapped, left out of core
 * files, read as zeros in a forked child, wiped when it is collected. Wipe it with `fill(0)` after use all the same:
 * collection comes late. Each buffer takes whole pages (4 KiB) of the memlock limit, so use it for long-lived secrets.
 * @throws SymbolonError `native/memlock-limit`, `native/no-secure-memory`, `native/not-built`.
 */
export function secureBuffer(length: number): Uint8Array {
  const native = addon();
  // Node-API turns 1.5 into 1 and -1 into 4294967295: only a whole number in range reaches it.
  if (!Number.isInteger(length) || length < 1 || length > maxSecureBuffer) {
    throw new SymbolonError('native/no-secure-memory', { wanted: length, call: 'length', errno: 'EINVAL' });
  }
  try {
    return native.secureBuffer(length);
  } catch (error) {
    const { call, errno } = failure(error);
    // mlock(2): ENOMEM or EAGAIN above the soft limit, EPERM where the limit is zero.
    if (call === 'mlock') {
      const limit = native.processState().memlock;
      throw new SymbolonError('native/memlock-limit', { wanted: length, limit }, { cause: error });
    }
    throw new SymbolonError('native/no-secure-memory', { wanted: length, call, errno }, { cause: error });
  }
}

/**
 * Tells the service manager `state` (sd_notify(3): `READY=1`, `STATUS=...`, lines joined by newlines; at most 4095
 * bytes). False where no manager listens, that is where `NOTIFY_SOCKET` is unset. Waits at most 0.2 seconds.
 * @throws SymbolonError `native/notify-failed` where a manager is named and does not take it, `native/not-built`.
 */
export function notify(state: string): boolean {
  const address = process.env['NOTIFY_SOCKET'];
  if (address === undefined || address === '') {
    return false;
  }
  const native = addon();
  try {
    native.notify(address, state);
  } catch (error) {
    throw new SymbolonError('native/notify-failed', failure(error), { cause: error });
  }
  return true;
}

/**
 * One request to the Nitro Security Module behind an open `/dev/nsm`, on a thread of its own pool: at most 4,096 bytes in,
 * at most 12,288 out. It waits as long as the driver does.
 * @throws SymbolonError `native/nsm-failed` where the ioctl fails, `native/not-built`.
 */
export async function nsmRequest(descriptor: number, request: Uint8Array): Promise<Uint8Array> {
  const native = addon();
  try {
    return await native.nsmRequest(descriptor, request);
  } catch (error) {
    throw new SymbolonError('native/nsm-failed', failure(error), { cause: error });
  }
}
