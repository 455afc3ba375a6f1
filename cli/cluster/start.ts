/** Starts all processes of a cluster under a supervisor, in stages: tokens and proxies, daemons and the coordinator. */
import { join } from 'node:path';
import { isSymbolonError, type SymbolonError } from '../../wire/errors/index.ts';
import { mayRestart as hsmMayRestart } from '../../hsm/index.ts';
import { builtRoot } from '../version.ts';
import type { ProcessSpec } from './childProcess.ts';
import type { Cluster } from './cluster.ts';
import type { Supervisor } from './supervisor.ts';

/** The processes of one node. */
export interface NodeSpecs {
  readonly node: string;
  readonly hsm: ProcessSpec;
  readonly parent: ProcessSpec;
  readonly daemon: ProcessSpec;
}

/** Ended on purpose (0), or will end the same way again: configuration (2 and 78). */
const mayRestart = (code: number | null): boolean => code !== 0 && code !== 2 && code !== 78;

/** What is started for each node. */
export function nodeSpecs({ paths, facts }: Cluster): NodeSpecs[] {
  return facts.nodes.map(({ name }) => {
    const spec = (part: string, main: string): ProcessSpec => ({
      name: `${name}.${part}`,
      main: join(builtRoot(), main),
      args: ['--config', `${part}/config.json`],
      cwd: paths.node(name).root,
      log: paths.log(`${name}.${part}`),
      mayRestart: part === 'hsm' ? hsmMayRestart : mayRestart,
    });
    return {
      node: name,
      hsm: spec('hsm', 'hsm/main.js'),
      parent: spec('parent', 'enclave/parent/main.js'),
      daemon: spec('daemon', 'daemon/main.js'),
    };
  });
}

/** The coordinator's process. */
export const coordinatorSpec = ({ paths }: Cluster): ProcessSpec => ({
  name: 'coordinator',
  main: join(builtRoot(), 'coordinator/main.js'),
  args: ['--config', 'coordinator/config.json'],
  cwd: paths.root,
  log: paths.log('coordinator'),
  mayRestart,
});

/** A process of a node that did not become ready. The others go on without it. */
export interface StartFailure {
  readonly process: string;
  readonly error: SymbolonError;
}

/**
 * Starts everything. A node whose token or daemon does not come up is reported and left to its back-off; the
 * coordinator must come up.
 * @throws SymbolonError `cli/process-failed`, `cli/start-timeout` for the coordinator.
 */
export async function startCluster(
  cluster: Cluster,
  supervisor: Supervisor,
  specs: readonly NodeSpecs[] = nodeSpecs(cluster),
): Promise<readonly StartFailure[]> {
  const failures: StartFailure[] = [];
  const attempt = async (spec: ProcessSpec): Promise<void> => {
    try {
      await supervisor.start(spec);
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      failures.push({ process: spec.name, error });
    }
  };
  const nodes = specs.map(async ({ hsm, parent, daemon }) => {
    await Promise.all([attempt(parent), attempt(hsm)]);
    await attempt(daemon);
  });
  // The coordinator opens its store meanwhile; it asks the nodes again until they answer.
  await Promise.all([supervisor.start(coordinatorSpec(cluster)), ...nodes]);
  return failures;
}
