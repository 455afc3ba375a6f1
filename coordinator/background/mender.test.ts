/** What one node has and another lacks is mended, whatever a third one says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { HeldKey } from '../nodes/keyReading.ts';
import type { NodeView } from '../nodes/nodeSet.ts';
import { Mender } from './mender.ts';

const idOf = (i: number): string => i.toString(16).padStart(32, '0');
const held = (generation: number, state: HeldKey['state'] = 'active'): HeldKey => ({
  state,
  code: undefined,
  generation,
  said: '',
});

/** Nodes of which each has the keys 1 to `count`, in these generations. */
function cluster(
  generations: Readonly<Record<string, HeldKey>>,
  {
    count = 1,
    slow,
    down = new Set<string>(),
  }: { readonly count?: number; readonly slow?: Promise<void>; readonly down?: ReadonlySet<string> } = {},
): {
  readonly mender: Mender;
  readonly of: (node: string, id?: string) => HeldKey | undefined;
  /** Calls for confirmations, by giver. */
  readonly asked: Map<string, number>;
  readonly pass: () => Promise<void>;
} {
  let now = 0;
  const ids = Array.from({ length: count }, (_, i) => idOf(i + 1));
  const tables = new Map(
    Object.entries(generations).map(([name, key]) => [name, new Map(ids.map((id) => [id, key]))]),
  );
  const asked = new Map<string, number>();
  const views = [...tables].map(([name, table]): NodeView => ({
    name,
    state: 'up',
    reason: undefined,
    since: 0,
    lastSeenAt: 0,
    verified: undefined,
    status: undefined,
    keys: { get: (id) => table.get(id), knows: () => true, isWhole: true },
    latencyMs: 1,
    clockSkewMs: 0,
    renews: false,
  }));
  const mender = new Mender({
    nodes: {
      views: () => views,
      ask: () => Promise.resolve(undefined),
      whyNotReady: (name) =>
        down.has(name) ? { code: 'coordinator/node-unreachable', sentence: '' } : undefined,
      client: (name) => ({
        confirmations: async () => {
          asked.set(name, (asked.get(name) ?? 0) + 1);
          if (name === 'liar') {
            await slow;
            const facts = { node: name, call: 'POST /v1/keys/confirmations', reason: 'none' };
            throw new SymbolonError('coordinator/node-answer', facts);
          }
          return [];
        },
        activate: (key) => {
          tables.get(name)?.set(key, held(2));
          return Promise.resolve();
        },
      }),
    },
    isPending: () => false,
    now: () => now,
    log: () => undefined,
  });
  mender.heard(ids);
  return {
    mender,
    of: (node, id = idOf(1)) => tables.get(node)?.get(id),
    asked,
    pass: () => {
      now += 3_600_000;
      return mender.mend();
    },
  };
}

test('given a node that lists a generation that never was, then what another one lacks is mended all the same', async () => {
  const of = cluster({
    liar: held(2 ** 32 - 1),
    'node-1': held(2),
    'node-2': held(1),
    'node-3': held(2, 'pending'),
  });
  await of.pass();
  assert.deepEqual([of.of('node-2')?.generation, of.of('node-3')?.state], [2, 'active']);
  const given = of.asked.get('node-1');
  // The liar's own are given up after six tries for each taker; nobody is asked for what nobody lacks any more.
  for (let i = 0; i < 10; i += 1) {
    await of.pass();
  }
  assert.deepEqual([of.asked.get('liar'), of.asked.get('node-1')], [18, given]);
});

test('given a liar that never ends its answer, then that holds up nothing of what others give', async () => {
  let release = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const of = cluster({ liar: held(2 ** 32 - 1), 'node-1': held(2), 'node-2': held(1) }, { slow, count: 70 });
  const pass = of.pass();
  for (let i = 0; i < 1_000; i += 1) {
    await Promise.resolve();
  }
  assert.equal(of.of('node-2', idOf(64))?.generation, 2);
  assert.equal(of.asked.get('liar'), 1);
  const stopped = of.mender.stop();
  release();
  await Promise.all([pass, stopped]);
});

test('given many keys of which a liar lists more than one pass tries, then those that others give are tried in each', async () => {
  const of = cluster({ liar: held(2 ** 32 - 1), 'node-1': held(2), 'node-2': held(1) }, { count: 200 });
  for (let i = 0; i < 4; i += 1) {
    await of.pass();
  }
  assert.equal(of.of('node-2', idOf(200))?.generation, 2);
  assert.equal(of.asked.get('node-1'), 200);
});

test('given a liar that lists a true generation and was given up, when a node that has it comes up, then that one is asked', async () => {
  const down = new Set(['node-1']);
  const of = cluster({ liar: held(2), 'node-1': held(2), 'node-2': held(1) }, { down });
  for (let i = 0; i < 8; i += 1) {
    await of.pass();
  }
  assert.deepEqual([of.asked.get('liar'), of.of('node-2')?.generation], [6, 1]);
  down.clear();
  await of.pass();
  assert.equal(of.of('node-2')?.generation, 2);
});
