/** `symbolon pair`: pairings between nodes, which ECDSA keys need. `--renew` is the way back from a poisoned one. */
import { Api } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { usage, type Command } from '../command.ts';
import { exitCodes, type ExitCode } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { withProgress } from '../progress.ts';
import type { PairingView } from '../statusView.ts';
import { table, utc, type Style } from '../style.ts';

/** The command. */
export const pair: Command = {
  words: ['pair'],
  summary: 'make the pairings that nodes need for ECDSA keys; --renew replaces what they have',
  options: {
    renew: {
      type: 'boolean',
      help: 'replace the pairings of these nodes, poisoned ones too: only after it is clear why one was poisoned',
    },
  },
  operands: [
    {
      name: 'NODE',
      help: 'names of two or more nodes (default: all that lack a pairing; with --renew: all whose pairing is unusable)',
      optional: true,
      many: true,
    },
  ],
  examples: ['symbolon pair', 'symbolon pair --renew node-1 node-3'],
  run: async (args, io) => {
    const named = [...new Set(args.operandsFrom(0))].sort();
    if (named.length === 1) {
      throw usage('a pairing has two ends: name two nodes or more, or none');
    }
    const api = new Api(openCluster(args, io), io.now);
    const before = await api.pairings();
    const renew = args.flag('renew');
    const groups = groupsOf(before, named, renew);
    for (const group of groups) {
      await withProgress(io, `pairing ${group.join(', ')}`, () => api.pair(group, renew));
    }
    const after = groups.length === 0 ? before : await api.pairings();
    return say(after, groups, args.flag('json'), io);
  },
};

/** The groups of nodes to pair, each in one ceremony. */
export function groupsOf(
  pairings: readonly PairingView[],
  named: readonly string[],
  renew: boolean,
): (readonly string[])[] {
  const among = (pairing: PairingView): boolean =>
    named.length === 0 || pairing.nodes.every((name) => named.includes(name));
  const unknown = named.filter((name) => !pairings.some(({ nodes }) => nodes.includes(name)));
  if (unknown.length > 0) {
    throw usage(`the cluster has no node ${unknown.join(', ')}`);
  }
  if (renew) {
    // Named ones are renewed whatever they have; without names what can't be used.
    const wanted = ['poisoned', 'broken', 'differs', 'absent'];
    return named.length > 0
      ? [named]
      : pairings.filter(({ state }) => wanted.includes(state)).map(({ nodes }) => nodes);
  }
  const lacking = pairings.filter((one) => among(one) && ['absent', 'differs', 'broken'].includes(one.state));
  const names = [...new Set(lacking.flatMap(({ nodes }) => nodes))].sort();
  const isWhole = lacking.length === (names.length * (names.length - 1)) / 2;
  return names.length > 2 && isWhole ? [names] : lacking.map(({ nodes }) => nodes);
}

function say(
  pairings: readonly PairingView[],
  groups: readonly (readonly string[])[],
  json: boolean,
  io: Io,
): ExitCode {
  const stuck = pairings.filter(({ state }) => state !== 'ready');
  result(io, json, { ok: stuck.length === 0, ceremonies: groups.length, pairings }, [
    groups.length === 0
      ? 'Nothing to make.'
      : `${io.style.good('paired')}  ${groups.map((group) => group.join(' with ')).join('; ')}`,
    ...pairingTable(pairings, io.style),
  ]);
  return stuck.length === 0 ? exitCodes.ok : exitCodes.refused;
}

/** A table of pairings, and what to do about those that can't be used. */
export function pairingTable(pairings: readonly PairingView[], { strong, good, bad, warn }: Style): string[] {
  const paint = (state: string): string =>
    state === 'ready' ? good(state) : state === 'absent' || state === 'unknown' ? warn(state) : bad(state);
  return [
    ...table([
      ['PAIR', 'PAIRING', 'GENERATION', 'SINCE'].map(strong),
      ...pairings.map(({ nodes, state, generation, at }) => [
        nodes.join(' with '),
        paint(state),
        generation === undefined ? '-' : String(generation),
        at === undefined || at === 0 ? '-' : utc(at),
      ]),
    ]),
    ...pairings
      .filter(({ state, note }) => note !== '' && state !== 'absent' && state !== 'unknown')
      .map(({ nodes, state, note }) => `${bad(`${nodes.join(' with ')} is ${state}`)}: ${note}`),
  ];
}
