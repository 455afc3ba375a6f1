/** What nodes say of keys is believed only where enough holders say all of it alike. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { encodeKeyPublic } from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import type { KeyInfo, NodeStatus } from '../wire/messages/node.ts';
import { agreedKey, generationsOf, KeyMaker, saidOf, storedOf } from './keyFacts.ts';
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
      manifest,
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

/** What one liar would like the key to be. */
const forgedInfo = (change: Partial<KeyInfo>): Partial<KeyInfo> => ({
  generation: 2 ** 32,
  public: encodeKeyPublic({ ...share.public, generation: 2 ** 32, chainCode: new Uint8Array(32).fill(9) }),
  ...change,
});

test('T28: given one node that names itself as several holders, then its word is one word: nothing is stored, nothing replaced', async () => {
  for (const nodes of [
    ['node-1', 'node-1'],
    ['node-1', 'node-1', 'node-2'],
  ]) {
    const lie = info(forgedInfo({ nodes }));
    const store = memoryStore();
    const refused: string[] = [];
    const keys = await told([[view('node-1', lie), lie]], { store, refused: (key) => refused.push(key) });
    // It is not even decoded: one liar's inventions cost nothing.
    assert.deepEqual([keys.size, await store.keys(), refused], [0, [], []]);
  }
  // Nor beside a known key, whose other holders do not have its generation at the moment.
  const store = memoryStore();
  await store.addKeys([{ ...storedOf(info()), state: 'active' }]);
  const ready = (name: string, one: KeyInfo): Said => [
    { ...view(name, one), status: { phase: 'ready' } as NodeStatus },
    one,
  ];
  const lie = info(forgedInfo({ nodes: ['node-1', 'node-1'] }));
  const gone = info({ state: 'pending' });
  const keys = await told([ready('node-2', gone), ready('node-3', gone), ready('node-1', lie)], { store });
  assert.equal(keys.get(made.id).generation, info().generation);
});

test('T28: given nodes that agree on holders that can be none, then that is refused by name', async () => {
  const [one = new Uint8Array()] = share.public.verifyingShares.values();
  const among = (indices: readonly number[]): Uint8Array =>
    encodeKeyPublic({
      ...share.public,
      participants: [...indices],
      verifyingShares: new Map(indices.map((index) => [index, one])),
    });
  const four = { nodes: [...names, 'node-4'], public: among([1, 2, 3, 4]) };
  const lies: readonly (readonly [what: string, lie: Partial<KeyInfo>])[] = [
    ['a holder twice', { nodes: ['node-1', 'node-2', 'node-2'] }],
    ['holders that are not sorted', { nodes: ['node-2', 'node-1', 'node-3'] }],
    ['a threshold of half of the holders', four],
    ['a holder whose index is no participant', { public: among([1, 2, 4]) }],
  ];
  for (const [what, lie] of lies) {
    const refused: string[] = [];
    const said = names.map((name): Said => [view(name, info(lie)), info(lie)]);
    const keys = await told(said, { refused: (_key, { code }) => refused.push(code) });
    assert.equal(keys.size, 0, what);
    assert.equal(refused[0], 'coordinator/key-disagrees', what);
  }
  // A holder that the manifest names no more is no reason to refuse the key.
  const left = { nodes: ['node-1', 'node-2', 'node-9'], public: among([1, 2, 3]) };
  assert.equal((await adopted(['node-1', info(left)], ['node-2', info(left)])).size, 1);
});

test('given a key that nodes told of before its ceremony ended, then what the ceremony says is what is kept', async () => {
  const store = memoryStore();
  const early = info({ public: encodeKeyPublic({ ...share.public, chainCode: new Uint8Array(32).fill(9) }) });
  const keys = await told(
    ['node-1', 'node-2'].map((name): Said => [view(name, early), early]),
    { store },
  );
  assert.deepEqual(keys.get(made.id).public, early.public);
  await keys.addPending(storedOf(info()), Uint8Array.of(1), { id: '', outcome: '', at: 0 });
  assert.deepEqual(
    (await store.keys()).map(({ public: raw, state }) => [raw, state]),
    [[info().public, 'pending']],
  );
  assert.deepEqual(keys.get(made.id).public, info().public);
  assert.deepEqual(keys.get(made.id).decoded.chainCode, share.public.chainCode);
});

test('T41: given a forged generation that was decoded first, then the honest one is decoded from its own bytes', () => {
  const maker = new KeyMaker(() => manifest);
  const forged = new Uint8Array(32).fill(9);
  const lie = { ...storedOf(nextInfo({ public: nextPublic(forged) })), state: 'active' } as const;
  const honest = { ...storedOf(nextInfo()), state: 'active' } as const;
  assert.deepEqual(maker.decoded(lie).chainCode, forged);
  assert.deepEqual(maker.decoded(honest).chainCode, share.public.chainCode);
  assert.deepEqual(maker.make(honest).decoded.chainCode, share.public.chainCode);
  // What was refused is refused again: no answer to other bytes stands in for the check.
  const other = { ...honest, public: share.public.chainCode };
  assert.throws(() => maker.decoded(other));
});

test('given a store that fails once, then the keys that nodes told of are taken in at the next call', async () => {
  const store = memoryStore();
  let fails = true;
  const keys = await told([], {
    store: {
      ...store,
      addKeys: (some) => {
        if (fails) {
          fails = false;
          return Promise.reject(new SymbolonError('coordinator/store-broken', { reason: 'add keys' }));
        }
        return store.addKeys(some);
      },
    },
    nodes: { view: (name) => view(name, info()), holds: () => true },
  });
  await assert.rejects(keys.heard({ node: 'node-1', ids: [made.id], infos: [info()], silence: false }));
  assert.equal(keys.size, 0);
  await keys.adopt();
  assert.deepEqual([keys.size, (await store.keys()).length], [1, 1]);
});

test('given a generation that waits until the known one is over, when the last holder says that it has it no more, then it is taken in', async () => {
  const store = memoryStore();
  await store.addKeys([{ ...storedOf(info()), state: 'active' }]);
  const [one = new Uint8Array()] = share.public.verifyingShares.values();
  const next = nextInfo({
    nodes: ['node-4', 'node-5', 'node-6'],
    public: encodeKeyPublic({
      ...share.public,
      generation: share.public.generation + 1,
      participants: [4, 5, 6],
      verifyingShares: new Map([4, 5, 6].map((index) => [index, one])),
    }),
  });
  const status = { phase: 'ready' } as NodeStatus;
  const views = new Map<string, NodeView>();
  const say = (name: string, key: KeyInfo): void => {
    views.set(name, { ...view(name, key), status });
  };
  say('node-4', next);
  say('node-5', next);
  say('node-1', info());
  const nodes = { view: (name: string) => views.get(name), holds: () => true };
  const keys = await told([], { store, nodes });
  await keys.heard({ node: 'node-5', ids: [made.id], infos: [next], silence: false });
  assert.equal(keys.get(made.id).generation, 1);
  for (const name of ['node-1', 'node-2']) {
    const gone = view(name, info());
    views.set(name, { ...gone, status, keys: { ...gone.keys, get: () => undefined } });
    await keys.heard({ node: name, ids: [made.id], infos: [], silence: false });
  }
  assert.equal(keys.get(made.id).generation, 2);
});
