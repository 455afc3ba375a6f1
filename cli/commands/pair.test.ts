import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PairingView } from '../statusView.ts';
import { makeStyle } from '../style.ts';
import { groupsOf, pairingTable } from './pair.ts';

const pairing = (a: string, b: string, state: string, note = ''): PairingView => ({
  nodes: [a, b],
  state,
  generation: 1,
  at: 0,
  note,
});
const three = (ab: string, ac: string, bc: string): PairingView[] => [
  pairing('a', 'b', ab),
  pairing('a', 'c', ac),
  pairing('b', 'c', bc),
];

test('T15: a poisoned pairing is shown in red, with what to do; what makes itself is not', () => {
  const style = makeStyle(true);
  const lines = pairingTable(
    [pairing('a', 'b', 'poisoned', 'Find out why.'), pairing('a', 'c', 'absent', 'It is made.')],
    style,
  ).join('\n');
  assert.ok(lines.includes(style.bad('poisoned')));
  assert.ok(lines.includes(`${style.bad('a with b is poisoned')}: Find out why.`));
  assert.ok(lines.includes(style.warn('absent')));
  assert.ok(!lines.includes('It is made.'));
});

test('what is absent is made in one ceremony where nothing is there, and two by two otherwise', () => {
  assert.deepEqual(groupsOf(three('absent', 'absent', 'absent'), [], false), [['a', 'b', 'c']]);
  assert.deepEqual(groupsOf(three('ready', 'absent', 'absent'), [], false), [
    ['a', 'c'],
    ['b', 'c'],
  ]);
  assert.deepEqual(groupsOf(three('ready', 'ready', 'ready'), [], false), []);
  assert.deepEqual(groupsOf(three('absent', 'absent', 'absent'), ['a', 'c'], false), [['a', 'c']]);
});

test('T15: a poisoned pairing is not touched without --renew; with it, named nodes or all that are unusable are renewed', () => {
  assert.deepEqual(groupsOf(three('poisoned', 'ready', 'ready'), [], false), []);
  assert.deepEqual(groupsOf(three('poisoned', 'ready', 'ready'), [], true), [['a', 'b']]);
  assert.deepEqual(groupsOf(three('ready', 'ready', 'ready'), [], true), []);
  assert.deepEqual(groupsOf(three('ready', 'ready', 'ready'), ['a', 'b', 'c'], true), [['a', 'b', 'c']]);
});
