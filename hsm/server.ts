/**
 * The listener of the HSM process on its private unix socket. PKCS#11 calls are synchronous, so requests are answered
 * one after the other, whoever asks. A bad frame closes its connection only; an error of the token ends the process,
 * after the answer that names it.
 */
import { statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listenOn } from '../enclave/address/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import type { Log } from './log.ts';
import type { KeyMaterial } from './material.ts';
import { toCatalogue } from './pkcs11.ts';
import { toProblem } from './problem.ts';
import { frame, FrameReader, hsmReply, hsmRequest, type HsmReply, type HsmRequest } from './protocol.ts';
import { isDataRefusal, type Token } from './token.ts';

/** Connections at once: a daemon has one, an operator's probe another. */
const maxConnections = 16;
/** Longest time for the rest of a frame that was begun, in milliseconds. */
const frameDeadlineMs = 5_000;
/** Longest time for the last answer before the process ends, in milliseconds. */
const answerMs = 500;
/** Replies that may wait for a client that does not read, in bytes. */
const maxUnread = 262_144;

/** What the listener works with. */
export interface ServerModules {
  readonly token: Token;
  readonly log: Log;
  readonly now: () => number;
  /** Called once, after the answer went out, when the token failed: the process must end. */
  readonly onTokenFailure: (error: unknown) => void;
}

/** A listener that serves. */
export interface HsmServer {
  /** Stops listening, removes the socket, closes all connections. */
  close(): Promise<void>;
}

/**
 * Listens on `socket` with mode 0600, in a folder that no other user can enter.
 * @throws SymbolonError `hsm/socket-exposed`, `hsm/already-running`, `hsm/config-broken`
 */
export async function serveHsm(
  opts: { readonly socket: string; readonly node: string },
  modules: ServerModules,
): Promise<HsmServer> {
  checkSocketFolder(opts.socket);
  const startedAt = modules.now();
  const state = { operations: 0, failed: false };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new Connection(socket, { ...modules, node: opts.node, startedAt, state });
  });
  server.maxConnections = maxConnections;
  await listen(server, opts.socket);
  server.on('error', () => {
    // accept(2) ran out of descriptors: that caller is lost, the process goes on.
    modules.log('error', 'not-accepted');
  });
  return {
    close: () =>
      new Promise((done) => {
        server.close(() => {
          done();
        });
        for (const socket of sockets) {
          socket.destroy();
        }
      }),
  };
}

interface ConnectionModules extends ServerModules {
  readonly node: string;
  readonly startedAt: number;
  readonly state: { operations: number; failed: boolean };
}

class Connection {
  readonly #socket: Socket;
  readonly #modules: ConnectionModules;
  readonly #reader = new FrameReader();
  #deadline: NodeJS.Timeout | undefined;

  constructor(socket: Socket, modules: ConnectionModules) {
    this.#socket = socket;
    this.#modules = modules;
    socket.on('data', (chunk) => {
      this.#data(chunk);
    });
    socket.on('error', () => {
      socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(this.#deadline);
      this.#reader.wipe();
    });
  }

  #data(chunk: Uint8Array): void {
    clearTimeout(this.#deadline);
    let bodies: Uint8Array[];
    try {
      bodies = this.#reader.push(chunk);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    for (const body of bodies) {
      if (!this.#answer(body)) {
        return;
      }
    }
    if (this.#reader.partial) {
      this.#deadline = setTimeout(() => {
        this.#refuse(new SymbolonError('hsm/bad-frame', { reason: 'frame not finished in time' }));
      }, frameDeadlineMs);
    }
  }

  /** Answers one request; `false` where the connection is over. */
  #answer(body: Uint8Array): boolean {
    if (this.#modules.state.failed) {
      return false;
    }
    let request: HsmRequest;
    try {
      request = hsmRequest.decode(body);
    } catch (error) {
      this.#refuse(error);
      return false;
    } finally {
      body.fill(0);
    }
    if (this.#socket.writableLength > maxUnread) {
      this.#refuse(new SymbolonError('hsm/bad-frame', { reason: 'replies are not read' }));
      return false;
    }
    let reply: HsmReply;
    let failure: unknown;
    try {
      reply = this.#perform(request);
    } catch (error) {
      const named = toCatalogue(error);
      reply = { v: 1, id: request.id, result: 'problem', problem: toProblem(named) };
      failure = isDataRefusal(named) ? undefined : named;
    }
    if (failure === undefined) {
      this.#send(reply);
      return true;
    }
    this.#modules.state.failed = true;
    const { onTokenFailure } = this.#modules;
    // A client that does not read its answer must not keep the process.
    const timer = setTimeout(onTokenFailure, answerMs, failure);
    this.#send(reply, () => {
      clearTimeout(timer);
      onTokenFailure(failure);
    });
    return false;
  }

  #perform(request: HsmRequest): HsmReply {
    const { token, state, node, startedAt } = this.#modules;
    const head = { v: 1, id: request.id } as const;
    switch (request.op) {
      case 'make': {
        const { wrapped, ikm }: KeyMaterial = token.make();
        state.operations += 1;
        return { ...head, result: 'made', wrapped, ikm };
      }
      case 'recover': {
        const ikm = token.recover(request.wrapped);
        state.operations += 1;
        return { ...head, result: 'recovered', ikm };
      }
      case 'health': {
        token.check();
        const health = { token: token.identity, node, startedAt, operations: state.operations };
        return { ...head, result: 'health', health };
      }
      case 'probe':
        token.probe();
        return { ...head, result: 'probed' };
    }
  }

  #send(reply: HsmReply, then?: () => void): void {
    const body = hsmReply.encode(reply);
    const framed = frame(body);
    body.fill(0);
    if ('ikm' in reply) {
      reply.ikm.fill(0);
    }
    this.#socket.write(framed, () => {
      framed.fill(0);
      then?.();
    });
  }

  /** Names the refusal and closes this connection. Id 0: the request's own could not be read. */
  #refuse(error: unknown): void {
    const named =
      isSymbolonError(error, 'wire/malformed-cbor') || isSymbolonError(error, 'wire/unexpected-shape')
        ? new SymbolonError('hsm/bad-frame', {
            reason: error.code === 'wire/malformed-cbor' ? 'not strict CBOR' : 'not a request',
          })
        : error;
    this.#modules.log('warn', 'frame-refused', { code: toProblem(named).code });
    this.#send({ v: 1, id: 0, result: 'problem', problem: toProblem(named) });
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#socket.end();
    // A peer that never closes its end must not hold the connection.
    setTimeout(() => {
      this.#socket.destroy();
    }, 200).unref();
  }
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await listenOn(server, { kind: 'unix', path });
  } catch (cause) {
    throw isSymbolonError(cause, 'channel/address-in-use')
      ? new SymbolonError('hsm/already-running', { socket: path }, { cause })
      : new SymbolonError('hsm/config-broken', { file: path, reason: 'socket can not be made' }, { cause });
  }
}

/**
 * The folder of the socket is there, and no other user can enter it.
 * @throws SymbolonError `hsm/socket-exposed`, `hsm/config-broken`
 */
export function checkSocketFolder(socket: string): void {
  const folder = dirname(socket);
  let mode: number;
  try {
    mode = statSync(folder).mode & 0o777;
  } catch (error) {
    throw new SymbolonError(
      'hsm/config-broken',
      { file: folder, reason: 'no such folder' },
      { cause: error },
    );
  }
  if ((mode & 0o077) !== 0) {
    throw new SymbolonError('hsm/socket-exposed', { folder, mode: mode.toString(8).padStart(4, '0') });
  }
}
