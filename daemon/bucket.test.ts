import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket } from './bucket.ts';

test('given a bucket, when it is emptied, then it fills at its rate and not above its burst', () => {
  let now = 1_000;
  const bucket = new Bucket({ perSecond: 2, burst: 3 }, { now: () => now });
  const take = (times: number): number =>
    Array.from({ length: times }, () => bucket.take()).filter(Boolean).length;
  assert.equal(take(5), 3);
  now += 500;
  assert.equal(take(5), 1);
  now += 3_600_000;
  assert.equal(take(9), 3);
  now -= 10_000;
  assert.equal(take(1), 0, 'a clock that jumps back gives nothing');
  now += 500;
  assert.equal(take(2), 1);
});
