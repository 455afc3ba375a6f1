/** Retries are bounded, and begin anew under another name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from './backOff.ts';
import { Turn } from './turn.ts';

test('each failure doubles the wait up to the longest, and after so many it is not tried again', () => {
  let now = 0;
  const backOff = new BackOff({ waits: [100, 400], tries: 4, names: 8 }, { now: () => now });
  const waits: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    assert.ok(backOff.isDue('a'));
    backOff.failed('a');
    const from = now;
    while (!backOff.isDue('a')) {
      now += 50;
    }
    waits.push(now - from);
  }
  assert.deepEqual(waits, [100, 200, 400]);
  backOff.failed('a');
  now += 1e9;
  assert.equal(backOff.isDue('a'), false);
  // Another name is another thing; and what worked is forgotten.
  assert.ok(backOff.isDue('b'));
  backOff.worked('a');
  assert.deepEqual([backOff.isDue('a'), backOff.tries('a')], [true, 0]);
});

test('a failure that may be tried again at once counts all the same', () => {
  const backOff = new BackOff({ waits: [100, 400], tries: 2, names: 8 }, { now: () => 0 });
  backOff.failed('a', { again: true });
  assert.deepEqual([backOff.isDue('a'), backOff.tries('a')], [true, 1]);
  backOff.failed('a', { again: true });
  assert.equal(backOff.isDue('a'), false);
});

test('T43: only so many names are remembered', () => {
  const backOff = new BackOff({ waits: [100, 400], tries: 1, names: 2 }, { now: () => 0 });
  for (const name of ['a', 'b', 'c']) {
    backOff.failed(name);
  }
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => backOff.tries(name)),
    [0, 1, 1],
  );
});

test('turns come one after the other, also after a failure', async () => {
  const turn = new Turn();
  const said: string[] = [];
  const work =
    (name: string, fails = false) =>
    async (): Promise<void> => {
      said.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      said.push(`${name} ends`);
      if (fails) {
        throw new Error(name);
      }
    };
  const failing = turn.run(work('a', true));
  const second = turn.run(work('b'));
  await assert.rejects(failing);
  await second;
  assert.deepEqual(said, ['a begins', 'a ends', 'b begins', 'b ends']);
});
