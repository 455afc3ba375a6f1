/** One relayed connection, with its limits and the reason of its end. */
import { connect, type Socket } from 'node:net';
import { connectOptions, type Address } from '../address/index.ts';
import type { RelayLimits } from './limits.ts';
import { pipe } from './pipe.ts';

/** Why a connection that was taken ended. The first is the good end, the second the peer's doing. */
export const ends = [
  'ended',
  'reset',
  'node-down',
  'connect-timeout',
  'first-byte',
  'idle',
  'total',
  'bytes-up',
  'bytes-down',
  'closing',
] as const;
/** A reason of {@link ends}. */
export type End = (typeof ends)[number];

/** Bytes delivered to the node and from it. */
export type ByteCounters = Record<'up' | 'down', number>;

/** One relayed connection: two sockets, two pipes, and its timers. */
export class Connection {
  readonly #client: Socket;
  readonly #node: Socket;
  readonly #limits: RelayLimits;
  readonly #onEnd: (reason: End) => void;
  readonly #timers = new Map<'connect' | 'first' | 'total' | 'linger', NodeJS.Timeout>();
  #idle: NodeJS.Timeout | undefined;
  #halfEnded = false;
  #ended = false;

  constructor(
    client: Socket,
    node: Address,
    limits: RelayLimits,
    bytes: ByteCounters,
    onEnd: (reason: End) => void,
  ) {
    this.#client = client;
    this.#limits = limits;
    this.#onEnd = onEnd;
    this.#node = connect({ ...connectOptions(node), allowHalfOpen: true, noDelay: true });
    this.#after('connect', limits.connectMs, 'connect-timeout');
    this.#after('first', limits.firstByteMs, 'first-byte');
    this.#after('total', limits.totalMs, 'total');
    client.on('error', () => {
      this.end('reset');
    });
    client.once('close', () => {
      this.end(this.#halfEnded ? 'ended' : 'reset');
    });
    let connected = false;
    this.#node.on('error', () => {
      this.end(connected ? 'reset' : 'node-down');
    });
    this.#node.once('close', () => {
      this.end(this.#halfEnded ? 'ended' : connected ? 'reset' : 'node-down');
    });
    // Nothing is read from the client before the node is there: it was accepted paused.
    this.#node.once('connect', () => {
      connected = true;
      this.#stop('connect');
      this.#touch();
      this.#carry(client, this.#node, bytes, 'up');
      this.#carry(this.#node, client, bytes, 'down');
    });
  }

  /** Ends the connection at once, for this reason; the first reason counts. */
  end(reason: End): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    for (const timer of this.#timers.values()) {
      clearTimeout(timer);
    }
    clearTimeout(this.#idle);
    this.#client.destroy();
    this.#node.destroy();
    this.#onEnd(reason);
  }

  #carry(source: Socket, target: Socket, bytes: ByteCounters, way: 'up' | 'down'): void {
    const limit = way === 'up' ? this.#limits.maxBytesUp : this.#limits.maxBytesDown;
    let carried = 0;
    pipe(source, target, {
      admit: (size) => {
        if (way === 'up') {
          this.#stop('first');
        }
        carried += size;
        if (carried > limit) {
          this.end(way === 'up' ? 'bytes-up' : 'bytes-down');
          return false;
        }
        bytes[way] += size;
        return true;
      },
      delivered: () => {
        this.#touch();
      },
      ended: () => {
        target.end();
        if (this.#halfEnded) {
          // Both directions are done: the sockets close as soon as the last bytes are out.
          target.once('finish', () => {
            this.end('ended');
          });
          return;
        }
        this.#halfEnded = true;
        this.#after('linger', this.#limits.lingerMs, 'ended');
      },
    });
  }

  /** Starts the idle time anew. A refresh of one timer, not a new one for each piece. */
  #touch(): void {
    if (this.#ended) {
      return;
    }
    if (this.#idle === undefined) {
      this.#idle = setTimeout(() => {
        this.end('idle');
      }, this.#limits.idleMs);
    } else {
      this.#idle.refresh();
    }
  }

  #after(name: 'connect' | 'first' | 'total' | 'linger', ms: number, reason: End): void {
    this.#timers.set(
      name,
      setTimeout(() => {
        this.end(reason);
      }, ms),
    );
  }

  #stop(name: 'connect' | 'first'): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
