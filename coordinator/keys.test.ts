/** What nodes say of keys is believed only where enough holders say all of it alike. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { encodeKeyPublic } from '../threshold/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import type { KeyInfo, NodeStatus } from '../wire/messages/node.ts';
import { agreedKey, generationsOf, KeyDirectory, storedOf } from './keys.ts';
import type { NodeView } from './nodes/nodeSet.ts';
import { memoryStore } from './testing/memoryStore.ts';

const names = ['node-1', 'node-2', 'node-3'];
const made = sampleKey();
const [share] = made.shares;
assert.ok(share !== undefined);
const info = (change: Partial<KeyInfo> = {}): KeyInfo => ({
  id: made.id,
  state: 'active',
  scheme: 'frost-ed25519',
  purpose: 'treasury',
  label: 'main',
  threshold: 2,
  nodes: names,
  generation: share.public.generation,
  createdAt: 1,
  groupPublicKey: share.public.groupPublicKey,
  public: encodeKeyPublic(share.public),
  ...change,
});
const view = (name: string, key: KeyInfo): NodeView => ({
  name,
  state: 'up',
  reason: undefined,
  since: 0,
  lastSeenAt: 0,
  verified: undefined,
  status: undefined,
  keys: new Map([[key.id, key]]),
  latencyMs: 1,
  clockSkewMs: 0,
  renews: false,
});
const manifest = { ...sampleManifest(), cluster: sampleCluster };

async function adopted(...said: readonly (readonly [string, KeyInfo])[]): Promise<KeyDirectory> {
  const views = said.map(([name, key]) => view(name, key));
  const keys = new KeyDirectory({
    store: memoryStore(),
    nodes: { views: () => views },
    manifest: () => manifest,
  });
  await keys.adopt();
  return keys;
}

const lies: readonly Partial<KeyInfo>[] = [
  { nodes: ['node-1', 'node-4', 'node-5'] },
  { label: 'cold storage' },
  { public: encodeKeyPublic({ ...share.public, chainCode: new Uint8Array(32).fill(9) }) },
];
for (const lie of lies) {
  const [what = ''] = Object.keys(lie);
  test(`given a node that lies about ${what} and answers first, when a key is adopted, then it is as the honest ones say`, async () => {
    const keys = await adopted(['node-1', info(lie)], ['node-2', info()], ['node-3', info({ createdAt: 2 })]);
    const found = keys.find(made.id);
    assert.deepEqual(found?.nodes, names);
    assert.equal(found.label, 'main');
    assert.deepEqual(found.public, info().public);
    // One honest node and a liar are too few.
    assert.equal((await adopted(['node-1', info(lie)], ['node-2', info()])).find(made.id), undefined);
  });
}

test('what nodes say of a key that they do not hold counts for nothing', async () => {
  const keys = await adopted(['node-4', info()], ['node-5', info()], ['node-1', info()]);
  assert.equal(keys.find(made.id), undefined);
});

test('given a node that lies about a new key, then the ceremony names it, whoever answers first', async () => {
  const asked = {
    scheme: 'frost-ed25519',
    threshold: 2,
    nodes: names,
    purpose: 'treasury',
    label: 'main',
  } as const;
  const agree = (liar: string, lie: Partial<KeyInfo>): ReturnType<typeof agreedKey> =>
    agreedKey(made.id, asked, {
      nodes: {
        refresh: () => Promise.resolve(),
        view: (name) => view(name, info(name === liar ? lie : {})),
      },
      cluster: sampleCluster,
    });
  assert.deepEqual((await agree('', {})).nodes, names);
  for (const lie of [{ nodes: ['node-1', 'node-4', 'node-5'] }, { label: 'x' }, { purpose: 'other' }]) {
    for (const liar of names) {
      await assert.rejects(agree(liar, lie), (error: unknown) => {
        assert.ok(isSymbolonError(error, 'coordinator/key-disagrees'));
        assert.equal(error.facts.node, liar);
        return true;
      });
    }
  }
});

/** Everything public of the sample key in its next generation. */
const nextPublic = (chainCode = share.public.chainCode): Uint8Array =>
  encodeKeyPublic({ ...share.public, generation: share.public.generation + 1, chainCode });
const nextInfo = (change: Partial<KeyInfo> = {}): KeyInfo =>
  info({ generation: share.public.generation + 1, public: nextPublic(), ...change });

/** A directory that knows the key, with what the nodes say now. */
async function knowing(
  renewing: boolean,
  ...said: readonly (readonly [string, KeyInfo])[]
): Promise<{ readonly keys: KeyDirectory; readonly refused: string[] }> {
  const store = memoryStore();
  await store.addKey({ ...storedOf(info()), state: 'active' });
  if (renewing) {
    const { generation, threshold, nodes } = nextInfo();
    const renewal = { generation, threshold, nodes, confirmations: new Uint8Array(), told: nodes };
    await store.addRenewal({ key: made.id, ...renewal }, { id: '', outcome: '', at: 0 });
  }
  const refused: string[] = [];
  const views = said.map(([name, one]) => view(name, one));
  const keys = new KeyDirectory({
    store,
    nodes: { views: () => views },
    manifest: () => manifest,
    refused: (_key, { code }) => {
      refused.push(code);
    },
  });
  await keys.load();
  await keys.adopt();
  return { keys, refused };
}

test('T20: given a renewal under way, then the next generation signs beside the present one once enough nodes have it', async () => {
  const one = await knowing(true, ['node-1', nextInfo()], ['node-2', info()]);
  assert.equal(one.keys.get(made.id).next, undefined);
  const two = await knowing(true, ['node-1', nextInfo()], ['node-2', nextInfo()], ['node-3', info()]);
  const key = two.keys.get(made.id);
  assert.deepEqual([key.generation, key.next?.generation], [1, 2]);
  assert.deepEqual(
    generationsOf(key).map(({ generation }) => generation),
    [2, 1],
  );
  assert.equal(await two.keys.applyNext(made.id), true);
  assert.deepEqual([two.keys.get(made.id).generation, two.keys.get(made.id).next], [2, undefined]);
});

test('T41: given nodes that tell of a next generation with another chain code, holders or threshold, then it is refused', async () => {
  const lies = [
    nextInfo({ public: nextPublic(new Uint8Array(32).fill(9)) }),
    nextInfo({ label: 'other' }),
    nextInfo({ nodes: ['node-1', 'node-2', 'node-4'] }),
  ];
  for (const lie of lies) {
    const { keys, refused } = await knowing(true, ['node-1', lie], ['node-2', lie]);
    const key = keys.get(made.id);
    assert.deepEqual([key.generation, key.next], [1, undefined]);
    assert.deepEqual(refused, ['coordinator/key-disagrees']);
    assert.equal(await keys.applyNext(made.id), false);
  }
});

test('T28: given nodes that tell of a generation that nobody asked for here, then it counts where the known one is really over', async () => {
  const status = { phase: 'ready' } as NodeStatus;
  const ready = (name: string, one: KeyInfo): NodeView => ({ ...view(name, one), status });
  const told = async (...views: NodeView[]): Promise<number> => {
    const store = memoryStore();
    await store.addKey({ ...storedOf(info()), state: 'active' });
    const keys = new KeyDirectory({ store, nodes: { views: () => views }, manifest: () => manifest });
    await keys.load();
    await keys.adopt();
    return keys.get(made.id).generation;
  };
  // Two of three do not have the known one any more: it can't sign.
  assert.equal(await told(ready('node-1', nextInfo()), ready('node-2', nextInfo())), 2);
  // Two that may be liars, in a group of which three sign: the known one stays.
  const [one = new Uint8Array()] = share.public.verifyingShares.values();
  const theirs = encodeKeyPublic({
    ...share.public,
    generation: share.public.generation + 1,
    participants: [4, 5],
    verifyingShares: new Map([4, 5].map((index) => [index, one])),
  });
  const lie = nextInfo({ nodes: ['node-4', 'node-5'], public: theirs });
  const liars = [ready('node-4', lie), ready('node-5', lie)];
  assert.equal(await told(...liars), 1);
  assert.equal(await told(...liars, ready('node-1', info()), ready('node-2', info())), 1);
  // With one holder on their side two are left that sign as before.
  assert.equal(await told(...liars, ready('node-1', lie)), 1);
});
