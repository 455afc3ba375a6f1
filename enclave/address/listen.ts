/** Listening on an address: taking over a unix socket that nobody serves, and saying by name why it did not work. */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { SymbolonError, isSymbolonError } from '../../wire/errors/index.ts';
import { formatAddress, listenOptions, type Address } from './address.ts';

/** Longest wait in milliseconds for another process to answer on a socket file that is already there. */
const probeMs = 500;

/** The errno name of an error of the system, or `unknown`. */
export const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';

/**
 * Lets `server` listen on `address` and resolves with the bound address, in which a port 0 is replaced by the real one.
 *
 * A unix socket gets mode 0600. A socket file that no process serves is taken over; a served one, and a file that is no
 * socket, stay untouched.
 * @throws SymbolonError `channel/address-in-use`, `channel/listen-refused`, `channel/bad-address`.
 */
export async function listenOn(server: Server, address: Address): Promise<Address> {
  try {
    await bind(server, address);
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') {
      throw refused(address, error);
    }
    if (address.kind !== 'unix') {
      throw inUse(address, error);
    }
    const found = markOf(address.path);
    // Looked at again after the wait: a socket that another process made meanwhile is not the one that was stale.
    if (!(await isStale(address.path)) || markOf(address.path) !== found) {
      throw inUse(address, error);
    }
    try {
      rmSync(address.path, { force: true });
      await bind(server, address);
    } catch (second) {
      throw refused(address, second);
    }
  }
  const bound = server.address();
  return address.kind === 'tcp' && bound !== null && typeof bound === 'object'
    ? { ...address, port: bound.port }
    : address;
}

const inUse = (address: Address, cause: unknown): SymbolonError =>
  new SymbolonError('channel/address-in-use', { address: formatAddress(address) }, { cause });

const refused = (address: Address, error: unknown): Error =>
  isSymbolonError(error)
    ? error
    : new SymbolonError(
        'channel/listen-refused',
        { address: formatAddress(address), errno: errnoOf(error) },
        { cause: error },
      );

function bind(server: Server, address: Address): Promise<void> {
  const options = listenOptions(address);
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(error);
    };
    server.once('error', onError);
    server.listen(options, () => {
      server.removeListener('error', onError);
      resolve();
    });
    // The socket file exists as soon as `listen` returned (it binds in the same turn): no other turn sees it open.
    if (address.kind === 'unix' && server.listening) {
      chmodSync(address.path, 0o600);
    }
  });
}

/** Tells one file at a path from the next one: device, inode, time of its making; `undefined` where there is none. */
function markOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : [found.dev, found.ino, found.ctimeMs].join(':');
}

/** Whether `path` is a socket that no process serves (connect(2): ECONNREFUSED). */
async function isStale(path: string): Promise<boolean> {
  try {
    if (!lstatSync(path).isSocket()) {
      return false;
    }
  } catch (error) {
    // Gone between the two calls: free to be taken.
    return errnoOf(error) === 'ENOENT';
  }
  return new Promise((resolve) => {
    const probe = connect({ path, timeout: probeMs });
    const settle = (stale: boolean): void => {
      probe.destroy();
      resolve(stale);
    };
    probe.once('connect', () => {
      settle(false);
    });
    probe.once('timeout', () => {
      settle(false);
    });
    probe.once('error', (error) => {
      settle(errnoOf(error) === 'ECONNREFUSED');
    });
  });
}
