/** The parts of a coordinator, put together: who is told of what. */
import { clientTls } from '../enclave/channel/index.ts';
import { verifySignedRequest, type VerifiedManifest } from '../manifest/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { Activation } from './background/activation.ts';
import { Mender } from './background/mender.ts';
import { Pairings } from './background/pairings.ts';
import { defaultPresign, Pools, type PresignOptions } from './background/pools.ts';
import { Turn } from './background/turn.ts';
import type { CeremonyModules } from './ceremonies/ceremony.ts';
import { Jobs } from './jobs.ts';
import { KeyDirectory } from './keys.ts';
import { defaultLimits, type CoordinatorLimits } from './limits.ts';
import type { Log } from './log.ts';
import type { ManifestSource } from './manifestFile.ts';
import { ManifestKeeper } from './manifestKeeper.ts';
import { Metrics } from './metrics.ts';
import { NodeClient } from './nodes/nodeClient.ts';
import { NodeSet, type NodeView } from './nodes/nodeSet.ts';
import { OwnClient } from './ownClient.ts';
import type { SessionLimits, SessionModules } from './rounds.ts';
import type { Store } from './store/store.ts';
import { ceremonySteps, Work } from './work.ts';

/** Options of a coordinator. */
export interface CoordinatorOptions {
  /** Addresses of the nodes, by the names of the manifest. */
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  /**
   * The coordinator's Ed25519 seed, 32 bytes: the key of a client that may `relay` and `status`, and `pair` and `presign`
   * where it is to do that by itself. Wiped here.
   */
  readonly clientSeed: Uint8Array;
  readonly presign?: Partial<PresignOptions> | undefined;
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

/** The parts. */
export interface Parts {
  readonly limits: CoordinatorLimits;
  readonly metrics: Metrics;
  readonly manifests: ManifestKeeper;
  readonly own: OwnClient;
  readonly nodes: NodeSet;
  readonly keys: KeyDirectory;
  readonly activation: Activation;
  readonly mender: Mender;
  readonly pairings: Pairings;
  readonly pools: Pools;
  readonly jobs: Jobs;
  /** Keeps work off the path of answers until it ends; its error is logged. */
  readonly later: (work: Promise<void>) => void;
  /** Waits for what goes on off the path of answers. */
  readonly settled: () => Promise<unknown>;
  /** Overwrites the keys of the coordinator's client. */
  readonly wipe: () => void;
}

/** Puts a coordinator together; nothing runs yet. */
export function makeParts(opts: CoordinatorOptions, modules: CoordinatorModules): Parts {
  const { now, random, log, store } = modules;
  const limits = { ...defaultLimits, ...opts.limits };
  const metrics = new Metrics();
  const { later, settled } = backgroundOf(log);

  const manifests = new ManifestKeeper({ source: modules.manifest, nodes: () => nodes, log });
  const manifest = (): VerifiedManifest => manifests.current;
  const own = new OwnClient(opts.clientSeed, { manifest: () => manifest().manifest, now, random });
  const tls = clientTls({ seed: opts.clientSeed });
  opts.clientSeed.fill(0);

  const { callMs, connectMs, verifyEveryMs, socketsPerNode: maxSockets } = limits;
  const clientOf = ({ name, address }: CoordinatorOptions['nodes'][number]): NodeClient =>
    new NodeClient(
      { node: name, address, tls, callMs, connectMs, verifyEveryMs, maxSockets },
      { now, random, expectation: () => manifests.expectation(name) },
    );
  const nodes: NodeSet = new NodeSet(limits.polling, {
    clients: opts.nodes.map(clientOf),
    now,
    onChange: (view) => {
      logNode(log, view);
      activation.kick();
      mender.kick();
      later(keys.adopt());
      if (view.reason?.code === 'evidence/claim-mismatch') {
        later(manifests.shownOther(view.name));
      }
    },
    onRefused: (name, code) => {
      metrics.evidenceRefused(name, code);
    },
    idle: () => jobs.size === 0,
    onKeys: (heard) => {
      mender.heard(heard.ids);
      later(keys.heard(heard));
      activation.kick();
      mender.kick();
    },
    onLook: (view) => {
      mender.kick();
      pairings.kick();
      pools.looked(view);
    },
  });
  const keys: KeyDirectory = new KeyDirectory({
    store,
    nodes,
    manifest: () => manifest().manifest,
    refused: (key, { code, message }) => {
      log('error', 'key-refused', { key, code, detail: message });
    },
  });
  const activation: Activation = new Activation({ store, keys, nodes, log });
  const mender = new Mender({ nodes, isPending: (key) => activation.has(key), now, log });

  const sessions = (): SessionModules => ({
    client: (name) => nodes.client(name),
    expectation: (name) => manifests.expectation(name),
    now,
    background: later,
    onStep: modules.onStep,
  });
  const ceremony = (): { readonly modules: CeremonyModules; readonly limits: SessionLimits } => ({
    modules: { ...sessions(), nodes },
    limits: { stepMs: limits.stepMs * ceremonySteps, deadline: performance.now() + limits.createMs },
  });
  const turn = new Turn();
  const byItself = { nodes, own, manifest: () => manifest().hash, ceremony, turn, now, log };
  const pairings: Pairings = new Pairings({
    ...byItself,
    onSession: (outcome, node) => {
      metrics.session('pair', outcome, node);
    },
  });
  const pools: Pools = new Pools(
    { ...defaultPresign, ...opts.presign },
    {
      ...byItself,
      key: (id) => keys.find(id),
      whyApart: (a, b) => pairings.whyApart(a, b),
      idle: () => jobs.size === 0,
      onSession: (outcome, node) => {
        metrics.session('presign', outcome, node);
      },
    },
  );
  const shared = { nodes, keys, activation, pairings, pools, turn, metrics, log, now };
  const work = new Work({ ...shared, manifest, sessions, limits });
  const jobs: Jobs = new Jobs(limits.jobs, {
    store,
    now,
    log,
    work: async (job, verified) => {
      // The request of a job that is taken up after a restart is checked anew.
      const checked = verified ?? verifySignedRequest(job.request, manifest().manifest, { now: now() });
      return work.run(job, checked.request);
    },
  });
  const wipe = (): void => {
    tls.key.fill(0);
    own.wipe();
  };
  return { ...shared, limits, manifests, own, mender, jobs, later, settled, wipe };
}

function logNode(log: Log, { name, state, status, reason }: NodeView): void {
  log(state === 'up' ? 'info' : 'warn', 'node', {
    node: name,
    state,
    phase: status?.phase,
    code: reason?.code,
    detail: reason?.sentence,
  });
}

/** Work off the path of an answer: kept until it ends, so that a clean end waits for it. */
function backgroundOf(log: Log): {
  readonly later: (work: Promise<void>) => void;
  readonly settled: () => Promise<unknown>;
} {
  const running = new Set<Promise<void>>();
  return {
    later: (work) => {
      const kept = work
        .catch((error: unknown) => {
          const named = isSymbolonError(error) ? error : new SymbolonError('coordinator/internal', {});
          log('error', 'background', { code: named.code, detail: named.message });
        })
        .finally(() => {
          running.delete(kept);
        });
      running.add(kept);
    },
    settled: () => Promise.allSettled(running),
  };
}
