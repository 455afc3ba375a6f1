/** How two nodes are paired, as both of them say: ECDSA sessions need a pairing that is the same on both sides. */
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { NodeStatus } from '../../wire/messages/node.ts';
import type { NodeView } from './nodeSet.ts';

/**
 * How a pair stands. `ready`: they can sign together. `absent`: neither has a pairing. `poisoned`: a check failed in an
 * earlier session (T15). `broken`: a record that can't be opened. `differs`: the two do not have the same one. `unknown`:
 * one of them can't be asked.
 */
export const pairStates = ['ready', 'absent', 'poisoned', 'broken', 'differs', 'unknown'] as const;
/** A state of {@link pairStates}. */
export type PairState = (typeof pairStates)[number];

/** A pair of nodes. */
export interface PairView {
  /** Names, sorted. */
  readonly nodes: readonly [string, string];
  readonly state: PairState;
  /** Id as hexadecimal and generation, where a node has one. */
  readonly id: string | undefined;
  readonly generation: number | undefined;
  /** Unix milliseconds: when it was made, or poisoned. */
  readonly at: number | undefined;
}

type Pairing = NodeStatus['pairings'][number];

const ofPeer = (view: NodeView, peer: string): Pairing | undefined =>
  view.status?.pairings.find((one) => one.peer === peer);

/** How two nodes are paired. */
export function pairView(
  views: (name: string) => NodeView | undefined,
  nodes: readonly [string, string],
): PairView {
  const [a, b] = nodes.map(views);
  const [left, right] = [a && ofPeer(a, nodes[1]), b && ofPeer(b, nodes[0])];
  // What counts is the side with the bad news: a pairing is poisoned where one of the two says so.
  const shown = [left, right].find((one) => one !== undefined && one.state !== 'ready') ?? left ?? right;
  return {
    nodes,
    state: isAsked(a) && isAsked(b) ? stateOf(left, right) : 'unknown',
    id: shown === undefined ? undefined : toHex(shown.id),
    generation: shown?.generation,
    at: shown?.at,
  };
}

const isAsked = (view: NodeView | undefined): boolean =>
  view?.state === 'up' && view.status?.phase === 'ready';

function stateOf(left: Pairing | undefined, right: Pairing | undefined): PairState {
  const states = [left?.state, right?.state];
  if (states.includes('poisoned')) {
    return 'poisoned';
  }
  if (states.includes('broken')) {
    return 'broken';
  }
  if (left === undefined || right === undefined) {
    return left === right ? 'absent' : 'differs';
  }
  // Each side counts generations for itself: one that lost its records begins anew.
  return equalBytes(left.id, right.id) ? 'ready' : 'differs';
}

/** All pairs of these names, each sorted. */
export function pairsOf(names: readonly string[]): (readonly [string, string])[] {
  const sorted = [...names].sort();
  return sorted.flatMap((a, i) => sorted.slice(i + 1).map((b): [string, string] => [a, b]));
}
