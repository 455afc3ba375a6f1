/** Helpers of the relay's tests. No product code imports this file. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectOptions, listenOn, type Address } from '../address/index.ts';
import { startRelay, type Relay } from './relay.ts';
import type { RelayLimits } from './limits.ts';

/** A relay before a node, all in a temporary folder. */
export interface Bench {
  readonly relay: Relay;
  readonly node: Server;
  /** Sockets that the node holds. */
  readonly nodeSockets: Set<Socket>;
  readonly events: string[];
  /** Connects to the relay. The socket reads from the start, and what it got is in `got`. */
  readonly client: () => Client;
}
/** A client of the relay. */
export interface Client {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  readonly closed: Promise<void>;
  got: number;
  /** Resolves once `length` bytes came. */
  readonly received: (length: number) => Promise<void>;
}

/** Uses a folder and removes it. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-parent-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts a relay in front of a node that treats its connections with `serve`, and ends both. */
export async function withRelay(
  limits: Partial<RelayLimits>,
  serve: (socket: Socket) => void,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const nodeSockets = new Set<Socket>();
    const node = createServer({ allowHalfOpen: true }, (socket) => {
      nodeSockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => nodeSockets.delete(socket));
      serve(socket);
    });
    const nodeAddress: Address = { kind: 'unix', path: join(folder, 'node.sock') };
    await listenOn(node, nodeAddress);
    const events: string[] = [];
    const relay = await startRelay(
      { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, node: nodeAddress, limits },
      { record: (event, reason) => events.push(`${event} ${reason}`) },
    );
    const clients: Client[] = [];
    try {
      await use({
        relay,
        node,
        nodeSockets,
        events,
        client: () => {
          const client = connectTo(relay.address);
          clients.push(client);
          return client;
        },
      });
    } finally {
      for (const { socket } of clients) {
        socket.destroy();
      }
      await relay.close(0);
      for (const socket of nodeSockets) {
        socket.destroy();
      }
      await new Promise((done) => node.close(done));
    }
  });
}

/** Connects to an address, half-open allowed. */
export function connectTo(address: Address): Client {
  const socket = connect({ ...connectOptions(address), allowHalfOpen: true });
  socket.on('error', () => undefined);
  const waiting = new Set<() => void>();
  const client: Client = {
    socket,
    connected: new Promise((resolve) => {
      socket.once('connect', () => {
        resolve();
      });
    }),
    closed: new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    }),
    got: 0,
    received: async (length) => {
      while (client.got < length) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
  socket.on('data', (data: Buffer) => {
    client.got += data.length;
    for (const wake of waiting) {
      wake();
    }
    waiting.clear();
  });
  // The other side ended: a client that is done with it closes.
  socket.once('end', () => socket.end());
  return client;
}

/** Resolves when `condition` holds; rejects after `ms`. */
export async function until(condition: () => boolean, ms = 3_000): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > ms) {
      throw new Error(`not within ${ms} ms`);
    }
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** Open file descriptors of this process. */
export const descriptors = (): number => readdirSync('/proc/self/fd').length;
