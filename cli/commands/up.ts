/** `symbolon up`: a local cluster, from an empty folder to signatures, kept running until Ctrl-C. */
import { basename, dirname } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxNodes } from '../../wire/limits.ts';
import { Api } from '../api.ts';
import { findCluster, folderOf, writeFacts, type Cluster } from '../cluster/cluster.ts';
import { writeConfigs } from '../cluster/configs.ts';
import { defaultPort, portSpan } from '../cluster/layout.ts';
import { takeLock } from '../cluster/lock.ts';
import { makeCluster, unfinished } from '../cluster/make.ts';
import { neededPorts, requirePorts } from '../cluster/ports.ts';
import { startCluster } from '../cluster/start.ts';
import { Supervisor } from '../cluster/supervisor.ts';
import { acceptThisBuild } from '../cluster/upgrade.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { exitCodes, type ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { Interruption } from '../up/interruption.ts';
import { waitForNodes } from '../up/ready.ts';
import { resultOf } from '../up/result.ts';
import { Story } from '../up/story.ts';
import { tpmOptions, tpmPlans } from '../up/tpm.ts';
import { version } from '../version.ts';

/** The command. */
export const up: Command = {
  words: ['up'],
  summary: 'run a local cluster until Ctrl-C; the first time, make it',
  options: {
    port: {
      type: 'string',
      value: 'PORT',
      help: `first of ${portSpan} loopback ports (default: ${defaultPort}, or the last used)`,
    },
    nodes: {
      type: 'string',
      value: 'N',
      help: `signer nodes of a new cluster, 2 to ${maxNodes} (default: 3); three or more to survive the loss of one`,
    },
    threshold: { type: 'string', value: 'T', help: 'nodes that it takes to sign (default: more than half)' },
    demo: {
      type: 'boolean',
      help: 'make four keys and sign a Solana, a Bitcoin, an EVM and a Cosmos transaction',
    },
    ...tpmOptions,
    once: { type: 'boolean', help: 'end after that; the last line of stdout is one JSON object' },
  },
  operands: [],
  examples: [
    'symbolon up',
    'symbolon up --demo --once',
    'symbolon up --dir /srv/five --nodes 5 --threshold 3 --port 7800',
    'symbolon up --dir /srv/tpm --tpm device:/dev/tpmrm0 --root vendor-root.pem --authority vendor-ca.pem',
  ],
  run: async (args, io) => {
    const once = args.flag('once');
    const story = new Story(args.flag('json') ? { ...io, out: io.err, style: io.errStyle } : io);
    using interruption = new Interruption(() => {
      story.interrupted();
    });
    const began = performance.now();
    // What this process and all that it starts write is for its user alone.
    process.umask(0o077);
    story.title(version());
    const cluster = await prepareFolder(args, io, story);
    const giveBack = await takeLock(cluster.paths, (line) => {
      story.warn(line);
    });
    const supervisor = new Supervisor(cluster.paths.processes, (event) => {
      story.process(event);
    });
    try {
      const done = await serve(cluster, supervisor, { args, io, story, interruption, began });
      if (once || done === undefined) {
        return done === undefined ? exitCodes.interrupted : finish(io, done, true);
      }
      if (args.flag('json')) {
        finish(io, done, true);
      }
      story.running(cluster, new Api(cluster, io.now).client.url);
      await interruption.happened;
      return exitCodes.ok;
    } finally {
      const ending = performance.now();
      const killed = await supervisor.end();
      giveBack();
      story.ended(performance.now() - ending, killed);
    }
  },
};

interface Surroundings {
  readonly args: Arguments;
  readonly io: Io;
  readonly story: Story;
  readonly interruption: Interruption;
  readonly began: number;
}

function finish(io: Io, done: unknown, print: boolean): ExitCode {
  if (print) {
    io.out(JSON.stringify(done));
  }
  return exitCodes.ok;
}

/** The cluster of the folder, made where there is none, and with the port that the options ask for. */
async function prepareFolder(args: Arguments, io: Io, story: Story): Promise<Cluster> {
  const root = folderOf(args, io);
  const port = args.integer('port', 1_024, 65_535 - portSpan);
  const nodes = args.integer('nodes', 2, maxNodes);
  const threshold = args.integer('threshold', 2, maxNodes);
  for (const left of unfinished(root)) {
    story.warn(
      `An earlier set-up was interrupted; no key was ever in ${left}. It is left as it is and can be removed.`,
    );
  }
  const tpm2 = tpmPlans(args, io);
  const found = findCluster(root);
  if (found !== undefined) {
    const { facts, paths } = found;
    if (tpm2.size > 0) {
      throw usage('--tpm is for a new cluster, and this folder holds one');
    }
    if (
      (nodes ?? facts.nodes.length) !== facts.nodes.length ||
      (threshold ?? facts.threshold) !== facts.threshold
    ) {
      throw new SymbolonError('cli/other-shape', {
        dir: root,
        nodes: facts.nodes.length,
        threshold: facts.threshold,
      });
    }
    const moved = { ...facts, port: port ?? facts.port };
    story.found(root, moved);
    return { paths, facts: moved };
  }
  const plan = shapeOf(nodes ?? 3, threshold);
  const wanted = port ?? defaultPort;
  await requirePorts(
    neededPorts(
      wanted,
      Array.from({ length: plan.nodes }, (_, i) => ({ name: `node-${i + 1}`, index: i + 1 })),
    ),
  );
  await story.step('set-up of a new cluster', () =>
    makeCluster({ root, ...plan, port: wanted, label: labelOf(root), tpm2 }, io.now(), (step) => {
      story.detail(step);
    }),
  );
  const made = findCluster(root);
  if (made === undefined) {
    throw new SymbolonError('cli/no-cluster', { dir: root });
  }
  return made;
}

function shapeOf(nodes: number, threshold = Math.floor(nodes / 2) + 1): { nodes: number; threshold: number } {
  // Above half: two disjoint groups can never both sign.
  if (threshold > nodes || threshold * 2 <= nodes) {
    throw usage(`--threshold must be more than half of the nodes and at most ${nodes}`);
  }
  return { nodes, threshold };
}

const labelOf = (root: string): string => {
  const own = basename(root).replace(/^\.+/, '');
  return (own === 'symbolon' ? basename(dirname(root)) : own).slice(0, 64) || 'local';
};

/** Starts everything and runs the demonstration; `undefined` where Ctrl-C came first. */
async function serve(
  cluster: Cluster,
  supervisor: Supervisor,
  { args, io, story, interruption, began }: Surroundings,
): Promise<unknown> {
  await requirePorts(neededPorts(cluster.facts.port, cluster.facts.nodes));
  writeFacts(cluster.paths.cluster, cluster.facts);
  writeConfigs(cluster);
  story.upgrade(await acceptThisBuild(cluster, io.now()));
  const starting = performance.now();
  const failures = await interruption.race(
    story.step('start of all processes', () => startCluster(cluster, supervisor)),
  );
  if (failures === undefined) {
    return undefined;
  }
  for (const { process, error } of failures) {
    story.warn(`${process}: ${error.message}`);
  }
  const api = new Api(cluster, io.now);
  const nodes = await interruption.race(waitForNodes(api, cluster, failures, interruption.signal));
  if (nodes === undefined) {
    return undefined;
  }
  story.attested(nodes, io.now());
  if (!args.flag('demo')) {
    return resultOf(cluster, { keys: [], signatures: [] });
  }
  // The chain libraries take longer to load than any other command takes in all: only who asks for them waits for them.
  const { runDemo } = await import('../up/demo.ts');
  const demo = await interruption.race(runDemo(api, cluster, story));
  if (demo === undefined) {
    return undefined;
  }
  story.times(demo.firstSignatureAt - starting, performance.now() - began);
  return resultOf(cluster, demo);
}
