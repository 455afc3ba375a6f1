import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf, toHex } from '../ids.ts';
import { firstTranscript, nextTranscript } from './transcript.ts';

const session = new Uint8Array(32).fill(1);
const of = (...entries: (readonly [string, number])[]): Map<string, Uint8Array> =>
  new Map(entries.map(([name, fill]) => [name, new Uint8Array(4).fill(fill)]));
const first = firstTranscript(session);
const next = (broadcasts: Map<string, Uint8Array>, round = 1, from = first): string =>
  toHex(nextTranscript(from, round, broadcasts));

test('T18: a transcript binds session, round, senders and payloads, and nothing of the order of arrival', () => {
  const honest = next(of(['a', 1], ['b', 2]));
  assert.equal(honest, next(of(['b', 2], ['a', 1])));
  const others = [
    next(of(['a', 1], ['b', 3])),
    next(of(['a', 2], ['b', 1])),
    next(of(['a', 1])),
    next(of(['a', 1], ['c', 2])),
    next(of(['a', 1], ['b', 2]), 2),
    next(of(['a', 1], ['b', 2]), 1, firstTranscript(new Uint8Array(32))),
  ];
  assert.equal(new Set([honest, ...others]).size, others.length + 1);
});

test('the transcript is the hash that SPEC.md names', () => {
  assert.deepEqual(first, hashOf('symbolon/transcript/1', session));
  const a = new Uint8Array(4).fill(1);
  assert.deepEqual(
    nextTranscript(first, 1, of(['a', 1])),
    hashOf('symbolon/transcript/1', first, 1, [['a', a]]),
  );
});
