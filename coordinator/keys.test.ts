/** What nodes say of keys is believed only where enough holders say all of it alike. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { encodeKeyPublic } from '../threshold/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import type { KeyInfo } from '../wire/messages/node.ts';
import { agreedKey, KeyDirectory } from './keys.ts';
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
