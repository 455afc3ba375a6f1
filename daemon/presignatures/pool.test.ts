import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PresignatureParts } from '../../threshold/index.ts';
import { refusal } from '../testing/refusal.ts';
import { PresignaturePool, type PresignatureFor } from './pool.ts';

const what: PresignatureFor = { key: 'a'.repeat(32), shares: '01', nodes: ['node-1', 'node-2'] };
const id = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const parts = (fill: number): PresignatureParts => ({
  nonce: new Uint8Array(33).fill(fill),
  phi: new Uint8Array(32).fill(fill + 1),
  u: new Uint8Array(32).fill(fill + 2),
  v: new Uint8Array(32).fill(fill + 3),
});

function scene(limits: { maxPerKey?: number; maxTotal?: number } = {}) {
  const blocks: Uint8Array[] = [];
  const clock = { now: 1_000 };
  const pool = new PresignaturePool(
    { maxPerKey: 8, maxTotal: 16, maxAgeMs: 100, ...limits },
    {
      now: () => clock.now,
      secretMemory: (length) => {
        const block = new Uint8Array(length);
        blocks.push(block);
        return block;
      },
    },
  );
  const keep = (fill: number, of: PresignatureFor = what): void => {
    const place = pool.place(of);
    place.fill(id(fill), parts(fill));
    place.keep();
    place.release();
  };
  const empty = (): boolean => blocks.every((block) => block.every((byte) => byte === 0));
  return { pool, clock, keep, empty };
}

test('T13: given a presignature, when it is taken, then it is out of the pool, wiped there, and never taken again', () => {
  const { pool, keep, empty } = scene();
  keep(10);
  const reserved = pool.reserve(id(10), what);
  assert.deepEqual(pool.list(what.key, what.nodes, 64), [], 'another session does not see it');
  assert.throws(() => pool.reserve(id(10), what), refusal('presignature/absent', { key: what.key }));
  assert.deepEqual(reserved.take(), parts(10));
  assert.ok(empty());
  assert.throws(() => reserved.take(), refusal('presignature/absent'));
  reserved.restore();
  reserved.release();
  assert.throws(() => pool.reserve(id(10), what), refusal('presignature/absent'));
});

test('T12: given a session that dies, when it had a presignature for itself, then that is gone; without a session it is back', () => {
  const { pool, keep, empty } = scene();
  keep(10);
  pool.reserve(id(10), what).restore();
  const reserved = pool.reserve(id(10), what);
  reserved.release();
  assert.ok(empty());
  assert.throws(() => reserved.take(), refusal('presignature/absent'));
  assert.throws(() => pool.reserve(id(10), what), refusal('presignature/absent'));
});

test('T16: given a presignature that is not confirmed, when its session ends, then it is gone, and was never to be used', () => {
  const { pool, empty } = scene();
  const place = pool.place(what);
  place.fill(id(10), parts(10));
  assert.deepEqual(pool.list(what.key, what.nodes, 64), []);
  assert.equal(pool.counts(8).total, 0);
  assert.throws(() => pool.reserve(id(10), what), refusal('presignature/absent'));
  place.release();
  assert.ok(empty());
  // A session that ended while its last step was under way.
  place.fill(id(10), parts(10));
  place.keep();
  assert.ok(empty());
});

test('T12: given another key, other shares or another set of signers, when a presignature is asked for, then it is not there', () => {
  const { pool, keep } = scene();
  keep(10);
  for (const other of [
    { ...what, key: 'b'.repeat(32) },
    { ...what, shares: '02' },
    { ...what, nodes: ['node-1', 'node-3'] },
    { ...what, nodes: ['node-1', 'node-2', 'node-3'] },
  ]) {
    assert.throws(() => pool.reserve(id(10), other), refusal('presignature/absent'));
  }
  assert.throws(() => pool.reserve(id(11), what), refusal('presignature/absent'));
  pool.reserve(id(10), what).take();
});

test('T12: given what ends presignatures, when it happens, then those are wiped and the others stay', () => {
  const { pool, keep } = scene();
  keep(10);
  keep(20, { ...what, key: 'b'.repeat(32) });
  keep(30, { ...what, nodes: ['node-1', 'node-3'] });
  const reserved = pool.reserve(id(10), what);
  assert.equal(
    pool.drop(({ key }) => key === what.key),
    2,
  );
  assert.throws(() => reserved.take(), refusal('presignature/absent'));
  assert.equal(pool.counts(8).total, 1);
  assert.equal(
    pool.drop(({ nodes }) => nodes.includes('node-2')),
    1,
  );
  assert.equal(pool.counts(8).total, 0);
});

test('T12: given a presignature over its age, when it is looked for, then it is gone', () => {
  const { pool, clock, keep, empty } = scene();
  keep(10);
  clock.now += 99;
  assert.equal(pool.list(what.key, what.nodes, 64).length, 1);
  clock.now += 1;
  assert.deepEqual(pool.list(what.key, what.nodes, 64), []);
  assert.throws(() => pool.reserve(id(10), what), refusal('presignature/absent'));
  assert.ok(empty());
});

test('T43: given as many presignatures and places as may be, when one more is to be made, then it is refused until one goes', () => {
  const { pool, keep } = scene({ maxPerKey: 2, maxTotal: 3 });
  keep(10);
  const place = pool.place(what);
  assert.throws(() => pool.place(what), refusal('presignature/full', { limit: 2 }));
  keep(20, { ...what, key: 'b'.repeat(32) });
  assert.throws(
    () => pool.place({ ...what, key: 'c'.repeat(32) }),
    refusal('presignature/full', { limit: 3 }),
  );
  place.release();
  place.release();
  pool.place(what).release();
  pool.reserve(id(10), what).take();
  const places = [pool.place(what), pool.place(what)];
  assert.throws(() => pool.place(what), refusal('presignature/full', { limit: 2 }));
  for (const one of places) {
    one.release();
  }
});

test('given presignatures of several keys and sets, when they are counted, then the fullest come first, the oldest are listed first', () => {
  const { pool, keep, empty } = scene();
  const other = { ...what, nodes: ['node-2', 'node-3'] };
  keep(20, other);
  keep(10);
  keep(11);
  assert.deepEqual(pool.counts(8), {
    total: 3,
    pools: [
      { key: what.key, nodes: [...what.nodes], count: 2 },
      { key: what.key, nodes: [...other.nodes], count: 1 },
    ],
  });
  assert.equal(pool.counts(1).pools.length, 1);
  assert.deepEqual(pool.list(what.key, what.nodes, 64), [id(10), id(11)]);
  assert.deepEqual(pool.list(what.key, what.nodes, 1), [id(10)]);
  pool.wipe();
  assert.ok(empty());
  assert.equal(pool.counts(8).total, 0);
});

test('given many presignatures one after the other, when they are used, then the memory for them is used again', () => {
  let blocks = 0;
  const pool = new PresignaturePool(
    { maxPerKey: 8, maxTotal: 16, maxAgeMs: 100 },
    {
      now: () => 0,
      secretMemory: (length) => {
        blocks += 1;
        return new Uint8Array(length);
      },
    },
  );
  for (let i = 0; i < 200; i += 1) {
    const place = pool.place(what);
    place.fill(id(i), parts(1));
    place.keep();
    pool.reserve(id(i), what).take();
  }
  assert.equal(blocks, 1);
});
