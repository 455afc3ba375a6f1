import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../wire/ids.ts';
import type { Witness } from '../guard/marks.ts';
import { sampleManifest } from '../testing/sampleManifest.ts';
import { judgeMark, tieOf } from './marks.ts';

const boot = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const seen = (fill: number, boots: number, mark: number): Witness => ({ boot: boot(fill), boots, mark });
const judge = (
  [fill, boots, since, mark]: readonly [boot: number, boots: number, since: number, mark: number],
  now: Witness | undefined,
  atNonce: Witness | 'nothing' | undefined = now,
) => {
  const error = judgeMark(
    'node-2',
    { boot: boot(fill), marks: { boots, since, mark, witnessed: new Map() } },
    { now, atNonce: atNonce === 'nothing' ? undefined : atNonce },
  );
  if (error === undefined) {
    return 'accepted';
  }
  const { mark: shown, witnessed, boots: number, witnessedBoots } = error.facts;
  return [error.code, shown, witnessed, number, witnessedBoots];
};

test('T09: given what was seen of a peer and what it shows, then the rule says accepted, behind or two instances', () => {
  // Nothing seen: anything that can say where it is.
  assert.equal(judge([1, 1, 0, 0], undefined), 'accepted');
  assert.equal(judge([1, 7, 900, 950], undefined), 'accepted');
  assert.deepEqual(judge([1, 0, 0, 0], undefined), ['gate/behind-mark', 0, 0, 0, 0]);
  // The same boot.
  assert.equal(judge([1, 3, 5, 9], seen(1, 3, 9)), 'accepted');
  assert.equal(judge([1, 3, 5, 12], seen(1, 3, 9)), 'accepted');
  assert.deepEqual(judge([1, 3, 5, 8], seen(1, 3, 9)), ['gate/behind-mark', 8, 9, 3, 3]);
  // The same boot without a number, or with another one: a boot keeps its number.
  assert.deepEqual(judge([1, 0, 5, 10], seen(1, 3, 9)), ['gate/behind-mark', 5, 9, 0, 3]);
  assert.deepEqual(judge([1, 4, 5, 10], seen(1, 3, 9)), ['gate/behind-mark', 10, 9, 4, 3]);
  assert.deepEqual(judge([1, 2, 5, 10], seen(1, 3, 9)), ['gate/behind-mark', 10, 9, 2, 3]);
  // A later boot that began with all that was seen.
  assert.equal(judge([2, 4, 9, 9], seen(1, 3, 9)), 'accepted');
  assert.equal(judge([2, 9, 12, 12], seen(1, 3, 9)), 'accepted');
  // One that began with less: how often it started, and how far it got since, does not count.
  assert.deepEqual(judge([2, 4, 8, 8], seen(1, 3, 9)), ['gate/behind-mark', 8, 9, 4, 3]);
  assert.deepEqual(judge([2, 900, 8, 500], seen(1, 3, 9)), ['gate/behind-mark', 8, 9, 900, 3]);
  // Two boots of one number; and one that is older than what was seen.
  assert.deepEqual(judge([2, 3, 9, 9], seen(1, 3, 9)), ['gate/two-instances', 9, 9, 3, 3]);
  assert.deepEqual(judge([2, 2, 9, 99], seen(1, 3, 9)), ['gate/behind-mark', 9, 9, 2, 3]);
});

test('given evidence of one boot that another session overtook, then it is accepted unless it was made after the higher mark was seen', () => {
  assert.equal(judge([1, 3, 5, 8], seen(1, 3, 9), seen(1, 3, 8)), 'accepted');
  assert.equal(judge([1, 3, 5, 8], seen(1, 3, 9), 'nothing'), 'accepted');
  // This boot was first seen after the nonce: nothing was seen of it before.
  assert.equal(judge([2, 4, 10, 10], seen(2, 4, 11), seen(1, 3, 9)), 'accepted');
  assert.deepEqual(judge([1, 3, 5, 7], seen(1, 3, 9), seen(1, 3, 8)), ['gate/behind-mark', 7, 8, 3, 3]);
});

test('T09: given an entry of the manifest that differs in anything, then it is another node with another beginning', () => {
  const [node] = sampleManifest().nodes;
  assert.ok(node !== undefined);
  const tie = (change: Partial<typeof node>) => toHex(tieOf({ ...node, ...change }));
  const ties = [
    tie({}),
    tie({ name: 'node-9' }),
    tie({ index: 9 }),
    tie({ platform: 'nitro' }),
    tie({ pcrs: new Map([[4, new Uint8Array(48).fill(1)]]) }),
    tie({ instance: 'i-0123456789abcdef0' }),
    tie({ attestationKey: new Uint8Array(34).fill(1) }),
  ];
  assert.equal(new Set(ties).size, ties.length);
  assert.equal(
    tie({}),
    tie({ pcrs: new Map([...node.pcrs].reverse()) }),
    'the order of registers says nothing',
  );
});
