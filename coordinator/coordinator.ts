/**
 * The coordinator as a library: verifies the nodes, runs key ceremonies and signing sessions, remembers what it was
 * asked. It holds no secret of a key, and what it says is believed by nobody: it can only stop a signature.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkKeyUse,
  verifySignedRequest,
  type VerifiedManifest,
  type VerifiedRequest,
} from '../manifest/index.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { toHex } from '../wire/ids.ts';
import type { Request } from '../wire/messages/request.ts';
import type {
  CreateKeyBody,
  EvidenceBody,
  HealthBody,
  KeyBody,
  KeysBody,
  ManifestPutBody,
  PairBody,
  PairingBody,
  SignatureBody,
  StatusBody,
} from './api.ts';
import { evidenceBody, keyBody, pairBody } from './bodies.ts';
import { addressOf, type AddressQuestion, type KeyAddress } from './chains/address.ts';
import { expiriesOf } from './expiries.ts';
import type { Key } from './keyFacts.ts';
import type { KeyDirectory } from './keys.ts';
import type { Metrics } from './metrics.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import { makeParts, type CoordinatorModules, type CoordinatorOptions, type Parts } from './parts.ts';
import { healthOf, statusOf } from './status.ts';
import type { JobKind, Store } from './store/store.ts';
import { within } from './within.ts';
import type { Made } from './work.ts';

export type { CoordinatorModules, CoordinatorOptions } from './parts.ts';

/** Pause between some stored keys that are checked and the next, in milliseconds: requests come first. */
const checkPauseMs = 20;

/** Makes a coordinator; {@link Coordinator.start} sets it to work. */
export const createCoordinator = (opts: CoordinatorOptions, modules: CoordinatorModules): Coordinator =>
  new Coordinator(opts, modules);

/** A coordinator. */
export class Coordinator {
  readonly #parts: Parts;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #addresses: ReadonlyMap<string, string>;

  constructor(opts: CoordinatorOptions, modules: CoordinatorModules) {
    this.#addresses = new Map(opts.nodes.map(({ name, address }) => [name, address]));
    this.#store = modules.store;
    this.#now = modules.now;
    this.#parts = makeParts(opts, modules);
  }

  get metrics(): Metrics {
    return this.#parts.metrics;
  }
  get nodes(): NodeSet {
    return this.#parts.nodes;
  }
  get keys(): KeyDirectory {
    return this.#parts.keys;
  }
  /** The manifest in force. */
  get manifest(): VerifiedManifest {
    return this.#parts.manifests.current;
  }

  /** Reads the store: keys and activations are known from here on. */
  async load(): Promise<void> {
    await this.keys.load();
    await this.#parts.activation.load();
  }

  /**
   * Looks at all nodes once and takes up unfinished work. A node that answers slowly is waited for as long as for one call,
   * not longer (T35). Call {@link Coordinator.load} before.
   */
  async start(): Promise<void> {
    const { nodes, keys, activation, pairings, pools, jobs, limits, later } = this.#parts;
    await within(nodes.start(), limits.callMs);
    await keys.adopt();
    later(keys.check(() => sleep(checkPauseMs)));
    activation.kick();
    pairings.begin();
    pools.begin();
    await jobs.resume();
  }

  /** Ends cleanly within about `ms` milliseconds. What is unfinished is in the store and taken up at the next start. */
  async stop(ms = 1_000): Promise<void> {
    const { jobs, keys, activation, mender, pairings, pools, nodes, settled, wipe } = this.#parts;
    keys.stop();
    await jobs.stop(ms);
    await within(Promise.all([activation, mender, pairings, pools, nodes].map((one) => one.stop())), ms);
    await settled();
    wipe();
    await this.#store.close();
  }

  /**
   * Signs what a client's signed request asks for. The same request again gets the same answer.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async sign(signed: Uint8Array): Promise<SignatureBody> {
    const verified = this.#verify(signed, ['sign']);
    return (await this.#parts.jobs.submit('sign', signed, verified)) as SignatureBody;
  }

  /**
   * Creates the key that a client's signed request asks for, and waits until all nodes have activated it.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async createKey(signed: Uint8Array): Promise<CreateKeyBody> {
    return this.#make('key.create', signed, this.#verify(signed, ['key.create']));
  }

  /**
   * Gives the holders of a key new shares, as a client's signed `key.refresh` or `key.reshare` request asks for, and waits
   * until they have arrived everywhere. The public key and all addresses stay.
   * @param key - id of the key, which the request must name.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async renewKey(
    action: 'key.refresh' | 'key.reshare',
    key: string,
    signed: Uint8Array,
  ): Promise<CreateKeyBody> {
    const verified = this.#verify(signed, [action]);
    if (verified.request.action !== action || verified.request.key !== key) {
      throw new SymbolonError('coordinator/request-wrong', { reason: 'it is about another key' });
    }
    return this.#make(action, signed, verified);
  }

  /**
   * Makes pairings between nodes, as a client's signed `pair` or `pair.renew` request asks for.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async pair(signed: Uint8Array): Promise<PairBody> {
    const verified = this.#verify(signed, ['pair', 'pair.renew']);
    return (await this.#parts.jobs.submit('pair', signed, verified)) as PairBody;
  }

  /** Resolves once the store has the request of this id, which was handed in: from then on a restart takes it up. */
  stored(id: string): Promise<void> {
    return this.#parts.jobs.stored(id);
  }

  /** How a signing job stands. @throws SymbolonError `coordinator/unknown-signature`. */
  async signature(id: string): Promise<SignatureBody> {
    const found = await this.#parts.jobs.view(id);
    if (found?.job.kind !== 'sign') {
      throw new SymbolonError('coordinator/unknown-signature', { id });
    }
    const { job, view } = found;
    if (view.status === 'done') {
      return view.result as SignatureBody;
    }
    const head = { id, key: job.key ?? '', status: view.status };
    return view.status === 'failed' ? { ...head, error: view.error } : head;
  }

  status(): StatusBody {
    const { keys, nodes, own, pairings, pools, activation, jobs } = this.#parts;
    return statusOf({
      manifest: this.manifest,
      nodes,
      addresses: this.#addresses,
      keys,
      waitingFor: (key) => activation.waitingFor(key),
      pairings,
      pools: pools.list(),
      self: own.entry(),
      pairsItself: own.mayPair(),
      now: this.#now(),
      running: jobs.size,
    });
  }

  /** Whether the cluster can sign, and until when. Cheap: for a load balancer that asks every second. */
  health(): HealthBody {
    const { keys, nodes, own, pairings, activation } = this.#parts;
    return healthOf({
      manifest: this.manifest,
      nodes,
      keys,
      waitingFor: (key) => activation.waitingFor(key),
      pairings,
      self: own.entry(),
      now: this.#now(),
    });
  }

  /** At most `limit` keys with ids after `after`, sorted by id. */
  keyPage(after: string, limit: number): KeysBody {
    const found = this.keys.page(after, limit + 1);
    const keys = found.slice(0, limit).map((key) => this.keyBody(key));
    return { keys, next: found.length > limit ? (keys.at(-1)?.id ?? null) : null };
  }

  keyBody(key: Key): KeyBody {
    return keyBody(key, this.keys.renewing(key.id), this.#parts.activation.waitingFor(key.id));
  }

  /** Every pair of nodes. */
  pairings(): PairingBody[] {
    return this.#parts.pairings.list().map(pairBody);
  }

  /** The text of the metrics. */
  metricsText(): string {
    const { metrics, nodes, pairings, pools, own } = this.#parts;
    const now = this.#now();
    return metrics.text({
      nodes: nodes.views(),
      ready: (name) => nodes.whyNotReady(name) === undefined,
      pairings: pairings.list(),
      pools: pools.list(),
      expiries: expiriesOf({ manifest: this.manifest, nodes, self: own.entry(), now }),
      now,
    });
  }

  /** @throws SymbolonError `coordinator/unknown-key`, `coordinator/no-such-address`. */
  address(id: string, asked: AddressQuestion): KeyAddress {
    return addressOf(this.keys.get(id).decoded, asked);
  }

  /** The evidence that the connections to a node rest on, verified anew where it is old. */
  async evidence(node: string): Promise<EvidenceBody> {
    return evidenceBody(node, await this.nodes.client(node).refresh(), this.manifest.hash);
  }

  /**
   * Puts a new manifest in force here and hands it to all nodes, each of which checks it for itself.
   * @throws SymbolonError `wire/*`, `manifest/*` where this coordinator refuses it.
   */
  putManifest(signed: Uint8Array): Promise<ManifestPutBody> {
    return this.#parts.manifests.put(signed);
  }

  /** Reads the manifest's file again; returns whether a higher version is in force now. */
  reloadManifest(): Promise<boolean> {
    return this.#parts.manifests.reload();
  }

  /** Runs a ceremony about a key and waits until its outcome has arrived at all nodes. */
  async #make(kind: JobKind, signed: Uint8Array, verified: VerifiedRequest): Promise<CreateKeyBody> {
    const { jobs, activation, limits } = this.#parts;
    const made = (await jobs.submit(kind, signed, verified)) as Made;
    await within(activation.whenActive(made.key), limits.createMs);
    return {
      id: toHex(verified.request.id),
      status: 'done',
      key: this.keyBody(this.keys.get(made.key)),
      rounds: made.rounds,
      ms: made.ms,
    };
  }

  #verify(signed: Uint8Array, actions: readonly Request['action'][]): VerifiedRequest {
    const verified = verifySignedRequest(signed, this.manifest.manifest, { now: this.#now() });
    const { request, client } = verified;
    if (!actions.includes(request.action)) {
      throw new SymbolonError('coordinator/request-wrong', {
        reason: `this route takes ${actions.join(' and ')} requests`,
      });
    }
    if (request.action === 'sign' || request.action === 'key.refresh' || request.action === 'key.reshare') {
      const key = this.keys.get(request.key);
      if (key.state !== 'active') {
        throw new SymbolonError('coordinator/key-not-active', {
          key: key.id,
          state: key.state,
          waiting: this.#parts.activation.waitingFor(key.id),
        });
      }
      checkKeyUse(request, client, key);
    }
    return verified;
  }
}
