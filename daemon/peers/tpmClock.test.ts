import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TpmClock } from '../../enclave/evidence/index.ts';
import { judgeTpmClock, laterClock } from './tpmClock.ts';

const clock = (resetCount: number, restartCount: number, at: number, safe = true): TpmClock => ({
  clock: at,
  resetCount,
  restartCount,
  safe,
});
const seen = clock(5, 2, 1_000);

test('given a clock that went on, then it is accepted: later, at the same time, after a restart, after a reset', () => {
  for (const shown of [clock(5, 2, 1_001), seen, clock(5, 3, 900), clock(6, 0, 10, false)]) {
    assert.equal(judgeTpmClock('node-2', shown, seen), undefined);
    assert.deepEqual(laterClock(shown, seen), shown);
  }
});

test('T09: given a TPM that counts less than it did, then the field that went back is named', () => {
  const cases = [
    [clock(5, 2, 999), 'clock', 1_000, 999],
    [clock(5, 1, 5_000), 'restartCount', 2, 1],
    [clock(4, 9, 5_000), 'resetCount', 5, 4],
  ] as const;
  for (const [shown, field, before, got] of cases) {
    const error = judgeTpmClock('node-2', shown, seen);
    assert.equal(error?.code, 'gate/tpm-set-back');
    assert.deepEqual(error.facts, { peer: 'node-2', field, seen: before, got });
    assert.deepEqual(laterClock(shown, seen), seen);
  }
});

test('given a platform without such a clock, or a first look, then there is nothing to compare', () => {
  assert.equal(judgeTpmClock('node-2', undefined, seen), undefined);
  assert.equal(judgeTpmClock('node-2', seen, undefined), undefined);
  assert.deepEqual(laterClock(seen, undefined), seen);
});
