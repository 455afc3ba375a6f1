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
      ...warnings(view, io.now(), io.style),
      '',
      ...nodeTable(view, io.now(), io.style),
      ...keyTable(view, io.style),
      ...absences(view, io.style),
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
        : view.keys.active === 0
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

const names: Readonly<Record<string, string>> = {
  measurement: 'image',
  client: 'client',
  evidence: 'evidence of',
};

/** T08: what ends within 7 days and does not renew itself, and what has ended; the nearest first. */
export function warnings({ expiries }: StatusView, now: number, { bad, warn }: Style): string[] {
  return expiries
    .filter(({ level }) => level !== 'ok')
    .map(({ what, subject, nodes, at, level, note }) => {
      const whose = what === 'measurement' && nodes.length > 0 ? ` (${nodes.join(', ')})` : '';
      const when = at > now ? `ends in ${duration(at - now)}, ${utc(at)}` : `ended at ${utc(at)}`;
      const paint = level === 'warning' ? warn : bad;
      return `${paint(level)}: ${names[what] ?? what} ${subject}${whose} ${when}. ${note}`;
    });
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
    ...nodes.flatMap(({ name, behind }) =>
      behind === undefined
        ? []
        : [
            `${bad(`${name} is behind its own mark`)}: it counts ${behind.mark}, ${behind.peer} has seen ${behind.witnessed}. Its files were put back, or it runs twice.`,
          ],
    ),
  ];
}

/** Keys that the table has; those that can not sign are the first of them. */
const shownKeys = 20;

function keyTable({ keys: { first: keys, total } }: StatusView, { strong, good, bad }: Style): string[] {
  if (keys.length === 0) {
    return [];
  }
  const rows = keys
    .slice(0, shownKeys)
    .map((key) => [
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
    ...(total > rows.length ? [`and ${total - rows.length} more keys: symbolon key list`] : []),
    ...keys.flatMap(({ label, next, waitingFor }) =>
      waitingFor.length === 0
        ? []
        : [
            `${label}: ${next === undefined ? 'its shares are' : `generation ${next} is`} on the way to ${waitingFor.join(', ')}`,
          ],
    ),
  ];
}

/**
 * Why single nodes can't take part with keys: one line for each node and code, however many keys it is about. A node that
 * is out as a whole has its line already.
 */
export function absences({ keys: { first: keys }, nodes }: StatusView, { dim }: Style): string[] {
  const out = new Set(nodes.filter(({ ready }) => !ready).map(({ name }) => name));
  const found = new Map<string, { readonly node: string; readonly why: string; readonly labels: string[] }>();
  for (const { label, without } of keys) {
    for (const { node, code, reason } of without.filter((one) => !out.has(one.node))) {
      const kind = `${node} ${code}`;
      const known = found.get(kind) ?? { node, why: `${reason} ${dim(`[${code}]`)}`, labels: [] };
      known.labels.push(label);
      found.set(kind, known);
    }
  }
  return [...found.values()].map(({ node, why, labels }) => {
    const shown = labels.slice(0, 3).join(', ');
    const more = labels.length > 3 ? ` and ${labels.length - 3} more keys` : '';
    return `${shown}${more} without ${node}: ${why}`;
  });
}

/** Presignatures of an ECDSA key, by set of nodes. */
const poolWords = ({ presignatures }: StatusView['keys']['first'][number]): string =>
  presignatures.map(({ nodes, count }) => `${count} of ${nodes.join(' and ')}`).join(', ') || '-';

/** How the nodes are paired: only where an ECDSA key needs it, or where something is wrong. */
function pairings(view: StatusView, style: Style): string[] {
  const { first, total } = view.keys;
  const isNeeded = total > first.length || first.some(({ scheme }) => scheme.startsWith('dkls23-'));
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
