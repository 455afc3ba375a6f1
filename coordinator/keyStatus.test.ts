/** Whether the keys can sign costs what their groups do, and says the same as a look at each of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { encodeKeyPublic } from '../threshold/index.ts';
import { KeyDirectory } from './keys.ts';
import { keysStatus, keySummary, type KeyStatusInput } from './keyStatus.ts';
import type { StoredKey } from './store/store.ts';
import { memoryStore } from './testing/memoryStore.ts';

const names = ['node-1', 'node-2', 'node-3'];
const [share] = sampleKey().shares;
assert.ok(share !== undefined);
const idOf = (i: number): string => i.toString(16).padStart(32, '0');
const keyOf = (i: number, change: Partial<StoredKey> = {}): StoredKey => ({
  id: idOf(i),
  scheme: 'frost-ed25519',
  purpose: 'treasury',
  label: `key ${i}`,
  threshold: 2,
  nodes: names,
  generation: 1,
  createdAt: i,
  public: encodeKeyPublic(share.public),
  state: 'active',
  ...change,
});
const ends = new Map([
  ['node-1', 100],
  ['node-2', 200],
  ['node-3', 300],
]);

/** A directory of these keys, over nodes that are up, and of which some lack some keys. */
async function directory(keys: readonly StoredKey[]): Promise<{
  readonly keys: KeyDirectory;
  readonly input: KeyStatusInput & { readonly pools: readonly [] };
  /** Names of nodes with ids of the keys that they lack. */
  readonly lacking: Map<string, Set<string>>;
  readonly lose: (node: string, id: string) => Promise<void>;
  /** How often it was asked who can sign with a key. */
  readonly asked: () => number;
}> {
  const store = memoryStore();
  await store.addKeys(keys);
  const lacking = new Map(names.map((name) => [name, new Set<string>()]));
  const holds = (name: string, { id }: { readonly id: string }): boolean =>
    lacking.get(name)?.has(id) !== true;
  const found = new KeyDirectory({
    store,
    nodes: { view: () => undefined, holds },
    manifest: () => ({ ...sampleManifest(), cluster: sampleCluster }),
  });
  await found.load();
  let asked = 0;
  return {
    keys: found,
    lacking,
    lose: async (node, id) => {
      lacking.get(node)?.add(id);
      await found.heard({ node, ids: [id], infos: [], silence: false });
    },
    input: {
      keys: found,
      nodes: {
        usableFor: (key) => {
          asked += 1;
          return key.nodes.filter((name) => holds(name, key));
        },
        whyNot: (name, key) =>
          holds(name, key) ? undefined : { code: 'coordinator/node-lacks-key', sentence: 'it lacks it' },
      },
      waitingFor: () => [],
      pairings: { whyApart: () => undefined },
      pools: [],
    },
    asked: () => asked,
  };
}

test('given 5,000 keys that stand alike, when it is asked whether they can sign, then one of them is looked at', async () => {
  const { input, asked } = await directory(Array.from({ length: 5_000 }, (_, i) => keyOf(i)));
  assert.deepEqual(keySummary(input, ends), { canSign: 'yes', until: 200, active: 5_000, stuck: 0 });
  assert.ok(asked() <= 2, `asked ${asked()} times`);
  const { body } = keysStatus(input, ends);
  assert.deepEqual(
    [body.total, body.active, body.pending, body.canSign, body.renewing],
    [5_000, 5_000, 0, 5_000, 0],
  );
  assert.equal(body.first.length, 100);
  assert.ok(asked() <= 300, `asked ${asked()} times`);
});

test('given keys that single nodes lack, then each is counted as it stands, and those that can not sign are shown first', async () => {
  const made = await directory(Array.from({ length: 300 }, (_, i) => keyOf(i)));
  await made.lose('node-1', idOf(250));
  assert.deepEqual(keySummary(made.input, ends), { canSign: 'degraded', until: 200, active: 300, stuck: 0 });
  await made.lose('node-2', idOf(299));
  await made.lose('node-3', idOf(299));
  assert.deepEqual(keySummary(made.input, ends), { canSign: 'no', until: 200, active: 300, stuck: 1 });
  const { body, summary } = keysStatus(made.input, ends);
  assert.deepEqual([body.canSign, summary.stuck], [299, 1]);
  const [stuck, spare, next] = body.first;
  assert.deepEqual(
    [stuck?.id, stuck?.canSign, stuck?.without.map(({ node }) => node)],
    [idOf(299), false, ['node-2', 'node-3']],
  );
  assert.deepEqual([spare?.id, spare?.canSign, spare?.with], [idOf(250), true, ['node-2', 'node-3']]);
  assert.deepEqual([next?.canSign, next?.without], [true, []]);
  // The nodes have them again.
  made.lacking.forEach((ids) => {
    ids.clear();
  });
  await made.keys.heard({ node: 'node-1', ids: [idOf(250)], infos: [], silence: false });
  await made.keys.heard({ node: 'node-2', ids: [], infos: [], silence: true });
  await made.keys.heard({ node: 'node-3', ids: [], infos: [], silence: true });
  assert.equal(keySummary(made.input, ends).canSign, 'yes');
});

test('given a node whose list turns out not to name keys, then they are told apart from those that it names', async () => {
  const made = await directory(Array.from({ length: 10 }, (_, i) => keyOf(i)));
  for (let i = 0; i < 4; i += 1) {
    made.lacking.get('node-1')?.add(idOf(i));
  }
  await made.keys.heard({ node: 'node-1', ids: [], infos: [], silence: true });
  assert.deepEqual(
    made.keys
      .groups()
      .map(({ ids }) => ids.size)
      .sort(),
    [4, 6],
  );
  assert.equal(keySummary(made.input, ends).canSign, 'degraded');
});

test('given keys of other holders, thresholds and states, then they are groups of their own, and pending ones do not count', async () => {
  const made = await directory([
    keyOf(1),
    keyOf(2, { nodes: ['node-1', 'node-2'] }),
    keyOf(3, { threshold: 3 }),
    keyOf(4, { scheme: 'dkls23-secp256k1' }),
    keyOf(5, { state: 'pending' }),
  ]);
  assert.equal(made.keys.groups().length, 4);
  assert.deepEqual(
    made.keys.changing().map(({ id }) => id),
    [idOf(5)],
  );
  const { summary, body } = keysStatus(made.input, ends);
  assert.deepEqual([body.total, body.active, body.pending], [5, 4, 1]);
  // Two of two and three of three have nobody to spare, and are whole.
  assert.deepEqual([summary.canSign, summary.until], ['yes', 100]);
  await made.keys.activate(idOf(5));
  assert.deepEqual([made.keys.changing().length, made.keys.groups().length], [0, 4]);
});

test('no active key is a no', async () => {
  const { input } = await directory([keyOf(5, { state: 'pending' })]);
  assert.deepEqual(keySummary(input, ends), { canSign: 'no', until: null, active: 0, stuck: 0 });
});

test('pages of keys are sorted by id, and each key is on one of them', async () => {
  const { keys } = await directory([7, 3, 9, 1, 5].map((i) => keyOf(i)));
  assert.deepEqual(
    keys.page('', 2).map(({ id }) => id),
    [idOf(1), idOf(3)],
  );
  assert.deepEqual(
    keys.page(idOf(3), 2).map(({ id }) => id),
    [idOf(5), idOf(7)],
  );
  // An id that is not there is a place all the same.
  assert.deepEqual(
    keys.page(idOf(6), 9).map(({ id }) => id),
    [idOf(7), idOf(9)],
  );
  assert.deepEqual(keys.page(idOf(9), 2), []);
});
