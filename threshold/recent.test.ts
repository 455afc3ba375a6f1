import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from './recent.ts';

test('a result is made once and kept; above the bound the one used longest ago goes', () => {
  const made: string[] = [];
  const recent = new Recent<{ readonly of: string }>(2);
  const get = (key: string): string =>
    recent.get(key, () => {
      made.push(key);
      return { of: key };
    }).of;
  assert.deepEqual(['a', 'b', 'a', 'c', 'a', 'b'].map(get), ['a', 'b', 'a', 'c', 'a', 'b']);
  // c came when a had been used after b, so b went and was made again.
  assert.deepEqual(made, ['a', 'b', 'c', 'b']);
  assert.equal(recent.size, 2);
});

test('nothing is kept of a result that could not be made', () => {
  const recent = new Recent<object>(2);
  assert.throws(() =>
    recent.get('a', () => {
      throw new RangeError();
    }),
  );
  assert.equal(recent.size, 0);
});
