/** A real cluster for tests: the processes of `symbolon up`, in a temporary folder, ended by their own ids. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type KeyView } from '../../cli/api.ts';
import { findCluster, type Cluster } from '../../cli/cluster/cluster.ts';
import { writeConfigs } from '../../cli/cluster/configs.ts';
import { makeCluster } from '../../cli/cluster/make.ts';
import { isTaken, neededPorts } from '../../cli/cluster/ports.ts';
import { nodeSpecs, startCluster, type NodeSpecs, type StartFailure } from '../../cli/cluster/start.ts';
import type { Tpm2Plan } from '../../cli/cluster/tpm2.ts';
import { Supervisor } from '../../cli/cluster/supervisor.ts';
import { readStatus, type NodeView, type StatusView } from '../../cli/statusView.ts';
import { waitForNodes } from '../../cli/up/ready.ts';

/** A base for ports on loopback that are free now; below the range that the kernel gives to outgoing connections. */
export async function freePorts(nodes = 3): Promise<number> {
  const indexes = Array.from({ length: nodes }, (_, i) => ({ name: '', index: i + 1 }));
  for (let base = 10_000 + (process.pid % 190) * 100; ; base = base > 29_000 ? 10_000 : base + 100) {
    const taken = await Promise.all(neededPorts(base, indexes).map(([port]) => isTaken(port)));
    if (!taken.includes(true)) {
      return base;
    }
  }
}

/** A new temporary folder that `use` works in; it is removed afterwards, whatever happens. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A cluster of a test. */
export class TestCluster {
  readonly cluster: Cluster;
  readonly api: Api;
  #supervisor: Supervisor | undefined;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.api = new Api(cluster, Date.now);
  }

  /** Makes a new cluster in `folder`; the nodes of `tpm2` have a TPM. */
  static async make(folder: string, tpm2: ReadonlyMap<number, Tpm2Plan> = new Map()): Promise<TestCluster> {
    const root = join(folder, 'c');
    await makeCluster(
      { root, nodes: 3, threshold: 2, port: await freePorts(), label: 'test', tpm2 },
      Date.now(),
      () => undefined,
    );
    return TestCluster.open(root);
  }

  /** The cluster of an existing folder. */
  static open(root: string): TestCluster {
    const cluster = findCluster(root);
    if (cluster === undefined) {
      throw new Error(`no cluster in ${root}`);
    }
    return new TestCluster(cluster);
  }

  /** A copy of this cluster, which must not run, in another folder. */
  copyTo(folder: string): TestCluster {
    const root = join(folder, 'c');
    cpSync(this.cluster.paths.root, root, { recursive: true });
    return TestCluster.open(root);
  }

  /** Starts all processes; `change` may replace what is started for a node. */
  async start(change: (specs: NodeSpecs) => NodeSpecs = (specs) => specs): Promise<readonly StartFailure[]> {
    const supervisor = new Supervisor(this.cluster.paths.processes, () => undefined);
    this.#supervisor = supervisor;
    writeConfigs(this.cluster);
    const failures = await startCluster(this.cluster, supervisor, nodeSpecs(this.cluster).map(change));
    await waitForNodes(this.api, this.cluster, failures);
    return failures;
  }

  /** Process id of `node-1.daemon` and the like. */
  pid(name: string): number {
    const found = this.#supervisor?.running().find((one) => one.name === name);
    if (found === undefined) {
      throw new Error(`${name} does not run`);
    }
    return found.pid;
  }

  /** Names and ids of all processes. */
  running(): { readonly name: string; readonly pid: number }[] {
    return this.#supervisor?.running() ?? [];
  }

  /** Kills a process as a crash would. */
  kill(name: string): void {
    process.kill(this.pid(name), 'SIGKILL');
  }

  async status(): Promise<StatusView> {
    return readStatus(this.api.client);
  }

  async node(name: string): Promise<NodeView> {
    const found = (await this.status()).nodes.find((one) => one.name === name);
    if (found === undefined) {
      throw new Error(`the status has no ${name}`);
    }
    return found;
  }

  /** Waits until the status fits; fails with the last one after `ms`. */
  async until(what: string, fits: (status: StatusView) => boolean, ms = 15_000): Promise<StatusView> {
    const end = Date.now() + ms;
    for (;;) {
      const status = await this.status();
      if (fits(status)) {
        return status;
      }
      if (Date.now() > end) {
        throw new Error(`${what}: not within ${ms} ms; ${JSON.stringify(status.nodes)}`);
      }
      await sleep(50);
    }
  }

  /** Waits until the coordinator has looked at every node after this call, and found it ready. */
  async allReady(): Promise<StatusView> {
    const asked = Date.now();
    return this.until('all nodes ready', ({ nodes }) =>
      nodes.every(({ ready, lastSeenAt }) => ready && (lastSeenAt ?? 0) > asked),
    );
  }

  /** Makes an Ed25519 key for tests. */
  async makeKey(): Promise<KeyView> {
    const { key } = await this.api.createKey({
      scheme: 'frost-ed25519',
      threshold: 2,
      nodes: this.cluster.facts.nodes.map(({ name }) => name),
      purpose: 'dev/test',
      label: 'test',
    });
    return key;
  }

  /** Ends everything. */
  async end(): Promise<void> {
    await this.#supervisor?.end();
    this.#supervisor = undefined;
  }
}
