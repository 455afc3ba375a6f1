/** `symbolon status`: can I sign now, with whom, until when, what expires next. Words first, then tables. */
import { openCluster } from '../cluster/cluster.ts';
import type { Command } from '../command.ts';
import { CoordinatorClient } from '../coordinatorClient.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { readStatus, type StatusView } from '../statusView.ts';
import { duration, table, utc, type Style } from '../style.ts';
import { pairingTable } from './pair.ts';

/** The command. */
export const status: Command = {
  words: ['status'],
  summary: 'say whether the cluster can sign now, with whom, until when, and what expires next',
  options: {},
  operands: [],
  examples: [
    'symbolon status',
    'symbolon status --json | jq -r .canSign   # yes, degraded or no; exit 1 for no',
  ],
  run: async (args, io) => {
    const view = await readStatus(new CoordinatorClient(openCluster(args, io)));
    result(io, args.flag('json'), view.raw, [
      ...words(view, io.now(), io.style),
      '',
      ...nodeTable(view, io.now(), io.style),
      ...keyTable(view, io.style),
      ...pairings(view, io.style),
      ...refusals(view, io.style),
    ]);
    return view.canSign === 'no' ? exitCodes.refused : exitCodes.ok;
  },
};

/** The four answers, each as one line. */
export function words(view: StatusView, now: number, { good, bad, warn }: Style): string[] {
  const answer =
    view.canSign === 'yes'
      ? good('Yes, this cluster can sign now.')
      : view.canSign === 'degraded'
        ? warn('Yes, this cluster can sign now, but no further node may fail.')
        : view.keys.length === 0
          ? warn('Not yet: no key has been made.')
          : bad('No, not with every key.');
  const { next } = view;
  return [
    answer,
    view.sentence,
    `With: ${view.with.length === 0 ? 'nobody' : view.with.join(', ')}.`,
    `Until: ${view.until === undefined ? 'not known' : `${utc(view.until)}, ${left(view.until, now)}`}.`,
    next === undefined
      ? 'Nothing is known to expire.'
      : `Next to expire: ${next.what} of ${next.subject}, ${utc(next.at)}, ${left(next.at, now)}. ${next.note}`,
  ];
}

const left = (at: number, now: number): string => (at > now ? `in ${duration(at - now)}` : 'already past');

function nodeTable({ nodes }: StatusView, now: number, { strong, good, bad, dim }: Style): string[] {
  const rows = nodes.map((node) => [
    node.name,
    node.ready ? good('ready') : bad(node.state === 'up' ? (node.phase ?? node.state) : node.state),
    node.platform ?? '-',
    node.measurement ?? '-',
    node.evidenceUntil === undefined ? '-' : left(node.evidenceUntil, now),
    node.latencyMs === undefined ? '-' : `${node.latencyMs} ms`,
    [...new Set(Object.values(node.backends))].sort().join(', ') || '-',
    node.presignatures === undefined ? '-' : String(node.presignatures),
  ]);
  const head = ['NODE', 'STATE', 'PLATFORM', 'IMAGE', 'EVIDENCE ENDS', 'LATENCY', 'ARITHMETIC', 'PRESIGNED'];
  return [
    ...table([head.map(strong), ...rows]),
    ...nodes.flatMap(({ name, ready, reason, code }) =>
      ready ? [] : [`${name} is out: ${reason ?? 'not known why'} ${dim(`[${code ?? '-'}]`)}`],
    ),
  ];
}

function keyTable({ keys }: StatusView, { strong, good, bad, dim }: Style): string[] {
  if (keys.length === 0) {
    return [];
  }
  const rows = keys.map((key) => [
    key.id,
    key.label,
    key.scheme,
    key.canSign ? good('can sign') : bad(key.state === 'active' ? 'can not' : key.state),
    `${key.with.length} of ${key.with.length + key.without.length} (${key.threshold} needed)`,
    key.until === undefined ? '-' : utc(key.until),
    poolWords(key),
  ]);
  return [
    '',
    ...table([['KEY', 'LABEL', 'SCHEME', 'NOW', 'NODES', 'UNTIL', 'PRESIGNED'].map(strong), ...rows]),
    ...keys.flatMap(({ label, next, waitingFor }) =>
      waitingFor.length === 0
        ? []
        : [
            `${label}: ${next === undefined ? 'its shares are' : `generation ${next} is`} on the way to ${waitingFor.join(', ')}`,
          ],
    ),
    ...keys.flatMap((key) =>
      key.without.map(
        ({ node, code, reason }) => `${key.label} without ${node}: ${reason} ${dim(`[${code}]`)}`,
      ),
    ),
  ];
}

/** Presignatures of an ECDSA key, by set of nodes. */
const poolWords = ({ presignatures }: StatusView['keys'][number]): string =>
  presignatures.map(({ nodes, count }) => `${count} of ${nodes.join(' and ')}`).join(', ') || '-';

/** How the nodes are paired: only where an ECDSA key needs it, or where something is wrong. */
function pairings(view: StatusView, style: Style): string[] {
  const isNeeded = view.keys.some(({ scheme }) => scheme.startsWith('dkls23-'));
  const isWrong = view.pairings.some(({ state }) => !['ready', 'absent', 'unknown'].includes(state));
  if (!isNeeded && !isWrong) {
    return [];
  }
  const waits = view.pairings.some(({ state }) => state === 'absent');
  return [
    '',
    ...pairingTable(view.pairings, style),
    ...(waits && !view.pairsItself
      ? ['The manifest does not let the coordinator make pairings: make them with `symbolon pair`.']
      : []),
  ];
}

/** What the nodes refused of each other: the newest of each pair and code. */
function refusals({ nodes }: StatusView, { strong, dim }: Style): string[] {
  const seen = new Set<string>();
  const lines = nodes.flatMap((node) =>
    node.refusals.flatMap(({ at, peer, code, detail }) => {
      const kind = `${node.name} ${peer} ${code}`;
      if (seen.has(kind)) {
        return [];
      }
      seen.add(kind);
      return [
        `${utc(at)}  ${node.name} refused ${peer === node.name ? 'a record of its own store' : peer}: ${detail} ${dim(`[${code}]`)}`,
      ];
    }),
  );
  return lines.length === 0 ? [] : ['', strong('Refused by the nodes'), ...lines];
}
