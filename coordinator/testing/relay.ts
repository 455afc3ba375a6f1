/** A TCP relay that can fall silent: connections stay open, nothing comes through. */
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { formatAddress, listenOn, parseAddress, connectOptions } from '../../enclave/address/index.ts';

/** Relays to nodes, each of which can be paused. */
export interface PausableRelay {
  /** Starts a relay to `address` and gives its own address. */
  readonly to: (name: string, address: string) => Promise<string>;
  readonly pause: (name: string) => void;
  readonly resume: (name: string) => void;
}

/** Makes relays that end with the test. */
export function pausableRelay(t: Pick<TestContext, 'after'>): PausableRelay {
  const paused = new Set<string>();
  const pairs = new Map<string, Set<[Socket, Socket]>>();
  const apply = ([a, b]: readonly [Socket, Socket], silent: boolean): void => {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (silent) {
        from.unpipe(to);
        from.pause();
      } else {
        from.pipe(to);
      }
    }
  };
  const all = (name: string, silent: boolean): void => {
    for (const pair of pairs.get(name) ?? []) {
      apply(pair, silent);
    }
  };
  return {
    to: async (name, address) => {
      const open = new Set<[Socket, Socket]>();
      pairs.set(name, open);
      const server = createServer((front) => {
        const back = connect(connectOptions(parseAddress(address)));
        const pair: [Socket, Socket] = [front, back];
        open.add(pair);
        for (const socket of pair) {
          socket.on('error', () => undefined);
          socket.on('close', () => {
            open.delete(pair);
            front.destroy();
            back.destroy();
          });
        }
        apply(pair, paused.has(name));
      });
      t.after(() => {
        server.close();
        for (const pair of open) {
          pair.forEach((socket) => socket.destroy());
        }
      });
      return formatAddress(await listenOn(server, parseAddress('tcp:127.0.0.1:0')));
    },
    pause: (name) => {
      paused.add(name);
      all(name, true);
    },
    resume: (name) => {
      paused.delete(name);
      all(name, false);
    },
  };
}
