/**
 * One signer node, as the coordinator sees it. Every TLS identity of the node is verified before it is used: evidence
 * over a nonce of our own, appraised against the manifest, and the TLS key that the evidence names must be the key at the
 * other end of the connection.
 */
import { nativeEs384 } from '../../native/es384.ts';
import {
  appraise,
  type Appraisal,
  type AppraisalPolicy,
  type Expected,
} from '../../enclave/evidence/index.ts';
import type { ChannelAnswer, ChannelCall } from '../../enclave/channel/index.ts';
import { catalogue, isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxManifest } from '../../wire/limits.ts';
import type { Platform } from '../../wire/messages/manifest.ts';
import {
  evidenceAnswer,
  evidenceAsk,
  keyList,
  nodeStatus,
  presignatureAsk,
  presignatureList,
  problem,
  type KeyList,
  type NodeStatus,
} from '../../wire/messages/node.ts';
import {
  challengeBytes,
  keyActivate,
  keyAsk,
  keyConfirmations,
  sessionAttest,
  sessionEvidence,
  sessionFinish,
  sessionOpen,
  sessionOutput,
  sessionRound,
  type Challenge,
  type Envelope,
} from '../../wire/messages/session.ts';
import type { Message } from '../../wire/shape.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** What a message format decodes to. */
type Decoded<M> = M extends Message<infer T> ? T : never;

/** What the node is held against. Taken anew for every verification: the manifest may change. */
export interface NodeExpectation {
  readonly policy: AppraisalPolicy;
  readonly platform: Platform;
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  /** Hash of the current manifest, 32 bytes. */
  readonly manifest: Uint8Array;
}

/** Options of a {@link NodeClient}. */
export interface NodeClientOptions extends TransportOptions {
  /** Longest time for one ordinary call in milliseconds. */
  readonly callMs: number;
  /** A verification older than this is renewed by {@link NodeClient.refresh}, in milliseconds. */
  readonly verifyEveryMs: number;
}

/** What a {@link NodeClient} needs of the outside. */
export interface NodeClientModules {
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly expectation: () => NodeExpectation;
}

/** Limits of one call. */
export interface CallOptions {
  readonly timeoutMs?: number | undefined;
}

/** The last evidence that was accepted, with its document. */
export interface Verified {
  readonly appraisal: Appraisal;
  readonly document: Uint8Array;
  /** The nonce that this coordinator chose, 32 bytes. */
  readonly nonce: Uint8Array;
  /** Unix milliseconds. */
  readonly at: number;
}

/** The calls of a node; {@link NodeClient} is the real one. */
export interface NodeCalls {
  readonly name: string;
  open(body: Decoded<typeof sessionOpen>, options?: CallOptions): Promise<Challenge>;
  attest(
    body: Decoded<typeof sessionAttest>,
    options?: CallOptions,
  ): Promise<Decoded<typeof sessionEvidence>>;
  round(body: Decoded<typeof sessionRound>, options?: CallOptions): Promise<Decoded<typeof sessionOutput>>;
  finish(body: Decoded<typeof sessionFinish>, options?: CallOptions): Promise<void>;
  activate(key: string, confirmations: readonly Envelope[], options?: CallOptions): Promise<void>;
  verified(): Verified | undefined;
}

interface Link {
  readonly transport: Transport;
  verified: Verified | undefined;
}

/** A verified client of one node. */
export class NodeClient implements NodeCalls {
  readonly name: string;
  readonly #options: NodeClientOptions;
  readonly #modules: NodeClientModules;
  #link: Link | undefined;
  #verifying: Promise<Verified> | undefined;
  #closed = false;

  constructor(options: NodeClientOptions, modules: NodeClientModules) {
    this.name = options.node;
    this.#options = options;
    this.#modules = modules;
  }

  /** The evidence that the present connections rest on; absent before the first verification. */
  verified(): Verified | undefined {
    return this.#link?.verified;
  }

  /** Verifies the node where it was never verified, or the last time is too long ago, or its evidence has ended. */
  async refresh(): Promise<Verified> {
    const last = this.#current();
    return last !== undefined && this.#modules.now() - last.at < this.#options.verifyEveryMs
      ? last
      : this.verify();
  }

  /** Forgets the verification: the next call verifies anew (after a change of the manifest). */
  forget(): void {
    this.#link?.transport.close();
    this.#link = undefined;
  }

  /**
   * Asks for evidence over a fresh nonce and appraises it. Concurrent calls share one verification.
   * @throws SymbolonError of the appraiser (`evidence/...`), `coordinator/node-identity`, or of the connection.
   */
  verify(): Promise<Verified> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = undefined;
    });
    return this.#verifying;
  }

  /** Ends all connections; later calls are refused. */
  close(): void {
    this.#closed = true;
    this.forget();
  }

  async status(options?: CallOptions): Promise<NodeStatus> {
    return this.#decode('status', nodeStatus, await this.#get('/v1/status', nodeStatus.maxBytes, options));
  }

  /** A page of the keys that changed after a number, in the order of their last changes. Who reads it checks that. */
  keysSince(since: number, options?: CallOptions): Promise<KeyList> {
    return this.#keys(`since=${since}`, options);
  }

  /** These keys, as the node has them now: at most `maxKeyIds`. */
  keysNamed(ids: readonly string[], options?: CallOptions): Promise<KeyList> {
    return this.#keys(`ids=${ids.join(',')}`, options);
  }

  /** The signed manifest that the node holds. */
  manifest(options?: CallOptions): Promise<Uint8Array> {
    return this.#get('/v1/manifest', maxManifest + 4_096, options);
  }

  /** Hands the node a signed manifest; the node checks its signatures and version. */
  async putManifest(signed: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/manifest', body: signed, maxBytes: 4_096 }, options);
  }

  /**
   * Hands a signed manifest to a node whose evidence is not acceptable yet, because it holds an older one. Nothing but
   * the manifest, which is public, goes over this connection; the node trusts the signatures on it.
   */
  async offerManifest(signed: Uint8Array): Promise<void> {
    const transport = new Transport(this.#options);
    try {
      await this.#send(
        { transport, verified: undefined },
        {
          method: 'PUT',
          path: '/v1/manifest',
          body: signed,
          maxBytes: 4_096,
          timeoutMs: this.#options.callMs,
          idempotent: true,
        },
      );
    } finally {
      transport.close();
    }
  }

  open(body: Decoded<typeof sessionOpen>, options?: CallOptions): Promise<Challenge> {
    return this.#post('/v1/sessions/open', sessionOpen, body, challengeBytes, options);
  }

  attest(
    body: Decoded<typeof sessionAttest>,
    options?: CallOptions,
  ): Promise<Decoded<typeof sessionEvidence>> {
    return this.#post('/v1/sessions/attest', sessionAttest, body, sessionEvidence, options);
  }

  round(body: Decoded<typeof sessionRound>, options?: CallOptions): Promise<Decoded<typeof sessionOutput>> {
    return this.#post('/v1/sessions/round', sessionRound, body, sessionOutput, options);
  }

  async finish(body: Decoded<typeof sessionFinish>, options?: CallOptions): Promise<void> {
    await this.#call(
      { method: 'POST', path: '/v1/sessions/finish', body: sessionFinish.encode(body), maxBytes: 4_096 },
      options,
    );
  }

  async activate(key: string, confirmations: readonly Envelope[], options?: CallOptions): Promise<void> {
    const body = keyActivate.encode({ key, confirmations: [...confirmations] });
    await this.#call({ method: 'POST', path: '/v1/keys/activate', body, maxBytes: 4_096 }, options);
  }

  /**
   * What activated a generation of a key on this node, for holders that lack it. They check it for themselves.
   * @throws SymbolonError `coordinator/node-refused` where the node has not activated it.
   */
  async confirmations(key: string, generation: number, options?: CallOptions): Promise<readonly Envelope[]> {
    const path = '/v1/keys/confirmations';
    const answer = await this.#post(path, keyAsk, { key, generation }, keyConfirmations, options);
    if (answer.key !== key || answer.generation !== generation) {
      throw this.#wrong(`POST ${path}`, 'the confirmations of another key');
    }
    return answer.confirmations;
  }

  /** Ids of the presignatures that the node holds for a key and a set of signers, sorted by name. */
  async presignatures(
    key: string,
    nodes: readonly string[],
    options?: CallOptions,
  ): Promise<readonly Uint8Array[]> {
    const body = { key, nodes: [...nodes] };
    return (await this.#post('/v1/presignatures', presignatureAsk, body, presignatureList, options)).ids;
  }

  #current(): Verified | undefined {
    const last = this.#link?.verified;
    return last !== undefined && last.appraisal.notAfter > this.#modules.now() ? last : undefined;
  }

  async #verify(): Promise<Verified> {
    const present = this.#link;
    if (present !== undefined) {
      try {
        return await this.#verifyOver(present);
      } catch (error) {
        // The node was restarted (new identity, new TLS key) or the connection is gone: one try with a new one. A
        // refusal of the appraiser is final.
        if (!isSymbolonError(error) || !error.code.startsWith('coordinator/')) {
          this.#drop(present);
          throw error;
        }
        this.#drop(present);
      }
    }
    const link = this.#newLink();
    try {
      return await this.#verifyOver(link);
    } catch (error) {
      this.#drop(link);
      throw error;
    }
  }

  async #verifyOver(link: Link): Promise<Verified> {
    const { policy, cluster, manifest, platform } = this.#modules.expectation();
    const nonce = this.#modules.random(32);
    const { body, peer } = await this.#send(link, {
      method: 'POST',
      path: '/v1/evidence',
      body: evidenceAsk.encode({ nonce }),
      maxBytes: evidenceAnswer.maxBytes,
      timeoutMs: this.#options.callMs,
      idempotent: true,
    });
    const answer = this.#decode('POST /v1/evidence', evidenceAnswer, body);
    const now = this.#modules.now();
    const expected: Expected = { nonce, role: 'channel', cluster, node: this.name, manifest };
    const question = { now, expected, openKey: nativeEs384() };
    const result = appraise({ platform, document: answer.evidence }, policy, question);
    if (!result.ok) {
      throw result.refusal;
    }
    const { appraisal } = result;
    // The one line that ties the connection to the evidence: without it a relay could end TLS itself.
    if (!equalBytes(peer, appraisal.identity.tls)) {
      throw new SymbolonError('coordinator/node-identity', {
        node: this.name,
        wanted: toHex(appraisal.identity.tls),
        got: toHex(peer),
      });
    }
    const verified: Verified = { appraisal, document: answer.evidence, nonce, at: now };
    link.verified = verified;
    return verified;
  }

  #newLink(): Link {
    if (this.#closed) {
      throw new SymbolonError('coordinator/stopping', {});
    }
    const link: Link = { transport: new Transport(this.#options), verified: undefined };
    this.#link = link;
    return link;
  }

  #drop(link: Link): void {
    link.transport.close();
    if (this.#link === link) {
      this.#link = undefined;
    }
  }

  async #call(call: Omit<ChannelCall, 'timeoutMs'>, options: CallOptions = {}): Promise<Uint8Array> {
    // The node answers a repeated delivery with the same bytes, so every call may be sent again on a fresh connection.
    const full = { ...call, timeoutMs: options.timeoutMs ?? this.#options.callMs, idempotent: true };
    if (this.#current() === undefined) {
      await this.verify();
    }
    const link = this.#link;
    if (link === undefined) {
      throw new SymbolonError('coordinator/node-unreachable', {
        node: this.name,
        call: call.path,
        reason: 'connection ended during verification',
      });
    }
    try {
      return (await this.#send(link, full)).body;
    } catch (error) {
      // A new TLS key: the request has not been sent. Verify the new identity, then send it once.
      if (!isSymbolonError(error, 'coordinator/node-identity')) {
        throw error;
      }
      this.#drop(link);
      await this.verify();
      return (await this.#send(this.#link ?? link, full)).body;
    }
  }

  async #send(link: Link, call: ChannelCall): Promise<ChannelAnswer> {
    const answer = await link.transport.call(call);
    if (answer.status === 200 || answer.status === 204) {
      return answer;
    }
    throw this.#refusal(`${call.method} ${call.path.split('?')[0] ?? ''}`, answer.status, answer.body);
  }

  /** The error of a `problem` body. Only known codes are repeated: the text of a stranger is not. */
  #refusal(call: string, status: number, body: Uint8Array): SymbolonError {
    try {
      const { code, detail, peer } = problem.decode(body);
      return new SymbolonError('coordinator/node-refused', {
        node: this.name,
        call,
        code: code in catalogue ? code : 'unknown',
        detail: printable(detail ?? ''),
        peer: peer ?? '',
      });
    } catch (cause) {
      return new SymbolonError(
        'coordinator/node-answer',
        { node: this.name, call, reason: `status ${status} without a problem body` },
        { cause },
      );
    }
  }

  async #keys(query: string, options?: CallOptions): Promise<KeyList> {
    const raw = await this.#get(`/v1/keys?${query}`, keyList.maxBytes, options);
    return this.#decode('GET /v1/keys', keyList, raw);
  }

  #get(path: string, maxBytes: number, options?: CallOptions): Promise<Uint8Array> {
    return this.#call({ method: 'GET', path, maxBytes }, options);
  }

  async #post<In, Out>(
    path: string,
    request: Message<In>,
    body: In,
    answer: Message<Out>,
    options?: CallOptions,
  ): Promise<Out> {
    const raw = await this.#call(
      { method: 'POST', path, body: request.encode(body), maxBytes: answer.maxBytes },
      options,
    );
    return this.#decode(`POST ${path}`, answer, raw);
  }

  #decode<T>(call: string, format: Message<T>, raw: Uint8Array): T {
    try {
      return format.decode(raw);
    } catch (cause) {
      throw this.#wrong(call, cause instanceof Error ? cause.message : 'malformed', cause);
    }
  }

  #wrong(call: string, reason: string, cause?: unknown): SymbolonError {
    return new SymbolonError('coordinator/node-answer', { node: this.name, call, reason }, { cause });
  }
}

/** Text of a peer, for people: control characters replaced, at most 512 characters. */
const printable = (given: string): string => given.replace(/\p{C}/gu, '?').slice(0, 512);
