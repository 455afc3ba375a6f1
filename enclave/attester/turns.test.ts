import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefusal } from '../../test/pki/refusal.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { Turns } from './turns.ts';

const never = (): Promise<never> => new Promise(() => undefined);

test('given work of several callers, then one runs at a time, in the order of the calls, whatever came of those before', async () => {
  const turns = new Turns('device', 5_000);
  const log: string[] = [];
  const work = (name: string, fails = false) =>
    turns.take(name, async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      if (fails) {
        throw new SymbolonError('attester/device-failed', { device: 'device', request: name, reason: 'x' });
      }
      return name;
    });
  const ended = await Promise.allSettled([work('a', true), work('b'), work('c')]);
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
});

test('T35: given work that never ends, then each caller gets an error at its deadline, and none of the others was begun', async () => {
  const turns = new Turns('device', 20);
  let begun = 0;
  const calls = ['a', 'b'].map((name) =>
    turns.take(name, () => {
      begun += 1;
      return never();
    }),
  );
  for (const [index, one] of (await Promise.allSettled(calls)).entries()) {
    assert.equal(one.status, 'rejected');
    assertRefusal(one.reason, 'attester/timeout', { device: 'device', request: ['a', 'b'][index], ms: 20 });
  }
  assert.equal(begun, 1);
});

test('T35: given a caller whose time was over before its turn, when the device is free again, then only later ones run', async () => {
  const turns = new Turns('device', 20);
  let free: () => void = () => undefined;
  const slow = turns.take('slow', () => new Promise<void>((resolve) => (free = resolve)));
  let ran = false;
  const late = turns.take('late', () => {
    ran = true;
    return Promise.resolve();
  });
  await assert.rejects(slow, { code: 'attester/timeout' });
  await assert.rejects(late, { code: 'attester/timeout' });
  free();
  assert.equal(await turns.take('next', () => Promise.resolve('done')), 'done');
  assert.equal(ran, false);
});

test('given a refusal of a layer below, then it becomes one of this boundary, and a defect stays a defect', async () => {
  const turns = new Turns('device', 5_000);
  const below = new SymbolonError('native/nsm-failed', { call: 'ioctl', errno: 'EIO' });
  await assert.rejects(
    turns.take('a', () => Promise.reject(below)),
    (error: unknown) => {
      assertRefusal(error, 'attester/device-failed', { device: 'device', request: 'a' });
      return error instanceof Error && error.cause === below;
    },
  );
  await assert.rejects(
    turns.take('b', () => Promise.reject(new TypeError('a defect'))),
    TypeError,
  );
});
