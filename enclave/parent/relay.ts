/**
 * The byte relay of the parent: from a listener that others reach to the node's own listener, and back. It reads
 * nothing of what it carries, which is TLS that ends in the node, and keeps nothing of it. The parent may be hostile,
 * so nothing depends on this code for secrecy; it protects the node from floods and itself from slow peers.
 *
 * Half-close: what is read is always handed on. After one side ended, the other direction has `lingerMs` left, then both
 * sockets are closed. Nothing above may count on more, because a half-closed vsock connection hangs: callers frame their
 * messages and never use the end of the stream as a mark.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Connection, ends, type ByteCounters, type End } from './connection.ts';
import { connectOptions, errnoOf, listenOn, type Address } from '../address/index.ts';
import { chunkBytes, defaultLimits, type RelayLimits } from './limits.ts';
import { sourceOf } from './source.ts';

/** Why a connection was not taken. */
export const refusals = ['connections', 'source', 'closing'] as const;
/** A reason of {@link refusals}. */
export type Refusal = (typeof refusals)[number];

/** Counters since the start. */
export interface RelayCounters {
  /** Connections that are open now. */
  open: number;
  accepted: number;
  bytes: ByteCounters;
  refused: Record<Refusal, number>;
  ended: Record<End, number>;
}

/** Settings of a relay. */
export interface RelayOptions {
  readonly listen: Address;
  readonly node: Address;
  readonly limits?: Partial<RelayLimits>;
}
/** What a relay is given. */
export interface RelayModules {
  /** Told of each connection that was refused or ended for another reason than `ended`; no content, no address. */
  readonly record?: (event: 'refused' | 'cut', reason: Refusal | End) => void;
}

/** A running relay. */
export interface Relay {
  /** Where it listens; a port 0 is replaced by the real one. */
  readonly address: Address;
  readonly counters: Readonly<RelayCounters>;
  readonly limits: RelayLimits;
  /** Stops accepting, gives open connections `graceMs` to end, then closes them. */
  readonly close: (graceMs?: number) => Promise<void>;
}

const zeros = <K extends string>(names: readonly K[]): Record<K, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;

/**
 * Starts a relay.
 * @throws SymbolonError `channel/bad-address`, `channel/address-in-use`, `channel/listen-refused`.
 */
export async function startRelay(options: RelayOptions, modules: RelayModules = {}): Promise<Relay> {
  const limits: RelayLimits = { ...defaultLimits, ...options.limits };
  // Refused here, not at the first connection.
  connectOptions(options.node);
  const counters: RelayCounters = {
    open: 0,
    accepted: 0,
    bytes: { up: 0, down: 0 },
    refused: zeros(refusals),
    ended: zeros(ends),
  };
  const connections = new Set<Connection>();
  const perSource = new Map<string, number>();
  let closing = false;

  const refuse = (client: Socket, reason: Refusal): void => {
    counters.refused[reason] += 1;
    modules.record?.('refused', reason);
    client.on('error', ignoreReset);
    client.destroy();
  };
  const serverOptions = {
    noDelay: true,
    allowHalfOpen: true,
    pauseOnConnect: true,
    highWaterMark: chunkBytes,
  };
  const server = createServer(serverOptions, (client) => {
    const source = sourceOf(client.remoteAddress);
    const fromSource = perSource.get(source) ?? 0;
    if (closing) {
      refuse(client, 'closing');
    } else if (counters.open >= limits.maxConnections) {
      refuse(client, 'connections');
    } else if (fromSource >= limits.maxPerSource) {
      refuse(client, 'source');
    } else {
      counters.open += 1;
      counters.accepted += 1;
      perSource.set(source, fromSource + 1);
      const connection = new Connection(client, options.node, limits, counters.bytes, (reason) => {
        counters.open -= 1;
        counters.ended[reason] += 1;
        connections.delete(connection);
        const left = (perSource.get(source) ?? 1) - 1;
        if (left > 0) {
          perSource.set(source, left);
        } else {
          perSource.delete(source);
        }
        if (reason !== 'ended') {
          modules.record?.('cut', reason);
        }
      });
      connections.add(connection);
    }
  });
  const address = await listenOn(server, options.listen);
  server.on('error', () => {
    // accept(2) ran out of descriptors: the connection is lost, the listener goes on.
    counters.refused.connections += 1;
    modules.record?.('refused', 'connections');
  });
  return {
    address,
    counters,
    limits,
    close: async (graceMs = 500) => {
      closing = true;
      const closed = closeServer(server);
      const timer = setTimeout(() => {
        for (const connection of connections) {
          connection.end('closing');
        }
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Resolves when the listener and all its connections are closed. */
const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });

/** A refused or ended socket may still report a reset: its `close` is all that matters. */
const ignoreReset = (): void => undefined;

/** Whether the node accepts a connection within `timeoutMs`; `undefined` where it does, else the errno name. */
export function probeNode(node: Address, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = connect(connectOptions(node));
    const timer = setTimeout(() => {
      settle('ETIMEDOUT');
    }, timeoutMs);
    const settle = (reason: string | undefined): void => {
      clearTimeout(timer);
      probe.destroy();
      resolve(reason);
    };
    probe.once('connect', () => {
      settle(undefined);
    });
    probe.on('error', (error) => {
      settle(errnoOf(error));
    });
  });
}
