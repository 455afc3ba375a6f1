/** A pairing counts only where both nodes say the same of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeStatus } from '../../wire/messages/node.ts';
import type { NodeView } from './nodeSet.ts';
import { pairsOf, pairView } from './pairState.ts';

type Pairing = NodeStatus['pairings'][number];
const pairing = (peer: string, change: Partial<Pairing> = {}): Pairing => ({
  peer,
  state: 'ready',
  id: new Uint8Array(16).fill(1),
  generation: 1,
  at: 5,
  ...change,
});
const node = (name: string, pairings: readonly Pairing[], change: Partial<NodeView> = {}): NodeView => ({
  name,
  state: 'up',
  reason: undefined,
  since: 0,
  lastSeenAt: 0,
  verified: undefined,
  status: { phase: 'ready', pairings } as NodeStatus,
  keys: { get: () => undefined, knows: () => false, isWhole: false },
  latencyMs: 1,
  clockSkewMs: 0,
  renews: false,
  ...change,
});

const other = new Uint8Array(16).fill(2);
const cases: readonly (readonly [state: string, a: NodeView | undefined, b: NodeView | undefined])[] = [
  ['ready', node('a', [pairing('b')]), node('b', [pairing('a')])],
  ['ready', node('a', [pairing('b', { generation: 4 })]), node('b', [pairing('a')])],
  ['absent', node('a', [pairing('c')]), node('b', [])],
  ['differs', node('a', [pairing('b')]), node('b', [])],
  ['differs', node('a', []), node('b', [pairing('a')])],
  ['differs', node('a', [pairing('b', { id: other })]), node('b', [pairing('a')])],
  ['poisoned', node('a', [pairing('b', { state: 'poisoned' })]), node('b', [pairing('a')])],
  ['poisoned', node('a', [pairing('b')]), node('b', [pairing('a', { state: 'poisoned' })])],
  [
    'poisoned',
    node('a', [pairing('b', { state: 'broken' })]),
    node('b', [pairing('a', { state: 'poisoned' })]),
  ],
  ['broken', node('a', [pairing('b', { state: 'broken' })]), node('b', [])],
  ['unknown', undefined, node('b', [pairing('a')])],
  ['unknown', node('a', [pairing('b')], { state: 'down' }), node('b', [pairing('a')])],
  ['unknown', node('a', [pairing('b')], { status: undefined }), node('b', [pairing('a')])],
];
for (const [i, [state, a, b]] of cases.entries()) {
  test(`T15: what two nodes say of their pairing, case ${i + 1}: ${state}`, () => {
    const views = new Map([
      ['a', a],
      ['b', b],
    ]);
    assert.equal(pairView((name) => views.get(name), ['a', 'b']).state, state);
  });
}

test('the bad news is what is shown', () => {
  const views = new Map([
    ['a', node('a', [pairing('b')])],
    ['b', node('b', [pairing('a', { state: 'poisoned', generation: 3, at: 9 })])],
  ]);
  const view = pairView((name) => views.get(name), ['a', 'b']);
  assert.deepEqual([view.generation, view.at], [3, 9]);
});

test('all pairs, each once and sorted', () => {
  assert.deepEqual(pairsOf(['c', 'a', 'b']), [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'c'],
  ]);
  assert.deepEqual(pairsOf(['a']), []);
});
