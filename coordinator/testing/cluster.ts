/** Three real signer nodes behind real TLS listeners, and a coordinator over them, for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { formatAddress, parseAddress } from '../../enclave/address/index.ts';
import { anchorOf } from '../../manifest/index.ts';
import { serve, type NodeServer } from '../../daemon/server.ts';
import { random, testCluster, type ClusterOptions, type TestCluster } from '../../daemon/testing/cluster.ts';
import { sampleSeeds } from '../../daemon/testing/sampleManifest.ts';
import { createCoordinator, type Coordinator } from '../coordinator.ts';
import type { CoordinatorLimits } from '../limits.ts';
import type { PresignOptions } from '../background/pools.ts';
import type { Log } from '../log.ts';
import { openManifestFile } from '../manifestFile.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from './memoryStore.ts';

/** Short times, so that a test of a silent node takes a second. */
export const testLimits: Partial<CoordinatorLimits> = {
  stepMs: 700,
  signMs: 5_000,
  createMs: 10_000,
  callMs: 1_500,
  polling: { pollMs: 200, backOffMs: [50, 200] },
};

/** A log line of the coordinator. */
export interface Line {
  readonly level: string;
  readonly event: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A coordinator with its nodes. */
export interface Rig {
  readonly cluster: TestCluster;
  readonly coordinator: Coordinator;
  readonly store: Store;
  readonly lines: readonly Line[];
  readonly addresses: ReadonlyMap<string, string>;
  /** Told before each step of each session; set by a test. */
  onStep: ((step: string, participants: readonly string[]) => void) | undefined;
  /** Cuts a node off: its listener and all connections end at once, as in a kill of the process. */
  readonly cut: (name: string) => void;
  /** Boots a node again from its files, with a new identity, at its old address. */
  readonly restore: (name: string) => Promise<void>;
}

/** What a rig can be told. */
export interface RigOptions extends ClusterOptions {
  readonly limits?: Partial<CoordinatorLimits>;
  readonly presign?: Partial<PresignOptions>;
  readonly store?: Store;
  /** Puts something between coordinator and node: gets the node's address, gives the one to use. */
  readonly via?: (name: string, address: string) => Promise<string>;
  /** Makes the coordinator without starting it. */
  readonly start?: boolean;
}

/** Boots nodes and coordinator; all end with the test. */
export async function rig(t: Pick<TestContext, 'after'>, options: RigOptions = {}): Promise<Rig> {
  const cluster = await testCluster(t, options);
  const servers = new Map<string, NodeServer>();
  const addresses = new Map<string, string>();
  const listen = async (name: string, at: string): Promise<string> => {
    const { node } = cluster.node(name);
    const server = await serve(node, parseAddress(at), {
      now: cluster.clock.now,
      random,
      log: () => undefined,
    });
    servers.set(name, server);
    return formatAddress(server.address);
  };
  for (const name of cluster.names) {
    addresses.set(name, await listen(name, 'tcp:127.0.0.1:0'));
  }
  t.after(async () => {
    await Promise.all([...servers.values()].map((server) => server.close()));
  });
  const { coordinator, store, lines, hooks } = await coordinatorOver(t, cluster, addresses, options);
  const made: Rig = {
    cluster,
    coordinator,
    store,
    lines,
    addresses,
    onStep: undefined,
    cut: (name) => {
      const server = servers.get(name);
      servers.delete(name);
      void server?.close();
    },
    restore: async (name) => {
      await cluster.restart(name);
      await listen(name, addresses.get(name) ?? '');
    },
  };
  hooks.onStep = (step, participants) => made.onStep?.(step, participants);
  return made;
}

/** A coordinator over nodes that run. */
export async function coordinatorOver(
  t: Pick<TestContext, 'after'>,
  cluster: TestCluster,
  addresses: ReadonlyMap<string, string>,
  options: Pick<RigOptions, 'limits' | 'presign' | 'store' | 'via' | 'start'> = {},
): Promise<{
  readonly coordinator: Coordinator;
  readonly store: Store;
  readonly lines: readonly Line[];
  readonly hooks: { onStep?: (step: string, participants: readonly string[]) => void };
}> {
  const folder = join(cluster.folder, 'coordinator');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'manifest.cbor');
  writeFileSync(file, cluster.signed);
  const manifest = await openManifestFile({ file, anchor: anchorOf(cluster.manifest) });
  const lines: Line[] = [];
  const log: Log = (level, event, facts = {}) => {
    lines.push({ level, event, facts });
  };
  const store = options.store ?? memoryStore();
  const hooks: { onStep?: (step: string, participants: readonly string[]) => void } = {};
  const nodes = await Promise.all(
    [...addresses].map(async ([name, address]) => ({
      name,
      address: options.via === undefined ? address : await options.via(name, address),
    })),
  );
  const coordinator = createCoordinator(
    {
      nodes,
      clientSeed: sampleSeeds.coordinator.slice(),
      presign: options.presign,
      limits: { ...testLimits, ...options.limits },
    },
    {
      store,
      manifest,
      now: cluster.clock.now,
      random,
      log,
      onStep: (step, participants) => hooks.onStep?.(step, participants),
    },
  );
  t.after(() => coordinator.stop(200));
  if (options.start !== false) {
    await coordinator.load();
    await coordinator.start();
  }
  return { coordinator, store, lines, hooks };
}
