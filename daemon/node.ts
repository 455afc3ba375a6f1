/**
 * The signer node, wired: identity, attester, manifest, replay guard, token, key store and pairings, workers, sessions,
 * phase. The server stands in front of it and is not part of it.
 */
import { join } from 'node:path';
import type { Attester } from '../enclave/attester/index.ts';
import { makeNodeIdentity } from '../enclave/channel/index.ts';
import type { HsmLink } from '../hsm/index.ts';
import type { Random } from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, toHex } from '../wire/ids.ts';
import { maxPresignatureAgeMs, maxPresignatures, maxPresignaturesPerKey } from '../wire/limits.ts';
import type { Platform } from '../wire/messages/manifest.ts';
import { claimsBytes, type Claims } from '../wire/messages/session.ts';
import type { DaemonConfig } from './config.ts';
import type { Files } from './files/atomic.ts';
import { Gate } from './gate.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import { openManifestStore, type ManifestStore } from './governance/manifestStore.ts';
import { openReplayGuard, type ReplayGuard } from './guard/replayGuard.ts';
import type { BrokenFile, Keystore } from './keystore/keystore.ts';
import type { MakeMemory } from './keystore/secretMemory.ts';
import { whereOf, type Log } from './log.ts';
import type { FoundPairing, PairingInfo, Pairings } from './pairings/contract.ts';
import type { Between } from './peers/clock.ts';
import { PeerMemory, type Behind, type EvidenceStatus } from './peers/memory.ts';
import { PhaseHolder } from './phase.ts';
import { PresignaturePool } from './presignatures/pool.ts';
import { Sessions } from './sessions/service.ts';
import { RefusalLog } from './status.ts';
import { delay, unlock, type ConnectHsm } from './unlock.ts';
import type { Runner } from './work/runner.ts';

/** Configuration as far as a node needs it. */
export type NodeConfig = Omit<DaemonConfig, 'listen'>;
/** Opens the attester of a platform. */
export type OpenAttester = (config: NodeConfig) => Promise<Attester>;

/** What a node works with. */
export interface NodeModules {
  readonly files: Files;
  readonly random: Random;
  /** Memory that the open shares lie in; locked and left out of core files where the process can have it. */
  readonly secretMemory: MakeMemory;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  readonly connectHsm: ConnectHsm;
  /** Makes what protocols run in: worker threads in a node, this thread in most tests. */
  readonly makeRunner: (modules: { readonly log: Log }) => Runner;
  /** Makes sure that the fast arithmetic runs and counts right. @throws SymbolonError where it does not (T39). */
  readonly checkBackends: () => void;
  /** The attesters of this build, by platform. */
  readonly attesters: Readonly<Partial<Record<Platform, OpenAttester>>>;
}

/** How often sessions and presignatures over their time are swept, in milliseconds. */
const sweepMs = 1_000;
/** Pause between two keys that are checked after the start, in milliseconds: signing comes first. */
const scrubPauseMs = 10;
/** Pools of presignatures that are counted for the status. */
const maxPools = 256;
const presignatureLimits = {
  maxPerKey: maxPresignaturesPerKey,
  maxTotal: maxPresignatures,
  maxAgeMs: maxPresignatureAgeMs,
};
/** A node. */
export class SignerNode {
  readonly name: string;
  readonly phase: PhaseHolder;
  readonly attester: Attester;
  readonly gate: Gate;
  readonly refusals = new RefusalLog();
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly now: () => number;
  readonly #config: NodeConfig;
  readonly #modules: NodeModules;
  readonly #pool: PresignaturePool;
  readonly #stopping = new AbortController();
  #runner: Runner | undefined;
  #manifest: ManifestStore | undefined;
  #hsm: HsmLink | undefined;
  #guard: ReplayGuard | undefined;
  #peers: PeerMemory | undefined;
  #keystore: Keystore | undefined;
  #pairings: Pairings | undefined;
  #sessions: Sessions | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #unlocking: Promise<void> = Promise.resolve();
  #scrubbing: Promise<void> = Promise.resolve();

  private constructor(config: NodeConfig, modules: NodeModules, attester: Attester) {
    this.name = config.node;
    this.#config = config;
    this.#modules = modules;
    this.attester = attester;
    this.now = modules.now;
    this.startedAt = modules.now();
    this.phase = new PhaseHolder((view) => {
      const { reason } = view;
      modules.log(reason === undefined ? 'info' : 'warn', view.phase === 'ready' ? 'ready' : 'phase', {
        node: config.node,
        phase: view.phase,
        ...(reason ?? {}),
      });
    });
    this.#pool = new PresignaturePool(presignatureLimits, modules);
    this.gate = new Gate(
      { node: config.node, identity: makeNodeIdentity({ now: modules.now, random: modules.random }) },
      {
        phase: this.phase,
        manifest: () => this.manifest(),
        guard: { burn: (use) => this.#require(this.#guard).burn(use) },
        pairing: (peer): FoundPairing => this.pairings().find(peer),
        now: modules.now,
        ticks: () => performance.now(),
      },
    );
  }

  /**
   * Boots a node: a fresh identity, the attester, the arithmetic, the manifest, the replay guard. It then unlocks its keys
   * on its own; {@link SignerNode.phase} says how far it is. Wrong arithmetic, a broken manifest or guard give a frozen
   * node that says why.
   * @throws SymbolonError `node/platform-not-here`, `attester/*`.
   */
  static async boot(config: NodeConfig, modules: NodeModules): Promise<SignerNode> {
    const { platform } = config.attester;
    const open = modules.attesters[platform];
    if (open === undefined) {
      throw new SymbolonError('node/platform-not-here', {
        platform,
        here: Object.keys(modules.attesters),
      });
    }
    const node = new SignerNode(config, modules, await open(config));
    try {
      modules.checkBackends();
      await node.#openManifest();
      await node.#openGuard();
      node.#runner = modules.makeRunner(modules);
      node.#sweeper = setInterval(() => {
        node.#sessions?.sweep();
      }, sweepMs).unref();
      node.#unlocking = node.#unlock();
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      node.#freeze(error);
    }
    return node;
  }

  /** The manifest in force. @throws SymbolonError `node/no-manifest`. */
  manifest(): VerifiedManifest {
    if (this.#manifest === undefined) {
      throw new SymbolonError('node/no-manifest', {});
    }
    return this.#manifest.current;
  }

  /** The manifest in force, if there is one. */
  manifestOrNone(): VerifiedManifest | undefined {
    return this.#manifest?.current;
  }

  /** The session calls. @throws SymbolonError `node/wrong-phase` before the keys are open. */
  sessions(): Sessions {
    return this.#require(this.#sessions);
  }

  /** The key store. @throws SymbolonError `node/wrong-phase` before it is open. */
  keystore(): Keystore {
    return this.#require(this.#keystore);
  }

  /** The pairings. @throws SymbolonError `node/wrong-phase` before they are open. */
  pairings(): Pairings {
    return this.#require(this.#pairings);
  }

  /** What it remembers of peers. @throws SymbolonError `node/wrong-phase` before the replay guard is open. */
  peers(): PeerMemory {
    return this.#require(this.#peers);
  }

  /** Keys by state; zeros before the key store is open. */
  keyCounts(): ReturnType<Keystore['counts']> {
    return this.#keystore?.counts() ?? { active: 0, pending: 0, broken: 0 };
  }

  /** Number of the last change of the list of keys; 0 before the key store is open. */
  keyChange(): number {
    return this.#keystore?.lastChange() ?? 0;
  }

  /**
   * The claims that evidence of this node binds now. A node that can not read what it counted shows zeros: it says where it
   * is and takes part in nothing.
   * @throws SymbolonError `node/no-manifest`.
   */
  claims(role: Claims['role']): Uint8Array {
    const current = this.manifest();
    if (this.#peers !== undefined) {
      return this.#peers.claims(role, current);
    }
    const { manifest, hash } = current;
    const { boot } = this.gate;
    const common = { v: 2, role, cluster: manifest.cluster, node: this.name, boot, manifest: hash } as const;
    return claimsBytes.encode({ ...common, boots: 0, since: 0, mark: 0, witnessed: new Map() });
  }

  /** Notes evidence that was made for a channel: the time in it, for the status (T37). */
  madeEvidence(evidence: Uint8Array, between: Between): void {
    this.#peers?.made(evidence, between);
  }

  /** Marks, times and accepted evidence; nothing before the replay guard is open. */
  evidenceStatus(): EvidenceStatus | undefined {
    return this.#peers?.status();
  }

  /** Sessions by state; zeros before the node is ready. */
  sessionCounts(): ReturnType<Sessions['table']['counts']> {
    return this.#sessions?.table.counts() ?? { open: 0, finished: 0, failed: 0 };
  }

  /** Pairings by peer; none before the node is ready. */
  pairingList(): readonly PairingInfo[] {
    return this.#pairings?.list() ?? [];
  }

  /** Presignatures that can be used. */
  presignatureCounts(): ReturnType<PresignaturePool['counts']> {
    return this.#pool.counts(maxPools);
  }

  /** Puts a signed manifest in force. @throws SymbolonError `manifest/*`, `wire/*`, `store/write-failed`. */
  async replaceManifest(signed: Uint8Array): Promise<void> {
    if (this.#manifest === undefined) {
      throw new SymbolonError('node/no-manifest', {});
    }
    const before = this.#manifest.current;
    const { changed, current } = await this.#manifest.replace(signed);
    if (changed) {
      this.#sessions?.manifestChanged(current, before);
      this.#modules.log('info', 'manifest-changed', { version: current.version });
    }
  }

  /** Resolves when the node is ready, or will not become so by itself. */
  async settled(): Promise<void> {
    await this.#unlocking;
  }

  /** Ends the node: sessions fail, every secret is wiped, files are closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#sweeper);
    this.#sessions?.close(new SymbolonError('session/aborted', { reason: 'the node stops' }));
    await this.#unlocking;
    await this.#runner?.close();
    await this.#pairings?.close();
    await this.#keystore?.close();
    await this.#scrubbing;
    await this.#guard?.close();
    await this.#hsm?.close();
  }

  #require<T>(part: T | undefined): T {
    if (part === undefined) {
      throw new SymbolonError('node/wrong-phase', { phase: this.phase.phase, wanted: ['ready'] });
    }
    return part;
  }

  async #openManifest(): Promise<void> {
    const { file, anchor } = this.#config.manifest;
    const opened = await openManifestStore({ file, anchor }, { files: this.#modules.files });
    if (opened.kind !== 'open') {
      throw opened.refusal;
    }
    const { manifest } = opened.store.current;
    const { node, cluster, attester } = this.#config;
    const { platform } = attester;
    const differs = (field: string, wanted: string, got: string): SymbolonError =>
      new SymbolonError('node/not-in-manifest', { field, wanted, got });
    if (!equalBytes(manifest.cluster, cluster)) {
      throw differs('cluster', toHex(cluster), toHex(manifest.cluster));
    }
    const entry = manifest.nodes.find((one) => one.name === node);
    if (entry === undefined) {
      throw differs('node', node, 'absent');
    }
    if (entry.platform !== platform) {
      throw differs('platform', platform, entry.platform);
    }
    this.#manifest = opened.store;
  }

  /**
   * The guard before the keys: a guard that is gone is told from a first start by the key store's folder, which is made
   * after it (T11).
   */
  async #openGuard(): Promise<void> {
    const { files, now } = this.#modules;
    const { folder } = this.#config.store;
    await files.makeFolder(folder);
    const keys = await files.list(join(folder, 'keys'));
    this.#guard = await openReplayGuard(
      { file: join(folder, 'replay.journal'), mustExist: keys.kind !== 'absent' },
      { files, now },
    );
    this.#logRecovered(this.#guard.recovered);
    this.#peers = new PeerMemory(
      { node: this.name, platform: this.attester.platform, boot: this.gate.boot },
      {
        marks: this.#guard.marks,
        manifest: () => this.manifest(),
        now,
        ticks: () => performance.now(),
        behind: (found) => {
          this.#behind(found);
        },
      },
    );
  }

  /** T09: told by a peer that this node has been further than it knows. */
  #behind({ peer, mark, witnessed }: Behind): void {
    this.#modules.log('error', 'node-behind', { peer, mark, witnessed, code: 'gate/behind-itself' });
  }

  #unlock(): Promise<void> {
    const { connectHsm, files, random, secretMemory, now } = this.#modules;
    return unlock(this.#config, {
      connectHsm,
      files,
      random,
      secretMemory,
      now,
      phase: this.phase,
      stopping: this.#stopping.signal,
      opened: ({ keystore, pairings, hsm }) => {
        this.#hsm = hsm;
        this.#keystore = keystore;
        this.#pairings = pairings;
        this.#logRecovered(keystore.recovered);
        this.#logRecovered(pairings.recovered);
        for (const file of keystore.broken()) {
          this.#brokenFile('key-broken', file);
        }
        for (const broken of pairings.broken()) {
          // The name of the file says which peer it is about.
          this.#brokenFile('pairing-broken', { ...broken, detail: `${broken.file}: ${broken.detail}` });
        }
        this.#sessions = this.#makeSessions(keystore, pairings);
        this.#scrubbing = keystore.scrub({
          pause: () => delay(scrubPauseMs, this.#stopping.signal),
          found: (file) => {
            this.#brokenFile('key-broken', file);
          },
        });
      },
      failed: (error) => {
        this.#freeze(isSymbolonError(error) ? error : this.#unknown(error));
      },
    });
  }

  /** In the status too: a record is refused by name, like a peer. */
  #brokenFile(event: 'key-broken' | 'pairing-broken', { code, detail }: BrokenFile): void {
    const { log, now } = this.#modules;
    log('error', event, { code, detail });
    this.refusals.add(now(), this.name, { code, message: detail });
  }

  #makeSessions(keystore: Keystore, pairings: Pairings): Sessions {
    const { random, now, log } = this.#modules;
    return new Sessions({
      node: this.name,
      gate: this.gate,
      attester: this.attester,
      runner: this.#require(this.#runner),
      keystore,
      pairings,
      pool: this.#pool,
      guard: this.#require(this.#guard),
      peers: this.#require(this.#peers),
      manifest: () => this.manifest(),
      random,
      now,
      log,
      refused: (peer, error) => {
        const { code, detail } = this.refusals.add(now(), peer, error);
        log('warn', 'peer-refused', { peer, code, detail });
      },
      fatal: (error) => {
        this.#freeze(error);
      },
    });
  }

  #freeze(error: SymbolonError): void {
    if (this.phase.phase !== 'frozen') {
      this.phase.enter('frozen', error);
      this.#sessions?.close(error);
    }
  }

  #unknown(error: unknown): SymbolonError {
    const id = toHex(this.#modules.random(8));
    this.#modules.log('error', 'internal', { id, where: whereOf(error) });
    return new SymbolonError('node/internal', { id }, { cause: error });
  }

  #logRecovered(sentences: readonly string[]): void {
    for (const detail of sentences) {
      this.#modules.log('warn', 'recovered', { detail });
    }
  }
}
