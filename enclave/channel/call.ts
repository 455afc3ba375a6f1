/** One call over the channel: a request, a bounded answer, a deadline, and the key of the peer that answered. */
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { SymbolonError, isSymbolonError } from '../../wire/errors/index.ts';
import { errnoOf } from '../address/index.ts';
import type { ChannelAgent } from './agent.ts';
import { peerSpkiHash } from './tls.ts';

/** A call. */
export interface ChannelCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** Body with its content type `application/cbor`. */
  readonly body?: Uint8Array;
  /** Longest answer in bytes; counted while it arrives. */
  readonly maxBytes: number;
  /** Longest time for the whole call in milliseconds, the connection included. */
  readonly timeoutMs: number;
  /**
   * Whether the call may be sent a second time where a kept connection turned out to be closed before anything came
   * back. True for GET unless told.
   */
  readonly idempotent?: boolean;
}

/** An answer, whatever its status. */
export interface ChannelAnswer {
  readonly status: number;
  /** Lower case, without parameters; empty where there is none. */
  readonly contentType: string;
  readonly body: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo of the peer on the connection that carried this call, 32 bytes. */
  readonly peer: Uint8Array;
}

/**
 * Makes one call.
 * @throws SymbolonError `channel/timeout`, `channel/unreachable`, `channel/not-tls13`, `channel/pin-mismatch`,
 * `channel/bad-answer` (cut short, or larger than `maxBytes`).
 */
export async function channelCall(agent: ChannelAgent, call: ChannelCall): Promise<ChannelAnswer> {
  const until = performance.now() + call.timeoutMs;
  if (!(await agent.slots.take(call.timeoutMs))) {
    throw new SymbolonError('channel/timeout', { address: agent.where, ms: call.timeoutMs });
  }
  const left = (): number => Math.max(1, until - performance.now());
  try {
    const first = await attempt(agent, call, left());
    if (first !== 'stale') {
      return first;
    }
    const second = await attempt(agent, { ...call, idempotent: false }, left());
    if (second === 'stale') {
      throw new SymbolonError('channel/unreachable', { address: agent.where, reason: 'closed' });
    }
    return second;
  } finally {
    // node:http puts the connection back among the free ones a tick after the answer's end: the next call finds it.
    setImmediate(() => {
      agent.slots.give();
    });
  }
}

function attempt(
  agent: ChannelAgent,
  call: ChannelCall,
  timeoutMs: number,
): Promise<ChannelAnswer | 'stale'> {
  const { body, method, path } = call;
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      agent,
      method,
      path,
      // Never resolved: the agent knows the address. The name is the same for all nodes and tells nothing.
      host: 'node',
      headers:
        body === undefined ? {} : { 'content-type': 'application/cbor', 'content-length': body.length },
    });
    const timer = setTimeout(() => {
      const error = new SymbolonError('channel/timeout', { address: agent.where, ms: call.timeoutMs });
      reject(error);
      request.destroy(error);
    }, timeoutMs);
    let answered = false;
    request.on('close', () => {
      clearTimeout(timer);
    });
    request.on('error', (error) => {
      const again = !answered && request.reusedSocket && errnoOf(error) === 'ECONNRESET';
      if (again && (call.idempotent ?? method === 'GET')) {
        resolve('stale');
      } else {
        reject(named(agent, error));
      }
    });
    request.on('response', (response) => {
      answered = true;
      collect(agent, response, call.maxBytes).then(resolve, (error: unknown) => {
        const facts = { address: agent.where, reason: 'cut short' };
        reject(
          isSymbolonError(error) ? error : new SymbolonError('channel/bad-answer', facts, { cause: error }),
        );
        request.destroy();
      });
    });
    request.end(body);
  });
}

const named = (agent: ChannelAgent, error: unknown): Error =>
  isSymbolonError(error)
    ? error
    : new SymbolonError(
        'channel/unreachable',
        { address: agent.where, reason: errnoOf(error) },
        { cause: error },
      );

async function collect(
  agent: ChannelAgent,
  response: IncomingMessage,
  maxBytes: number,
): Promise<ChannelAnswer> {
  const refuse = (reason: string): SymbolonError =>
    new SymbolonError('channel/bad-answer', { address: agent.where, reason });
  const peer = peerSpkiHash(response.socket);
  if (peer === undefined) {
    throw refuse('no peer');
  }
  // T34: refused by its announced size before a byte of it is kept.
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    throw refuse('larger than allowed');
  }
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) {
      throw refuse('larger than allowed');
    }
    parts.push(part);
  }
  if (!response.complete) {
    throw refuse('cut short');
  }
  return {
    status: response.statusCode ?? 0,
    contentType: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
    body: new Uint8Array(Buffer.concat(parts)),
    peer,
  };
}
