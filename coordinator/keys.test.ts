/** What nodes say of keys is believed only where enough holders say all of it alike. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { encodeKeyPublic } from '../threshold/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import type { KeyInfo, NodeStatus } from '../wire/messages/node.ts';
import { agreedKey, generationsOf, saidOf, storedOf } from './keyFacts.ts';
import { KeyDirectory, type KeyDirectoryModules } from './keys.ts';
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
/** A node that said this of one key, and nothing of others yet. */
const view = (name: string, key: KeyInfo): NodeView => ({
  name,
  state: 'up',
  reason: undefined,
  since: 0,
  lastSeenAt: 0,
  verified: undefined,
  status: undefined,
  keys: {
    get: (id) =>
      id === key.id
        ? { state: key.state, code: key.code, generation: key.generation, said: saidOf(key) }
        : undefined,
    knows: (id) => id === key.id,
    isWhole: false,
  },
  latencyMs: 1,
  clockSkewMs: 0,
  renews: false,
});
const manifest = { ...sampleManifest(), cluster: sampleCluster };

type Said = readonly [node: NodeView, key: KeyInfo];

/** A directory over nodes that said all this, one after the other. */
async function told(
  said: readonly Said[],
  modules: Partial<KeyDirectoryModules> = {},
): Promise<KeyDirectory> {
  const heardOf = new Map<string, NodeView>();
  const keys = new KeyDirectory({
    store: memoryStore(),
    nodes: { view: (name) => heardOf.get(name), holds: () => true },
    manifest: () => manifest,
    ...modules,
  });
  await keys.load();
  for (const [node, key] of said) {
    heardOf.set(node.name, node);
    await keys.heard({ node: node.name, ids: [key.id], infos: [key], silence: false });
  }
  return keys;
}

const adopted = (...said: readonly (readonly [string, KeyInfo])[]): Promise<KeyDirectory> =>
  told(said.map(([name, key]) => [view(name, key), key]));

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

test('T28: given a store whose keys were changed, then they are told of by name, and refused where they are used', async () => {
  const store = memoryStore();
  const good = { ...storedOf(info()), state: 'active' } as const;
  const other = { ...good, id: 'f'.repeat(32) };
  const junk = { ...good, id: 'e'.repeat(32), public: Uint8Array.of(0xff) };
  await store.addKeys([good, other, junk]);
  const refused: string[] = [];
  const keys = await told([], {
    store,
    refused: (key, { code }) => {
      refused.push(`${key} ${code}`);
    },
  });
  await keys.check(() => Promise.resolve());
  assert.deepEqual(refused, [`${junk.id} wire/malformed-cbor`, `${other.id} coordinator/key-disagrees`]);
  assert.equal(keys.get(good.id).decoded.threshold, 2);
  assert.throws(
    () => keys.get(other.id).decoded,
    (error: unknown) => isSymbolonError(error, 'coordinator/key-disagrees'),
  );
  assert.throws(() => keys.get(junk.id).decoded);
});

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
      ask: (name) => Promise.resolve(info(name === liar ? lie : {})),
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
  await store.addKeys([{ ...storedOf(info()), state: 'active' }]);
  if (renewing) {
    const { generation, threshold, nodes } = nextInfo();
    const renewal = { generation, threshold, nodes, confirmations: new Uint8Array(), told: nodes };
    await store.addRenewal({ key: made.id, ...renewal }, { id: '', outcome: '', at: 0 });
  }
  const refused: string[] = [];
  const keys = await told(
    said.map(([name, one]) => [view(name, one), one]),
    {
      store,
      refused: (_key, { code }) => {
        refused.push(code);
      },
    },
  );
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
  const ready = (name: string, one: KeyInfo): Said => [{ ...view(name, one), status }, one];
  const generation = async (...said: Said[]): Promise<number> => {
    const store = memoryStore();
    await store.addKeys([{ ...storedOf(info()), state: 'active' }]);
    return (await told(said, { store })).get(made.id).generation;
  };
  // Two of three do not have the known one any more: it can't sign.
  assert.equal(await generation(ready('node-1', nextInfo()), ready('node-2', nextInfo())), 2);
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
  assert.equal(await generation(...liars), 1);
  assert.equal(await generation(...liars, ready('node-1', info()), ready('node-2', info())), 1);
  // With one holder on their side two are left that sign as before.
  assert.equal(await generation(...liars, ready('node-1', lie)), 1);
});
