/**
 * Calls to one identity of one node over the attested channel. The first connection decides which TLS key all later ones
 * must show; errors of the channel are given the node's name.
 */
import { parseAddress } from '../../enclave/address/index.ts';
import {
  channelCall,
  httpsAgentFor,
  type ChannelAgent,
  type ChannelAnswer,
  type ChannelCall,
  type TlsKey,
} from '../../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';

/** Where a node is and how it is spoken to. */
export interface TransportOptions {
  readonly node: string;
  /** `tcp:HOST:PORT` of the node's parent proxy, or `unix:PATH`. */
  readonly address: string;
  /** The coordinator's client key and certificate. */
  readonly tls: TlsKey;
  /** Connections to this node at once. */
  readonly maxSockets: number;
  /** Longest time for TCP and TLS together, in milliseconds. */
  readonly connectMs: number;
}

/** A pool of connections to one identity of one node. */
export class Transport {
  readonly #node: string;
  readonly #agent: ChannelAgent;

  constructor({ node, address, tls, maxSockets, connectMs }: TransportOptions) {
    this.#node = node;
    let pinned = false;
    const agent = httpsAgentFor({
      address: parseAddress(address, { remote: true }),
      client: tls,
      maxSockets,
      connectMs,
      onPeer: (spki) => {
        if (!pinned) {
          pinned = true;
          agent.pin(spki);
        }
      },
    });
    this.#agent = agent;
  }

  /**
   * Sends one call and reads the whole answer.
   * @throws SymbolonError `coordinator/node-unreachable`, `coordinator/node-timeout`, `coordinator/node-answer`,
   * `coordinator/node-identity` where the node shows another TLS key than before.
   */
  async call(call: ChannelCall): Promise<ChannelAnswer> {
    try {
      return await channelCall(this.#agent, call);
    } catch (error) {
      throw this.#named(error, `${call.method} ${call.path.split('?')[0] ?? ''}`);
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }

  #named(error: unknown, call: string): unknown {
    const node = this.#node;
    if (isSymbolonError(error, 'channel/timeout')) {
      return new SymbolonError(
        'coordinator/node-timeout',
        { node, call, ms: error.facts.ms },
        { cause: error },
      );
    }
    if (isSymbolonError(error, 'channel/unreachable') || isSymbolonError(error, 'channel/not-tls13')) {
      const { reason } = error.facts;
      return new SymbolonError('coordinator/node-unreachable', { node, call, reason }, { cause: error });
    }
    if (isSymbolonError(error, 'channel/pin-mismatch')) {
      const { wanted, got } = error.facts;
      return new SymbolonError('coordinator/node-identity', { node, wanted, got }, { cause: error });
    }
    if (isSymbolonError(error, 'channel/bad-answer')) {
      const { reason } = error.facts;
      return new SymbolonError('coordinator/node-answer', { node, call, reason }, { cause: error });
    }
    return error;
  }
}
