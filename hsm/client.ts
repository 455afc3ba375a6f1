/**
 * The daemon's end of the private socket. One connection, made again when it is gone: a call on a lost connection fails
 * with `hsm/unavailable`, the next one connects anew and checks that the same token answers.
 */
import { connect, type Socket } from 'node:net';
import { SymbolonError } from '../wire/errors/index.ts';
import type { HsmHealth, HsmLink, KeyMaterial, TokenIdentity } from './material.ts';
import { fromProblem } from './problem.ts';
import {
  frame,
  FrameReader,
  hsmReply,
  hsmRequest,
  type HsmReply,
  type HsmRequest,
  type ReplyOf,
} from './protocol.ts';
import { refusalError } from './refusal.ts';

/** How to reach the HSM process. */
export interface HsmLinkOptions {
  /** Path of the unix socket, at most 107 bytes. */
  readonly socket: string;
  /** Longest time for one call, connecting included, in milliseconds. */
  readonly timeoutMs: number;
}

type Ask = {
  readonly [O in HsmRequest['op']]: Omit<Extract<HsmRequest, { op: O }>, 'v' | 'id'>;
}[HsmRequest['op']];

const unavailable = (reason: string, cause?: unknown): SymbolonError<'hsm/unavailable'> =>
  new SymbolonError('hsm/unavailable', { reason }, { cause });

/** The link, and the probe that operators may ask for. */
export interface ProbingHsmLink extends HsmLink {
  /** Makes a 32-byte secret go round in the token. */
  probe(): Promise<void>;
}

/**
 * Connects, and reads the token's identity.
 * @throws SymbolonError `hsm/unavailable`, or the refusal that ended the HSM process: `hsm/pin-refused`,
 * `hsm/token-mismatch`, ...
 */
export async function connectHsm(options: HsmLinkOptions): Promise<ProbingHsmLink> {
  const deadline = Date.now() + options.timeoutMs;
  const connection = await Connection.open(options, deadline);
  try {
    const { health } = await connection.ask({ op: 'health' }, 'health', deadline);
    return new Link(options, connection, health.token);
  } catch (error) {
    connection.drop(unavailable('closed'));
    throw error;
  }
}

class Link implements ProbingHsmLink {
  readonly token: TokenIdentity;
  readonly #options: HsmLinkOptions;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: HsmLinkOptions, connection: Connection, token: TokenIdentity) {
    this.#options = options;
    this.#connection = connection;
    this.token = token;
  }

  async newKeyMaterial(): Promise<KeyMaterial> {
    const { wrapped, ikm } = await this.#ask({ op: 'make' }, 'made');
    return { wrapped, ikm };
  }

  async recoverKeyMaterial(wrapped: Uint8Array): Promise<Uint8Array> {
    return (await this.#ask({ op: 'recover', wrapped }, 'recovered')).ikm;
  }

  async health(): Promise<HsmHealth> {
    const { health } = await this.#ask({ op: 'health' }, 'health');
    this.#sameToken(health);
    return health;
  }

  async probe(): Promise<void> {
    await this.#ask({ op: 'probe' }, 'probed');
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#connection?.drop(unavailable('closed'));
    this.#connection = undefined;
    return Promise.resolve();
  }

  async #ask<R extends HsmReply['result']>(ask: Ask, wanted: R): Promise<ReplyOf<R>> {
    const deadline = Date.now() + this.#options.timeoutMs;
    const connection = await this.#ready(deadline);
    return await connection.ask(ask, wanted, deadline);
  }

  async #ready(deadline: number): Promise<Connection> {
    if (this.#closed) {
      throw unavailable('closed');
    }
    if (this.#connection?.alive === true) {
      return this.#connection;
    }
    // Calls that meet a lost connection share one attempt.
    this.#connecting ??= this.#reconnect(deadline).finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #reconnect(deadline: number): Promise<Connection> {
    const connection = await Connection.open(this.#options, deadline);
    try {
      const { health } = await connection.ask({ op: 'health' }, 'health', deadline);
      this.#sameToken(health);
    } catch (error) {
      connection.drop(unavailable('closed'));
      throw error;
    }
    this.#connection = connection;
    // close() may have come while connecting; the field is read anew.
    if (this.#isClosed()) {
      await this.close();
      throw unavailable('closed');
    }
    return connection;
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #sameToken({ token }: HsmHealth): void {
    const text = (one: TokenIdentity): string => [one.label, one.serial, one.keyId, one.algorithm].join(' ');
    if (text(token) !== text(this.token)) {
      throw new SymbolonError('hsm/token-mismatch', { wanted: text(this.token), found: text(token) });
    }
  }
}

interface Waiting {
  readonly done: (reply: HsmReply) => void;
  readonly fail: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

class Connection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #end: unknown;

  /** Connects by `deadline`. */
  static open(options: HsmLinkOptions, deadline: number): Promise<Connection> {
    return new Promise((done, fail) => {
      const socket = connect({ path: options.socket });
      const timer = setTimeout(
        () => {
          socket.destroy();
          fail(unavailable('no connection in time'));
        },
        Math.max(deadline - Date.now(), 1),
      );
      socket.once('error', (cause) => {
        clearTimeout(timer);
        // A process that refused to start left the reason beside its socket.
        fail(refusalError(options.socket) ?? unavailable('no process listens', cause));
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        done(new Connection(socket));
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#data(chunk);
    });
    socket.on('error', () => {
      this.drop(unavailable('connection lost'));
    });
    socket.once('close', () => {
      this.drop(unavailable('connection lost'));
    });
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  ask<R extends HsmReply['result']>(ask: Ask, wanted: R, deadline: number): Promise<ReplyOf<R>> {
    this.#lastId = (this.#lastId % 0xffffffff) + 1;
    const id = this.#lastId;
    return new Promise((done, fail) => {
      if (this.#end !== undefined) {
        fail(unavailable('connection lost'));
        return;
      }
      const body = hsmRequest.encode({ ...ask, v: 1, id });
      const timer = setTimeout(
        () => {
          // A late answer would carry key material that nobody waits for: the connection ends with the call.
          this.drop(unavailable('no answer in time'));
        },
        Math.max(deadline - Date.now(), 1),
      );
      this.#waiting.set(id, {
        timer,
        fail,
        done: (reply) => {
          if (reply.result === wanted) {
            done(reply as ReplyOf<R>);
          } else if (reply.result === 'problem') {
            fail(fromProblem(reply.problem));
          } else {
            wipe(reply);
            this.drop(new SymbolonError('hsm/bad-frame', { reason: 'answer of another kind' }));
            fail(new SymbolonError('hsm/bad-frame', { reason: 'answer of another kind' }));
          }
        },
      });
      this.#socket.write(frame(body));
    });
  }

  /** Ends the connection; all who wait fail with `error`. */
  drop(error: unknown): void {
    this.#end ??= error;
    this.#socket.destroy();
    this.#reader.wipe();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) {
      clearTimeout(one.timer);
      one.fail(error);
    }
  }

  #data(chunk: Uint8Array): void {
    if (this.#end !== undefined) {
      chunk.fill(0);
      return;
    }
    let bodies: readonly Uint8Array[] = [];
    try {
      bodies = this.#reader.push(chunk);
      for (const body of bodies) {
        this.#reply(body);
      }
    } catch (cause) {
      // What came behind the bad answer may be key material too.
      for (const body of bodies) {
        body.fill(0);
      }
      this.drop(new SymbolonError('hsm/bad-frame', { reason: 'answer is not of the protocol' }, { cause }));
    }
  }

  #reply(body: Uint8Array): void {
    let reply: HsmReply;
    try {
      reply = hsmReply.decode(body);
    } finally {
      body.fill(0);
    }
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) {
      wipe(reply);
      // Id 0 names no request: the process could not read one, and closes.
      throw reply.result === 'problem'
        ? fromProblem(reply.problem)
        : new SymbolonError('hsm/bad-frame', { reason: 'answer to nothing' });
    }
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    waiting.done(reply);
  }
}

function wipe(reply: HsmReply): void {
  if ('ikm' in reply) {
    reply.ikm.fill(0);
  }
}
