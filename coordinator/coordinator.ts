/**
 * The coordinator as a library: verifies the nodes, runs key ceremonies and signing sessions, remembers what it was
 * asked. It holds no secret of a key, and what it says is believed by nobody: it can only stop a signature.
 */
import { policyFor } from '../enclave/evidence/index.ts';
import { clientTls } from '../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, toHex } from '../wire/ids.ts';
import { keyActivate } from '../wire/messages/session.ts';
import { Activation } from './activation.ts';
import type {
  CreateKeyBody,
  EvidenceBody,
  KeyBody,
  ManifestPutBody,
  SignatureBody,
  StatusBody,
} from './api.ts';
import { evidenceBody, keyBody } from './bodies.ts';
import { createKey } from './ceremony.ts';
import { addressOf, type KeyAddress } from './chains/address.ts';
import {
  checkKeyUse,
  publicKeyOfSeed,
  verifySignedRequest,
  type VerifiedManifest,
  type VerifiedRequest,
} from '../manifest/index.ts';
import { Jobs, type JobDone } from './jobs.ts';
import { agreedKey, KeyDirectory, type Key } from './keys.ts';
import { defaultLimits, type CoordinatorLimits } from './limits.ts';
import type { Log } from './log.ts';
import type { ManifestSource } from './manifestFile.ts';
import { Metrics } from './metrics.ts';
import { NodeClient, type NodeExpectation } from './nodes/nodeClient.ts';
import { NodeSet } from './nodes/nodeSet.ts';
import { round1, type SessionLimits, type SessionModules } from './rounds.ts';
import { sign } from './signing.ts';
import { statusOf } from './status.ts';
import { within } from './within.ts';
import type { Job, Store } from './store/store.ts';

/** Options of a coordinator. */
export interface CoordinatorOptions {
  /** Addresses of the nodes, by the names of the manifest. */
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  /** The coordinator's Ed25519 seed, 32 bytes: the key of a client that may `relay` and `status`. Wiped here. */
  readonly clientSeed: Uint8Array;
  readonly limits?: Partial<CoordinatorLimits>;
}

/** What a coordinator works with. */
export interface CoordinatorModules {
  readonly store: Store;
  readonly manifest: ManifestSource;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly log: Log;
  /** Told before each step of each session. */
  readonly onStep?: (step: string, participants: readonly string[]) => void;
}

/** Makes a coordinator; {@link Coordinator.start} sets it to work. */
export const createCoordinator = (opts: CoordinatorOptions, modules: CoordinatorModules): Coordinator =>
  new Coordinator(opts, modules);

/** A coordinator. */
export class Coordinator {
  readonly metrics = new Metrics();
  readonly nodes: NodeSet;
  readonly keys: KeyDirectory;
  readonly #modules: CoordinatorModules;
  readonly #limits: CoordinatorLimits;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #activation: Activation;
  readonly #jobs: Jobs;
  readonly #self: Uint8Array;
  readonly #background = new Set<Promise<void>>();
  readonly #wipe: () => void;

  constructor(opts: CoordinatorOptions, modules: CoordinatorModules) {
    this.#modules = modules;
    this.#limits = { ...defaultLimits, ...opts.limits };
    this.#addresses = new Map(opts.nodes.map(({ name, address }) => [name, address]));
    this.#self = publicKeyOfSeed(opts.clientSeed);
    const tls = clientTls({ seed: opts.clientSeed });
    opts.clientSeed.fill(0);
    this.#wipe = () => tls.key.fill(0);
    const { now, random, log, store } = modules;
    const { callMs, connectMs, verifyEveryMs, socketsPerNode, polling } = this.#limits;
    this.nodes = new NodeSet(polling, {
      clients: opts.nodes.map(
        ({ name, address }) =>
          new NodeClient(
            { node: name, address, tls, callMs, connectMs, verifyEveryMs, maxSockets: socketsPerNode },
            { now, random, expectation: () => this.#expectation(name) },
          ),
      ),
      now,
      onChange: (view) => {
        log(view.state === 'up' ? 'info' : 'warn', 'node', {
          node: view.name,
          state: view.state,
          phase: view.status?.phase,
          code: view.reason?.code,
          detail: view.reason?.sentence,
        });
        this.#activation.kick();
        this.#later(this.keys.adopt());
        if (view.reason?.code === 'evidence/claim-mismatch') {
          this.#later(this.#otherManifest(view.name));
        }
      },
    });
    this.keys = new KeyDirectory({
      store,
      nodes: this.nodes,
      manifest: () => modules.manifest.current.manifest,
    });
    this.#activation = new Activation({ store, keys: this.keys, nodes: this.nodes, log });
    this.#jobs = new Jobs(this.#limits.jobs, {
      store,
      now,
      log,
      work: {
        sign: (job, verified) => this.#sign(job, verified),
        'key.create': (job, verified) => this.#create(job, verified),
      },
    });
  }

  /** The manifest in force. */
  get manifest(): VerifiedManifest {
    return this.#modules.manifest.current;
  }

  /** Reads the store: keys and activations are known from here on. */
  async load(): Promise<void> {
    await this.keys.load();
    await this.#activation.load();
  }

  /**
   * Looks at all nodes once and takes up unfinished work. A node that answers slowly is waited for as long as for one call,
   * not longer (T35). Call {@link Coordinator.load} before.
   */
  async start(): Promise<void> {
    await within(this.nodes.start(), this.#limits.callMs);
    await this.keys.adopt();
    this.#activation.kick();
    await this.#jobs.resume();
  }

  /** Ends cleanly within about `ms` milliseconds. What is unfinished is in the store and taken up at the next start. */
  async stop(ms = 1_000): Promise<void> {
    await this.#jobs.stop(ms);
    await Promise.all([this.#activation.stop(), this.nodes.stop()]);
    await Promise.allSettled(this.#background);
    this.#wipe();
    await this.#modules.store.close();
  }

  /**
   * Signs what a client's signed request asks for. The same request again gets the same answer.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async sign(signed: Uint8Array): Promise<SignatureBody> {
    const verified = this.#verify(signed, 'sign');
    return (await this.#jobs.submit('sign', signed, verified)) as SignatureBody;
  }

  /**
   * Creates the key that a client's signed request asks for, and waits until all nodes have activated it.
   * @throws SymbolonError `wire/*`, `request/*`, `coordinator/*`.
   */
  async createKey(signed: Uint8Array): Promise<CreateKeyBody> {
    const verified = this.#verify(signed, 'key.create');
    const made = (await this.#jobs.submit('key.create', signed, verified)) as Made;
    await within(this.#activation.whenActive(made.key), this.#limits.createMs);
    return {
      id: toHex(verified.request.id),
      status: 'done',
      key: this.keyBody(this.keys.get(made.key)),
      rounds: made.rounds,
      ms: made.ms,
    };
  }

  /** Resolves once the store has the request of this id, which was handed in: from then on a restart takes it up. */
  stored(id: string): Promise<void> {
    return this.#jobs.stored(id);
  }

  /** How a signing job stands. @throws SymbolonError `coordinator/unknown-signature`. */
  async signature(id: string): Promise<SignatureBody> {
    const found = await this.#jobs.view(id);
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
    return statusOf({
      manifest: this.manifest,
      nodes: this.nodes,
      addresses: this.#addresses,
      keys: this.keys.list(),
      self: this.manifest.manifest.clients.find(({ publicKey }) => equalBytes(publicKey, this.#self)),
      now: this.#modules.now(),
      running: this.#jobs.size,
    });
  }

  keyBody(key: Key): KeyBody {
    return keyBody(key, this.#activation.waitingFor(key.id));
  }

  /** @throws SymbolonError `coordinator/unknown-key`, `coordinator/no-such-address`. */
  address(id: string, chain?: string, network?: string): KeyAddress {
    return addressOf(this.keys.get(id).decoded, chain, network);
  }

  /** The evidence that the connections to a node rest on, verified anew where it is old. */
  async evidence(node: string): Promise<EvidenceBody> {
    return evidenceBody(node, await this.nodes.client(node).refresh(), this.manifest.hash);
  }

  /**
   * Puts a new manifest in force here and hands it to all nodes, each of which checks it for itself.
   * @throws SymbolonError `wire/*`, `manifest/*` where this coordinator refuses it.
   */
  async putManifest(signed: Uint8Array): Promise<ManifestPutBody> {
    const current = await this.#modules.manifest.replace(signed);
    // The nodes' evidence still names the old manifest until they have taken the new one: the call itself may go, the
    // check after it is made anew.
    const nodes = await Promise.all(
      this.nodes.names().map(async (node) => {
        try {
          await this.nodes.client(node).putManifest(signed);
          return { node, ok: true, reason: null };
        } catch (error) {
          if (!isSymbolonError(error)) {
            throw error;
          }
          return { node, ok: false, reason: error.message };
        }
      }),
    );
    await this.nodes.reverify();
    return { hash: toHex(current.hash), version: current.version, nodes };
  }

  /**
   * Reads the manifest's file again. Where another process has put a higher version there, all nodes are verified
   * against it; a file that is not acceptable is logged and changes nothing. Returns whether it changed.
   */
  async reloadManifest(): Promise<boolean> {
    try {
      if (!(await this.#modules.manifest.reload())) {
        return false;
      }
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      this.#modules.log('error', 'manifest-refused', { code: error.code, detail: error.message });
      return false;
    }
    this.#modules.log('info', 'manifest', {
      version: this.manifest.version,
      hash: toHex(this.manifest.hash),
    });
    await this.nodes.reverify();
    return true;
  }

  #expectation(name: string): NodeExpectation {
    const { manifest, hash } = this.manifest;
    const policy = policyFor(manifest, name);
    return { policy, platform: policy.platform, cluster: manifest.cluster, manifest: hash };
  }

  /** A node shows another manifest: ours may be old (read the file again), or the node's (hand it ours). */
  async #otherManifest(name: string): Promise<void> {
    if (await this.reloadManifest()) {
      return;
    }
    try {
      await this.nodes.client(name).offerManifest(this.manifest.signed);
      await this.nodes.refresh(name);
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      this.#modules.log('warn', 'manifest-not-taken', {
        node: name,
        code: error.code,
        detail: error.message,
      });
    }
  }

  #verify(signed: Uint8Array, action: VerifiedRequest['request']['action']): VerifiedRequest {
    const verified = verifySignedRequest(signed, this.manifest.manifest, { now: this.#modules.now() });
    const { request, client } = verified;
    if (request.action !== action) {
      throw new SymbolonError('coordinator/request-wrong', {
        reason: `this route takes ${action} requests`,
      });
    }
    if (request.action === 'sign') {
      const key = this.keys.get(request.key);
      if (key.state !== 'active') {
        throw new SymbolonError('coordinator/key-not-active', {
          key: key.id,
          state: key.state,
          waiting: this.#activation.waitingFor(key.id),
        });
      }
      checkKeyUse(request, client, key);
    }
    return verified;
  }

  /** The request of a job; one that is taken up after a restart is checked anew. */
  #requestOf(job: Job, verified: VerifiedRequest | undefined): VerifiedRequest['request'] {
    const { now } = this.#modules;
    return (verified ?? verifySignedRequest(job.request, this.manifest.manifest, { now: now() })).request;
  }

  async #sign(job: Job, verified: VerifiedRequest | undefined): Promise<JobDone> {
    const request = this.#requestOf(job, verified);
    if (request.action !== 'sign') {
      throw new SymbolonError('coordinator/request-wrong', { reason: 'not a sign request' });
    }
    const key = this.keys.get(request.key);
    return this.#measured('sign', async (limits) => {
      const result = await sign(
        {
          signed: job.request,
          request,
          requestHash: job.hash,
          key,
          public: key.decoded,
          names: key.names,
          manifest: this.manifest.hash,
        },
        {
          ...this.#sessionModules(),
          nodes: this.nodes,
          onAttempt: (outcome, failure) => {
            this.metrics.session('sign', outcome === 'signed' ? 'done' : 'failed', failure?.node);
            if (failure !== undefined) {
              this.#modules.log('warn', 'session-failed', { id: job.id, ...failure });
            }
          },
        },
        limits,
      );
      const { signature, participants, ms, rounds, failed, finish } = result;
      const body: SignatureBody = {
        id: job.id,
        status: 'done',
        key: key.id,
        scheme: key.scheme,
        signature: toHex(signature),
        participants: [...participants].sort(),
        ms,
        rounds,
        failed,
      };
      // A node that is told refuses the request from then on: a restart must find the signature in the store.
      return { result: body, kept: finish };
    });
  }

  async #create(job: Job, verified: VerifiedRequest | undefined): Promise<JobDone> {
    const request = this.#requestOf(job, verified);
    if (request.action !== 'key.create') {
      throw new SymbolonError('coordinator/request-wrong', { reason: 'not a key.create request' });
    }
    return this.#measured('key.create', async (limits) => {
      const started = performance.now();
      const created = await createKey(
        { signed: job.request, request, requestHash: job.hash, manifest: this.manifest.hash },
        { ...this.#sessionModules(), nodes: this.nodes },
        limits,
      );
      const stored = await agreedKey(created.key, request, {
        nodes: this.nodes,
        cluster: this.manifest.manifest.cluster,
      });
      const confirmations = keyActivate.encode({
        key: created.key,
        confirmations: [...created.confirmations],
      });
      const result: Made = {
        key: created.key,
        rounds: created.rounds,
        ms: round1(performance.now() - started),
      };
      await this.keys.addPending(stored, confirmations, {
        id: job.id,
        outcome: JSON.stringify(result),
        at: this.#modules.now(),
      });
      this.#activation.add(created.key, created.confirmations);
      this.#activation.kick();
      return { result };
    });
  }

  async #measured<T>(action: 'sign' | 'key.create', work: (limits: SessionLimits) => Promise<T>): Promise<T> {
    const started = performance.now();
    const total = action === 'sign' ? this.#limits.signMs : this.#limits.createMs;
    const done = (outcome: 'done' | 'failed'): void => {
      this.metrics.request(action, outcome, performance.now() - started);
      if (action === 'key.create') {
        this.metrics.session(action, outcome);
      }
    };
    try {
      // A ceremony takes longer in each step: every node seals and flushes its record.
      const stepMs = this.#limits.stepMs * (action === 'sign' ? 1 : 3);
      const result = await work({ stepMs, deadline: started + total });
      done('done');
      return result;
    } catch (error) {
      done('failed');
      throw error;
    }
  }

  #sessionModules(): SessionModules {
    return {
      client: (name) => this.nodes.client(name),
      expectation: (name) => this.#expectation(name),
      now: this.#modules.now,
      background: (work) => {
        this.#later(work);
      },
      onStep: this.#modules.onStep,
    };
  }

  /** Work off the path of an answer: kept until it ends, so that a clean end waits for it. */
  #later(work: Promise<void>): void {
    const kept = work
      .catch((error: unknown) => {
        const named = isSymbolonError(error) ? error : new SymbolonError('coordinator/internal', {});
        this.#modules.log('error', 'background', { code: named.code, detail: named.message });
      })
      .finally(() => {
        this.#background.delete(kept);
      });
    this.#background.add(kept);
  }
}

interface Made {
  readonly key: string;
  readonly rounds: CreateKeyBody['rounds'] & object;
  readonly ms: number;
}
