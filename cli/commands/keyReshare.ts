/** `symbolon key reshare`: the same key for other holders, or with another threshold. */
import { maxNodes } from '../../wire/limits.ts';
import { Api, type KeyView } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { usage, type Command } from '../command.ts';
import { withProgress } from '../progress.ts';
import { readStatus, type StatusView } from '../statusView.ts';
import { renewed } from './keyRefresh.ts';

/** The command. */
export const keyReshare: Command = {
  words: ['key', 'reshare'],
  summary: 'give a key to other holders, or change its threshold; the public key stays',
  options: {
    nodes: { type: 'string', value: 'A,B,C', help: 'names of the nodes that hold the key from now on' },
    threshold: { type: 'string', value: 'T', help: 'nodes that it takes to sign (default: as now)' },
    dealers: {
      type: 'string',
      value: 'A,B',
      help: 'present holders that deal, as many as it takes to sign now (default: those that leave first, if they are up)',
    },
  },
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: [
    'symbolon key reshare 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30 --nodes node-1,node-2,node-4 --threshold 2',
  ],
  run: async (args, io) => {
    const nodes = namesOf(args.required('nodes'), '--nodes');
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const threshold = args.integer('threshold', 2, maxNodes) ?? key.threshold;
    if (threshold > nodes.length || threshold * 2 <= nodes.length) {
      throw usage(
        `a threshold of ${threshold} does not fit ${nodes.length} nodes: give --threshold, more than half of them and at most all`,
      );
    }
    const given = args.text('dealers');
    const dealers =
      given === undefined ? dealersOf(key, nodes, await readStatus(api.client)) : namesOf(given, '--dealers');
    if (dealers.length !== key.threshold || dealers.some((name) => !key.nodes.includes(name))) {
      throw usage(`the dealers must be exactly ${key.threshold} of ${key.nodes.join(', ')}`);
    }
    for (const name of key.nodes.filter((one) => !nodes.includes(one) && !dealers.includes(one))) {
      // Above half of the holders make a threshold, so those that are left over are always fewer.
      io.err(
        `${io.errStyle.warn('note')}  ${name} takes no part and keeps its old share: too few such can sign`,
      );
    }
    const made = await withProgress(io, 'reshare', () => api.reshareKey(key, { nodes, threshold, dealers }));
    return renewed(made, args, io);
  },
};

/** Names between commas, each once. */
export function namesOf(text: string, option: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('') || new Set(names).size !== names.length) {
    throw usage(`${option} must be names with commas between, each once`);
  }
  return names.sort();
}

/** Present holders that are ready: those first that leave, because a dealer that leaves gives its old share up. */
function dealersOf({ nodes, threshold }: KeyView, next: readonly string[], status: StatusView): string[] {
  const ready = nodes.filter((name) => status.nodes.some((node) => node.name === name && node.ready));
  const stays = (name: string): number => (next.includes(name) ? 1 : 0);
  return [...ready].sort((a, b) => stays(a) - stays(b)).slice(0, threshold);
}
