import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster, sampleKey } from '../testing/sampleKey.ts';
import { keyStored, type Envelope } from '../../wire/messages/session.ts';
import { openKeystore, type Keystore } from './keystore.ts';
import { fileOf } from './records.ts';

const key = sampleKey();
const twin = sampleKey();
const hsm = memoryHsm('0001', random);
const modules = { files: nodeFiles(), hsm, random, now: () => 1 };
const reopen = (folder: string): Promise<Keystore> =>
  openKeystore({ folder, cluster: sampleCluster, node: 'node-1' }, modules);

async function pending(t: TestContext): Promise<{ folder: string; store: Keystore }> {
  const folder = join(await testFolder(t), 'store');
  const store = await reopen(folder);
  await store.putPending(key.pending(0));
  return { folder, store };
}

const [one, two, three] = key.confirmations();
assert.ok(one && two && three);
const replace = (i: number, by: Envelope): Envelope[] =>
  [one, two, three].map((envelope, at) => (at === i ? by : envelope));
const elsewhere = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const otherPayload = keyStored.encode({ v: 1, stored: key.id, generation: 2 });

const forged: readonly [name: string, confirmations: readonly Envelope[], holder: string][] = [
  ['none', [], 'node-1'],
  ['one holder missing', [one, two], 'node-3'],
  ['own confirmation missing', [two, three], 'node-1'],
  ['T23: one holder twice in place of another', [one, two, two], 'node-2'],
  ['a stranger beside all', [one, two, three, { ...three, from: 'node-4' }], 'unknown'],
  ['T24: another session', replace(1, key.confirmation(1, { session: elsewhere(1) })), 'node-2'],
  ['T24: another round', replace(1, key.confirmation(1, { round: 3 })), 'node-2'],
  ['T16: another transcript', replace(1, key.confirmation(1, { transcript: elsewhere(2) })), 'node-2'],
  ['another generation confirmed', replace(2, key.confirmation(2, { payload: otherPayload })), 'node-3'],
  ['another holder under this name', replace(1, { ...three, from: 'node-2' }), 'node-2'],
  ['the key of another session', replace(1, twin.confirmation(1)), 'node-2'],
  ['a pairwise message', replace(1, { ...two, to: 'node-1' }), 'node-2'],
  ['a signature changed', replace(1, { ...two, signature: elsewhere(3) }), 'node-2'],
];
for (const [name, confirmations, holder] of forged) {
  test(`given confirmations with ${name}, when activated, then refused by name and the key stays pending`, async (t) => {
    const { folder, store } = await pending(t);
    await assert.rejects(
      store.activate(key.id, confirmations),
      refusal('store/activation-refused', { holder }),
    );
    assert.equal((await store.open(key.id)).kind, 'pending');
    await store.close();
    assert.equal((await (await reopen(folder)).open(key.id)).kind, 'pending');
  });
}

test('given all confirmations in any order, when activated, then the key signs', async (t) => {
  const { store } = await pending(t);
  assert.equal((await store.activate(key.id, [three, one, two])).state, 'active');
});

test('given a key that is not here, when activated, then it is unknown', async (t) => {
  const { store } = await pending(t);
  await assert.rejects(store.activate(twin.id, twin.confirmations()), refusal('store/unknown-key'));
});

test('T28: given the activation of another key copied beside a pending one, when the node starts, then it proves nothing', async (t) => {
  const { folder, store } = await pending(t);
  await store.putPending(twin.pending(0));
  await store.activate(twin.id, twin.confirmations());
  await store.close();
  await copyFile(join(folder, fileOf(twin.place(), 'proof')), join(folder, fileOf(key.place(), 'proof')));
  const again = await reopen(folder);
  const found = await again.open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'store/activation-refused');
  assert.equal((await again.open(twin.id)).kind, 'active');
});
