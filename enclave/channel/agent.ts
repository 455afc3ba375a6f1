/**
 * The client's end of the channel: an agent of `node:https` that reaches one address over TLS 1.3 and hands a
 * connection to HTTP only after the peer's key was looked at. Once pinned, it speaks with that key and no other: a
 * relay that ends TLS itself gets not one byte of a request.
 */
import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { connectOptions, errnoOf, formatAddress, type Address } from '../address/index.ts';
import type { TlsKey } from './identity.ts';
import { Slots } from './slots.ts';
import { clientTlsOptions, peerSpkiHash } from './tls.ts';

/** What {@link httpsAgentFor} takes. */
export interface ChannelAgentOptions {
  readonly address: Address;
  /** The client's key and certificate, see `clientTls`; absent for a caller that stays unauthenticated. */
  readonly client?: TlsKey;
  /** The only accepted peer: SHA-256 of its SubjectPublicKeyInfo, 32 bytes. Can be given later with `pin`. */
  readonly pin?: Uint8Array;
  /** Called for each new connection whose peer is accepted, before any byte is sent. */
  readonly onPeer?: (spki: Uint8Array, socket: TLSSocket) => void;
  /** Longest connect and handshake together, in milliseconds; 5000 unless told. */
  readonly connectMs?: number;
  /** Longest time that an unused connection is kept, in milliseconds; 30000 unless told. Below the relay's idle limit. */
  readonly idleMs?: number;
  /** Most calls of `channelCall` at once, and so most connections; 32 unless told. Further calls wait. */
  readonly maxSockets?: number;
}

/** Makes the agent of one address. */
export const httpsAgentFor = (options: ChannelAgentOptions): ChannelAgent => new ChannelAgent(options);

type Handed = (error: Error | null, stream: Duplex) => void;

/** An HTTP/1.1 keep-alive agent for one node. Made by {@link httpsAgentFor}. */
export class ChannelAgent extends Agent {
  /** The text of the address, for messages. */
  readonly where: string;
  /**
   * The places for calls. `maxSockets` of node:http counts a connection only once it was handed out, so on its own it
   * would let every waiting call start a handshake.
   */
  readonly slots: Slots;
  readonly #address: Address;
  readonly #context: SecureContext;
  readonly #onPeer: ChannelAgentOptions['onPeer'];
  readonly #connectMs: number;
  readonly #open = new Set<TLSSocket>();
  #pin: Uint8Array | undefined;

  constructor(options: ChannelAgentOptions) {
    const maxSockets = options.maxSockets ?? 32;
    super({
      keepAlive: true,
      timeout: options.idleMs ?? 30_000,
      maxSockets,
      maxFreeSockets: maxSockets,
      // No TLS session is kept: a resumed one would not show the peer's key anew.
      maxCachedSessions: 0,
    });
    this.slots = new Slots(maxSockets);
    this.#address = options.address;
    this.where = formatAddress(options.address);
    // Made once, so that the caller can wipe the PEM of its key right after.
    this.#context = createSecureContext(clientTlsOptions(options.client));
    this.#onPeer = options.onPeer;
    this.#connectMs = options.connectMs ?? 5_000;
    this.#pin = options.pin?.slice();
  }

  /**
   * From now on only the peer with this key is spoken with. Connections with another one are destroyed, and so are the
   * calls that are on their way over them.
   */
  pin(spki: Uint8Array): void {
    this.#pin = spki.slice();
    for (const socket of this.#open) {
      const got = peerSpkiHash(socket);
      // One without a key yet is still in its handshake, and is checked at its end.
      if (got !== undefined && !equalBytes(got, spki)) {
        socket.destroy(this.#mismatch(spki, got));
      }
    }
  }

  /** All requests of this agent go to the one address, whatever host they name. */
  override getName(): string {
    return this.where;
  }

  /** Ends every connection, those in their handshake too. */
  override destroy(): void {
    super.destroy();
    for (const socket of this.#open) {
      socket.destroy();
    }
  }

  /** Called by node:http for a new connection; gives the socket to `handed` after the peer was accepted. */
  override createConnection(_options: RequestOptions, handed?: Handed): undefined {
    if (handed === undefined) {
      throw new TypeError('the channel agent hands out sockets by callback only');
    }
    // node:http takes any value for the stream where there is an error.
    const refuse = handed as (error: Error) => void;
    let socket: TLSSocket;
    try {
      socket = connect({
        ...connectOptions(this.#address),
        ...clientTlsOptions(undefined),
        secureContext: this.#context,
      });
    } catch (error) {
      process.nextTick(refuse, error);
      return undefined;
    }
    this.#open.add(socket);
    let connected = false;
    let timer: NodeJS.Timeout | undefined = setTimeout(() => {
      const facts = { address: this.where, ms: this.#connectMs };
      socket.destroy(new SymbolonError('channel/timeout', facts));
    }, this.#connectMs);
    const settle = (): boolean => {
      const first = timer !== undefined;
      clearTimeout(timer);
      timer = undefined;
      return first;
    };
    socket.once('connect', () => {
      connected = true;
    });
    socket.once('secureConnect', () => {
      const refusal = this.#refusalOf(socket);
      if (refusal !== undefined) {
        socket.destroy(refusal);
      } else if (settle()) {
        handed(null, socket);
      }
    });
    const onError = (error: Error): void => {
      if (settle()) {
        refuse(this.#named(error, connected));
      }
    };
    socket.on('error', onError);
    socket.once('close', () => {
      this.#open.delete(socket);
      onError(new Error('closed'));
    });
    return undefined;
  }

  #refusalOf(socket: TLSSocket): SymbolonError | undefined {
    const spki = peerSpkiHash(socket);
    if (spki === undefined) {
      return new SymbolonError('channel/not-tls13', { address: this.where, reason: 'no certificate' });
    }
    if (this.#pin !== undefined && !equalBytes(spki, this.#pin)) {
      return this.#mismatch(this.#pin, spki);
    }
    this.#onPeer?.(spki, socket);
    return undefined;
  }

  #mismatch(wanted: Uint8Array, got: Uint8Array): SymbolonError {
    return new SymbolonError('channel/pin-mismatch', {
      address: this.where,
      wanted: toHex(wanted),
      got: toHex(got),
    });
  }

  #named(error: Error, connected: boolean): Error {
    if (error instanceof SymbolonError) {
      return error;
    }
    const reason = errnoOf(error);
    // OpenSSL's own errors: the peer is there and does not speak TLS 1.3.
    const handshake = connected && (reason === 'EPROTO' || reason.startsWith('ERR_SSL'));
    return new SymbolonError(
      handshake ? 'channel/not-tls13' : 'channel/unreachable',
      { address: this.where, reason: reason === 'unknown' ? 'closed' : reason },
      { cause: error },
    );
  }
}
