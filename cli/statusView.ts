/** The status of a cluster as the coordinator tells it, read field by field. */
import { Answer, type CoordinatorClient } from './coordinatorClient.ts';

/** A node. */
export interface NodeView {
  readonly name: string;
  readonly state: string;
  readonly ready: boolean;
  readonly phase: string | undefined;
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly platform: string | undefined;
  readonly measurement: string | undefined;
  /** Unix milliseconds. */
  readonly evidenceUntil: number | undefined;
  /** Unix milliseconds of the coordinator's last look that was answered. */
  readonly lastSeenAt: number | undefined;
  readonly latencyMs: number | undefined;
  readonly clockSkewMs: number | undefined;
  /** The arithmetic that runs, by scheme. */
  readonly backends: Readonly<Record<string, string>>;
  readonly presignatures: number | undefined;
  /** Whether the coordinator has read its whole list of keys. */
  readonly keysRead: boolean;
  /** The peer that has seen a higher mark of the node than the node itself knows (T09). */
  readonly behind: { readonly peer: string; readonly mark: number; readonly witnessed: number } | undefined;
  readonly refusals: readonly {
    readonly peer: string;
    readonly code: string;
    readonly detail: string;
    readonly at: number;
  }[];
}
/** A pair of nodes. */
export interface PairingView {
  readonly nodes: readonly string[];
  readonly state: string;
  readonly generation: number | undefined;
  /** Unix milliseconds. */
  readonly at: number | undefined;
  /** What to do; empty where nothing is. */
  readonly note: string;
}
/** A key. */
export interface KeyStatusView {
  readonly id: string;
  readonly label: string;
  readonly scheme: string;
  readonly state: string;
  readonly threshold: number;
  readonly canSign: boolean;
  readonly with: readonly string[];
  readonly without: readonly { readonly node: string; readonly code: string; readonly reason: string }[];
  readonly until: number | undefined;
  readonly generation: number;
  /** Generation that is on its way, and who has not taken it. */
  readonly next: number | undefined;
  readonly waitingFor: readonly string[];
  /** Presignatures by set of nodes. */
  readonly presignatures: readonly { readonly nodes: readonly string[]; readonly count: number }[];
}
/** The keys as a whole. */
export interface KeysStatusView {
  readonly total: number;
  readonly active: number;
  readonly pending: number;
  /** Active ones that can sign now. */
  readonly canSign: number;
  readonly renewing: number;
  /** Some of them, those first that can't sign. */
  readonly first: readonly KeyStatusView[];
}
/** Something that ends. */
export interface ExpiryView {
  readonly what: string;
  readonly subject: string;
  /** Names of the nodes that it stops. */
  readonly nodes: readonly string[];
  readonly at: number;
  /** `ok`, `warning` (from 7 days before), `urgent` (from 1 day before) or `ended`. */
  readonly level: string;
  readonly renewsItself: boolean;
  readonly note: string;
}
/** The whole. */
export interface StatusView {
  readonly label: string;
  readonly mode: string;
  readonly manifestVersion: number;
  readonly canSign: string;
  readonly sentence: string;
  readonly with: readonly string[];
  readonly until: number | undefined;
  readonly next: ExpiryView | undefined;
  readonly expiries: readonly ExpiryView[];
  readonly keys: KeysStatusView;
  readonly nodes: readonly NodeView[];
  readonly pairings: readonly PairingView[];
  readonly pairsItself: boolean;
  /** The answer as it came, for `--json`. */
  readonly raw: unknown;
}

/** Reads the status of the coordinator. */
export async function readStatus(client: CoordinatorClient, timeoutMs = 10_000): Promise<StatusView> {
  const answer = new Answer(await client.call({ method: 'GET', path: '/v1/status', timeoutMs }));
  const cluster = answer.optionalObject('cluster') ?? new Answer(undefined, 'answer.cluster');
  const manifest = cluster.optionalObject('manifest') ?? new Answer(undefined, 'answer.cluster.manifest');
  const next = answer.optionalObject('next');
  return {
    label: cluster.text('label'),
    mode: cluster.text('mode'),
    manifestVersion: manifest.integer('version'),
    canSign: answer.text('canSign'),
    sentence: answer.text('sentence'),
    with: answer.texts('with'),
    until: answer.optionalInteger('until'),
    next: next === undefined ? undefined : expiryOf(next),
    expiries: answer.list('expiries').map(expiryOf),
    keys: keysOf(answer.optionalObject('keys') ?? new Answer(undefined, 'answer.keys')),
    nodes: answer.list('nodes').map(nodeOf),
    pairings: answer.list('pairings').map(pairingOf),
    pairsItself: answer.bool('pairsItself'),
    raw: answer.raw,
  };
}

const expiryOf = (one: Answer): ExpiryView => ({
  what: one.text('what'),
  subject: one.text('subject'),
  nodes: one.texts('nodes'),
  at: one.integer('at'),
  level: one.text('level'),
  renewsItself: one.bool('renewsItself'),
  note: one.text('note'),
});

const keysOf = (keys: Answer): KeysStatusView => ({
  total: keys.integer('total'),
  active: keys.integer('active'),
  pending: keys.integer('pending'),
  canSign: keys.integer('canSign'),
  renewing: keys.integer('renewing'),
  first: keys.list('first').map(keyOf),
});

const keyOf = (one: Answer): KeyStatusView => ({
  id: one.text('id'),
  label: one.text('label'),
  scheme: one.text('scheme'),
  state: one.text('state'),
  threshold: one.integer('threshold'),
  canSign: one.bool('canSign'),
  with: one.texts('with'),
  without: one
    .list('without')
    .map((out) => ({ node: out.text('node'), code: out.text('code'), reason: out.text('reason') })),
  until: one.optionalInteger('until'),
  generation: one.integer('generation'),
  next: one.optionalInteger('next'),
  waitingFor: one.texts('waitingFor'),
  presignatures: one
    .list('presignatures')
    .map((pool) => ({ nodes: pool.texts('nodes'), count: pool.integer('count') })),
});

/** A pair of nodes, of the status and of `/v1/pairings`. */
export const pairingOf = (one: Answer): PairingView => ({
  nodes: one.texts('nodes'),
  state: one.text('state'),
  generation: one.optionalInteger('generation'),
  at: one.optionalInteger('at'),
  note: one.optionalText('note') ?? '',
});

const nodeOf = (one: Answer): NodeView => ({
  name: one.text('name'),
  state: one.text('state'),
  ready: one.bool('ready'),
  phase: one.optionalText('phase'),
  code: one.optionalText('code'),
  reason: one.optionalText('reason'),
  platform: one.optionalText('platform'),
  measurement: one.optionalText('measurement'),
  evidenceUntil: one.optionalInteger('evidenceUntil'),
  lastSeenAt: one.optionalInteger('lastSeenAt'),
  latencyMs: one.optionalNumber('latencyMs'),
  clockSkewMs: one.optionalNumber('clockSkewMs'),
  backends: one.textsByName('backends'),
  presignatures: one.optionalInteger('presignatures'),
  keysRead: one.bool('keysRead'),
  behind: behindOf(one.optionalObject('behind')),
  refusals: one.list('refusals').map((refusal) => ({
    peer: refusal.text('peer'),
    code: refusal.text('code'),
    detail: refusal.text('detail'),
    at: refusal.integer('at'),
  })),
});

const behindOf = (one: Answer | undefined): NodeView['behind'] =>
  one === undefined
    ? undefined
    : { peer: one.text('peer'), mark: one.integer('mark'), witnessed: one.integer('witnessed') };
