/**
 * Whether keys can sign now. Asked of groups of keys that stand alike, so that ten thousand keys cost what their few
 * groups do; only the keys that are shown are looked at one by one.
 */
import { isEcdsa } from '../wire/ids.ts';
import type { KeysStatusBody, KeyStatusBody, StatusBody } from './api.ts';
import type { Pairings } from './background/pairings.ts';
import type { PoolView } from './background/pools.ts';
import { generationsOf, type Key, type KeyGeneration } from './keyFacts.ts';
import type { KeyDirectory } from './keys.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import { pairsOf } from './nodes/pairState.ts';
import { chooseSet } from './signing/chooseSet.ts';

/** What the status of keys is made of. */
export interface KeyStatusInput {
  readonly nodes: Pick<NodeSet, 'whyNot' | 'usableFor'>;
  readonly keys: Pick<KeyDirectory, 'get' | 'groups' | 'changing' | 'renewing' | 'size'>;
  /** Nodes that have not taken what is on its way to them. */
  readonly waitingFor: (key: string) => readonly string[];
  readonly pairings: Pick<Pairings, 'whyApart'>;
}

/** Whether the keys can sign, as a whole. */
export interface KeySummary {
  /** `yes`: every key can sign with a node to spare. `degraded`: all can, but one has none to spare. `no` otherwise. */
  readonly canSign: StatusBody['canSign'];
  /** When the first key stops, Unix milliseconds; null where that is not known. */
  readonly until: number | null;
  /** Active keys, and those of them that can not sign now. */
  readonly active: number;
  readonly stuck: number;
}

/** What a key can do now. */
interface Standing {
  /** The generation that counts: while a renewal is under way some nodes have one and some the other. */
  readonly now: KeyGeneration;
  readonly usable: readonly string[];
  readonly canSign: boolean;
  readonly until: number | null;
  /** Whether any one of the nodes may fail that can take part now, as far as the key has nodes to spare at all. */
  readonly hasSpare: boolean;
}

/** Keys of one standing. */
interface Standings {
  readonly standing: Standing;
  readonly isActive: boolean;
  readonly ids: ReadonlySet<string>;
}

/** Keys that a status shows in full. */
const maxShown = 100;

/** The standing of all keys, group by group. `ends` says until when each node can take part, Unix milliseconds by name. */
function standings(input: KeyStatusInput, ends: ReadonlyMap<string, number>): Standings[] {
  const { keys } = input;
  const alone = keys.changing().map((key): Standings => ({
    standing: standingOf(key, input, ends),
    isActive: key.state === 'active',
    ids: new Set([key.id]),
  }));
  const groups = keys.groups().flatMap(({ ids }): Standings[] => {
    const [first] = ids;
    return first === undefined
      ? []
      : [{ standing: standingOf(keys.get(first), input, ends), isActive: true, ids }];
  });
  return [...alone, ...groups];
}

/** Whether the keys can sign, and until when: what the health shows. */
export function keySummary(input: KeyStatusInput, ends: ReadonlyMap<string, number>): KeySummary {
  return summaryOf(standings(input, ends));
}

/** The keys in the status, and their summary. */
export function keysStatus(
  input: KeyStatusInput & { readonly pools: readonly PoolView[] },
  ends: ReadonlyMap<string, number>,
): { readonly summary: KeySummary; readonly body: KeysStatusBody } {
  const { keys } = input;
  const all = standings(input, ends);
  const summary = summaryOf(all);
  const { active, stuck } = summary;
  // What needs a person comes first: a stuck key, then one that has no node to spare.
  const rank = ({ standing: { canSign, hasSpare } }: Standings): number => (canSign ? (hasSpare ? 2 : 1) : 0);
  const shown: KeyStatusBody[] = [];
  for (const { ids } of all.sort((a, b) => rank(a) - rank(b))) {
    for (const id of ids) {
      if (shown.length >= maxShown) {
        break;
      }
      shown.push(bodyOf(keys.get(id), input, ends));
    }
  }
  const renewing = keys.changing().filter(({ state }) => state === 'active').length;
  return {
    summary,
    body: {
      total: keys.size,
      active,
      pending: keys.size - active,
      canSign: active - stuck,
      renewing,
      first: shown,
    },
  };
}

function summaryOf(all: readonly Standings[]): KeySummary {
  let canSign: StatusBody['canSign'] = 'yes';
  let until: number | null = null;
  let active = 0;
  let stuck = 0;
  for (const { standing, isActive, ids } of all) {
    if (!isActive) {
      continue;
    }
    active += ids.size;
    if (!standing.canSign) {
      stuck += ids.size;
      canSign = 'no';
    } else if (!standing.hasSpare && canSign === 'yes') {
      canSign = 'degraded';
    }
    if (standing.until !== null) {
      until = Math.min(until ?? standing.until, standing.until);
    }
  }
  return { canSign: active === 0 ? 'no' : canSign, until, active, stuck };
}

function standingOf(key: Key, input: KeyStatusInput, ends: ReadonlyMap<string, number>): Standing {
  const { nodes } = input;
  const apart = apartOf(key, input);
  const setOf = (candidates: readonly string[], { threshold }: KeyGeneration): string[] | undefined =>
    chooseSet(candidates, threshold, { quarrels: [], apart });
  // The newer generation counts where it can sign.
  const now = generationsOf(key).find((one) => setOf(nodes.usableFor(one), one) !== undefined) ?? key;
  const usable = nodes.usableFor(now);
  const canSign = key.state === 'active' && setOf(usable, now) !== undefined;
  const latest = usable.map((name) => ends.get(name) ?? 0).sort((a, b) => b - a);
  const survives = usable.every(
    (name) =>
      setOf(
        usable.filter((one) => one !== name),
        now,
      ) !== undefined,
  );
  const isWhole =
    now.nodes.every((node) => usable.includes(node)) && pairsOf(now.nodes).every(([a, b]) => !apart(a, b));
  return {
    now,
    usable,
    canSign,
    // The key stops when its t-th longest lasting node does.
    until: canSign ? (latest[now.threshold - 1] ?? null) : null,
    hasSpare: survives || isWhole,
  };
}

const apartOf =
  ({ scheme }: Key, { pairings }: KeyStatusInput) =>
  (a: string, b: string): boolean =>
    isEcdsa(scheme) && pairings.whyApart(a, b) !== undefined;

function bodyOf(
  key: Key,
  input: KeyStatusInput & { readonly pools: readonly PoolView[] },
  ends: ReadonlyMap<string, number>,
): KeyStatusBody {
  const { nodes, keys, pools, waitingFor } = input;
  const { now, usable, canSign, until } = standingOf(key, input, ends);
  const without = now.nodes.flatMap((node) => {
    const reason = nodes.whyNot(node, now);
    return reason === undefined ? [] : [{ node, code: reason.code, reason: reason.sentence }];
  });
  return {
    id: key.id,
    label: key.label,
    purpose: key.purpose,
    scheme: key.scheme,
    state: key.state,
    threshold: now.threshold,
    canSign,
    with: [...usable].sort(),
    without,
    until,
    generation: now.generation,
    next: keys.renewing(key.id)?.generation ?? null,
    waitingFor: waitingFor(key.id),
    presignatures: pools
      .filter((pool) => pool.key === key.id)
      .map(({ nodes: set, count }) => ({ nodes: set, count })),
  };
}
