/** What a running cluster says of itself: nodes that are out or hang, pairings that can't be used, what ends soon. */
import { catalogue, isSymbolonError } from '../../wire/errors/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { notedProcesses } from '../cluster/lock.ts';
import { CoordinatorClient } from '../coordinatorClient.ts';
import { readStatus, type ExpiryView, type NodeView, type PairingView } from '../statusView.ts';
import { duration, utc } from '../style.ts';
import type { Finding } from './finding.ts';

/** Longest wait for the coordinator: one that is well answers in milliseconds. */
const answerMs = 5_000;

/**
 * Asks the coordinator of a cluster that runs.
 * @returns the findings, or one that says why there are none; never throws for what the cluster does.
 */
export async function liveChecks(cluster: Cluster, now: number): Promise<Finding[]> {
  try {
    const view = await readStatus(new CoordinatorClient(cluster), answerMs);
    const running = notedProcesses(cluster.paths).map(({ name }) => name);
    return [
      { state: 'ok', about: 'coordinator', what: view.sentence },
      ...view.nodes.map((node) => nodeFinding(node, running, now)),
      ...pairingFindings(view.pairings, view.pairsItself),
      ...view.expiries.flatMap((one) => expiryFinding(one, now)),
    ];
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return [
      {
        state: 'bad',
        about: 'coordinator',
        what: error.message,
        todo: `see the end of ${cluster.paths.log('coordinator')}; end its process if it hangs: it is started again`,
      },
    ];
  }
}

/** A node whose process runs and which does not answer hangs: the supervisor can't tell, because nothing ended. */
export function nodeFinding(node: NodeView, running: readonly string[], now: number): Finding {
  const about = `node ${node.name}`;
  if (node.behind !== undefined) {
    const { peer, mark, witnessed } = node.behind;
    return {
      state: 'bad',
      about,
      what: `it counts mark ${mark}, and ${peer} has seen ${witnessed}: its files were put back to an older state, or it runs twice`,
      todo: catalogue['gate/behind-mark'].todo,
    };
  }
  if (node.ready) {
    return { state: 'ok', about, what: `ready, image ${node.measurement ?? 'not known'}` };
  }
  const seen =
    node.lastSeenAt === undefined
      ? 'never seen'
      : `last seen ${duration(Math.max(0, now - node.lastSeenAt))} ago`;
  if (node.state === 'down' && running.includes(`${node.name}.daemon`)) {
    return {
      state: 'bad',
      about,
      what: `its process runs and does not answer (${seen})`,
      todo: 'see the end of its log; end its process if it hangs: it is started again',
    };
  }
  return {
    state: 'bad',
    about,
    what: `${node.reason ?? 'not known why'} (${seen})`,
    todo: todoOf(node.code) ?? 'see the end of its log',
  };
}

const todoOf = (code: string | undefined): string | undefined =>
  Object.entries(catalogue).find(([known]) => known === code)?.[1].todo;

/** Pairings that ECDSA keys need (T15). An absent one makes itself where the coordinator may. */
export function pairingFindings(pairings: readonly PairingView[], pairsItself: boolean): Finding[] {
  const stuck = pairings.filter(({ state }) => state !== 'ready' && state !== 'unknown');
  if (stuck.length === 0) {
    const ready = pairings.filter(({ state }) => state === 'ready').length;
    return [{ state: 'ok', about: 'pairings', what: `${ready} of ${pairings.length} can be used` }];
  }
  return stuck.map(({ nodes, state, note }): Finding => {
    const about = `pairing ${nodes.join(' with ')}`;
    return state === 'absent'
      ? {
          state: 'note',
          about,
          what: 'not made yet',
          todo: pairsItself ? 'wait: the coordinator makes it' : 'make it with `symbolon pair`',
        }
      : { state: 'bad', about, what: state, todo: note === '' ? 'see `symbolon pair --help`' : note };
  });
}

/** T08: what the status warns of. */
export function expiryFinding({ what, subject, nodes, at, level, note }: ExpiryView, now: number): Finding[] {
  if (level === 'ok') {
    return [];
  }
  const whose = nodes.length === 0 || what === 'evidence' ? '' : ` (${nodes.join(', ')})`;
  const when = at > now ? `ends in ${duration(at - now)}, ${utc(at)}` : `ended at ${utc(at)}`;
  return [
    {
      state: level === 'warning' ? 'note' : 'bad',
      about: 'expiry',
      what: `${level}: ${what} of ${subject}${whose} ${when}`,
      todo: note,
    },
  ];
}
