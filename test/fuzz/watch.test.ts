/** The memory that both threads see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastInput } from './engine/lastInput.ts';

test('given an input that one thread begins, then the other reads it, and how many there were', () => {
  const here = new LastInput();
  const there = new LastInput(here.shared);
  assert.equal(there.begun, 0);
  there.begin(Uint8Array.of(1, 2, 3));
  there.begin(Uint8Array.of(9));
  assert.deepEqual(here.read(), Uint8Array.of(9));
  assert.equal(here.begun, 2);
  there.begin(new Uint8Array(1_000_000).fill(5));
  assert.equal(here.read().length, 262_144);
});
