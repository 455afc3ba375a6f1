/** What is believed of presignatures, and when the nodes are asked. The nodes here are what they say; sessions are tried over real ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeStatus } from '../../wire/messages/node.ts';
import { noLog } from '../log.ts';
import type { Key } from '../keyFacts.ts';
import type { NodeClient } from '../nodes/nodeClient.ts';
import type { NodeView } from '../nodes/nodeSet.ts';
import { until } from '../testing/ecdsa.ts';
import { Pools } from './pools.ts';
import { Turn } from './turn.ts';

const set = ['node-1', 'node-2'];
const id = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const key = {
  id: 'a'.repeat(32),
  scheme: 'dkls23-secp256k1',
  state: 'active',
  generation: 1,
  threshold: 2,
  nodes: ['node-1', 'node-2', 'node-3'],
  next: undefined,
} as unknown as Key;

interface Made {
  readonly pools: Pools;
  /** Names of the nodes that were asked what they hold. */
  readonly asked: string[];
  now: number;
}

/** Pools over two nodes that hold `held`. */
function pools(held: Readonly<Record<string, Uint8Array[]>>): Made {
  const asked: string[] = [];
  const never = (): never => {
    throw new TypeError('not called');
  };
  const made: Made = {
    asked,
    now: 100_000,
    pools: new Pools(
      { perKey: 0, total: 0, keys: [] },
      {
        nodes: {
          views: () =>
            set.map((name) => {
              const count = held[name]?.length ?? 0;
              const listed = count === 0 ? [] : [{ key: key.id, nodes: set, count }];
              const status = { startedAt: 1, presignatures: { total: count, pools: listed } };
              return { name, state: 'up', status: status as unknown as NodeStatus } as NodeView;
            }),
          client: (name) =>
            ({
              presignatures: () => {
                asked.push(name);
                return Promise.resolve(held[name] ?? []);
              },
            }) as unknown as NodeClient,
          usableFor: () => set,
          refresh: never,
          blame: never,
        },
        key: () => key,
        own: { mayPresign: () => false, sign: never },
        whyApart: () => undefined,
        manifest: never,
        ceremony: never,
        turn: new Turn(),
        idle: () => true,
        now: () => made.now,
        log: noLog,
        onSession: never,
      },
    ),
  };
  return made;
}
const any = (): boolean => true;

test('what all nodes of a set hold can be used, the oldest first, each once', async () => {
  const made = pools({ 'node-1': [id(1), id(2), id(3)], 'node-2': [id(2), id(3), id(4)] });
  made.pools.begin();
  await until('asked', () => made.pools.list()[0]?.count === 2);
  assert.equal(
    made.pools.take(key, () => false),
    undefined,
  );
  assert.deepEqual(made.pools.take(key, any), { id: id(2), nodes: set });
  assert.deepEqual(made.pools.take(key, any)?.id, id(3));
  assert.equal(made.pools.take(key, any), undefined);
  await made.pools.stop();
});

test('T13: given nodes that still list what was taken, when they are asked again, then it is not given a second time', async () => {
  const held = { 'node-1': [id(1), id(2)], 'node-2': [id(1), id(2)] };
  const made = pools(held);
  made.pools.begin();
  await until('asked', () => made.pools.list()[0]?.count === 2);
  assert.deepEqual(made.pools.take(key, any)?.id, id(1));
  made.pools.doubt(key, set);
  assert.deepEqual(made.pools.list(), []);
  await until('asked again', () => made.pools.list().length > 0);
  assert.deepEqual(made.pools.take(key, any)?.id, id(2));
  assert.equal(made.pools.take(key, any), undefined);
  await made.pools.stop();
});

test('T20: a presignature of another generation is not given, and one of a key with new shares is gone', async () => {
  const made = pools({ 'node-1': [id(1)], 'node-2': [id(1)] });
  made.pools.begin();
  await until('asked', () => made.pools.list()[0]?.count === 1);
  assert.equal(made.pools.take({ ...key, generation: 2 }, any), undefined);
  Object.assign(key, { generation: 2 });
  assert.deepEqual(made.pools.list(), []);
  Object.assign(key, { generation: 1 });
  await made.pools.stop();
});

test('given nodes that say what is believed here, then they are not asked; given others, then again after a while', async () => {
  const held = { 'node-1': [id(1)], 'node-2': [id(1)] };
  const made = pools(held);
  made.pools.begin();
  await until('asked', () => made.pools.list()[0]?.count === 1);
  const before = made.asked.length;
  made.pools.kick();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(made.asked.length, before);
  held['node-1'].push(id(2));
  held['node-2'].push(id(2));
  made.pools.kick();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(made.asked.length, before);
  made.now += 60_000;
  made.pools.kick();
  await until('asked again', () => made.pools.list()[0]?.count === 2);
  await made.pools.stop();
});
