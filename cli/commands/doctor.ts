/** `symbolon doctor`: looks at the machine and at the cluster folder, and says what to do about what it finds. */
import { findCluster, folderOf, type Cluster } from '../cluster/cluster.ts';
import type { Command } from '../command.ts';
import { clusterChecks } from '../doctor/clusterChecks.ts';
import type { Finding } from '../doctor/finding.ts';
import { machineChecks } from '../doctor/machineChecks.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';

/** The command. */
export const doctor: Command = {
  words: ['doctor'],
  summary: 'check this machine and the cluster folder; each finding comes with what to do',
  options: {},
  operands: [],
  examples: ['symbolon doctor', 'symbolon doctor --dir /srv/cluster --json'],
  run: async (args, io) => {
    const findings: Finding[] = [...machineChecks()];
    const root = folderOf(args, io);
    const cluster = lookFor(root, findings);
    if (cluster !== undefined) {
      findings.push(...(await clusterChecks(cluster, io.now())));
    }
    const paint = { ok: io.style.good, note: io.style.warn, bad: io.style.bad };
    const bad = findings.filter(({ state }) => state === 'bad');
    result(io, args.flag('json'), { ok: bad.length === 0, findings }, [
      ...findings.flatMap(({ state, about, what, todo }) => [
        `${paint[state](state.padEnd(4))}  ${about}: ${what}`,
        ...(todo === undefined ? [] : [`      ${io.style.dim('do:')} ${todo}`]),
      ]),
      '',
      bad.length === 0 ? io.style.good('Nothing stands in the way.') : io.style.bad(`${bad.length} to mend.`),
    ]);
    return bad.length === 0 ? exitCodes.ok : exitCodes.refused;
  },
};

function lookFor(root: string, findings: Finding[]): Cluster | undefined {
  try {
    const cluster = findCluster(root);
    findings.push(
      cluster === undefined
        ? {
            state: 'note',
            about: 'folder',
            what: `no cluster in ${root}`,
            todo: 'make one with `symbolon up`',
          }
        : { state: 'ok', about: 'folder', what: `${root} is complete` },
    );
    return cluster;
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    findings.push({ state: 'bad', about: 'folder', what: error.message, todo: error.todo });
    return undefined;
  }
}
