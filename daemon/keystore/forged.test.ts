/** Records that were sealed well, by somebody who could ask the token or knew its public key. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { sealRecord } from '../../hsm/index.ts';
import type { KeyShare } from '../../threshold/index.ts';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { nextGeneration, random, sampleCluster, sampleKey, type SampleKey } from '../testing/sampleKey.ts';
import { openKeystore, type FoundKey, type Keystore } from './keystore.ts';
import { encodeOpenPart, fileOf } from './records.ts';

const key = sampleKey();
const other = sampleKey();
const hsm = memoryHsm('0001', random);
const files = nodeFiles();
const open = (folder: string, layer: Files = files): Promise<Keystore> =>
  openKeystore(
    { folder, cluster: sampleCluster, node: 'node-1' },
    { files: layer, hsm, random, now: () => 1 },
  );

/** A record of `of`, sealed for this node's token under the place `id` and `generation`. */
function forge(of: SampleKey, share: KeyShare, id = of.id, generation = 1): Promise<Uint8Array> {
  const record = { ...of.pending(0), id: of.id, public: share.public, index: 1, createdAt: 1 };
  const place = { cluster: sampleCluster, node: 'node-1', kind: 'key-share', subject: id, generation };
  return sealRecord(
    hsm,
    { ...place, open: encodeOpenPart(record, sampleCluster, 'node-1') },
    share.secret,
    random,
  );
}

async function found(t: TestContext, sealed: Uint8Array, id: string, generation = 1): Promise<FoundKey> {
  const folder = join(await testFolder(t), 'store');
  await files.makeFolder(folder);
  await files.replace(join(folder, fileOf({ id, generation, session: '', kind: 'share' }, 'record')), sealed);
  const store = await open(folder);
  return store.open(id);
}

const [own] = key.shares;
const [foreign] = other.shares;
assert.ok(own && foreign);
/** A share that somebody chose, under the group key of a genuine key: it fits itself and nobody else. */
const chosen: KeyShare = {
  ...own,
  public: {
    ...own.public,
    verifyingShares: new Map([
      ...own.public.verifyingShares,
      [1, foreign.public.verifyingShares.get(1) ?? assert.fail()],
    ]),
  },
  secret: foreign.secret,
};

test('T29: given a well-sealed record with another share, when the node starts, then its commitment refuses it', async (t) => {
  const result = await found(t, await forge(key, { ...own, secret: foreign.secret }), key.id);
  assert.equal(result.kind, 'broken');
  assert.equal(result.code, 'threshold/share-mismatch');
});

test('T28: given a well-sealed record of another key or generation under this place, when the node starts, then it is refused', async (t) => {
  for (const [sealed, id, generation] of [
    [await forge(other, foreign, key.id), key.id, 1],
    [await forge(key, own, key.id, 2), key.id, 2],
  ] as const) {
    const result = await found(t, sealed, id, generation);
    assert.equal(result.kind, 'broken');
    assert.equal(result.code, 'store/record-mismatch');
  }
});

test('given a chosen share under a genuine group key, when the node starts, then it is pending: it has no confirmations', async (t) => {
  assert.equal((await found(t, await forge(key, chosen), key.id)).kind, 'pending');
});

test('given a disk that gives back another record, when a key is stored, then nobody is told that it is stored', async (t) => {
  const sealed = await forge(key, chosen);
  const lying: Files = {
    read: () => Promise.resolve({ kind: 'value', bytes: sealed }),
    list: (folder) => files.list(folder),
    makeFolder: (folder) => files.makeFolder(folder),
    replace: (path, bytes) => files.replace(path, bytes),
    remove: (path) => files.remove(path),
    append: (path) => files.append(path),
  };
  const store = await open(join(await testFolder(t), 'store'), lying);
  await assert.rejects(store.putPending(key.pending(0)), refusal('store/record-mismatch'));
  assert.equal((await store.open(key.id)).kind, 'absent');
});

test('T21: given a disk that does not give the proof of a refresh back, when activated, then the old generation stays and signs', async (t) => {
  const folder = join(await testFolder(t), 'store');
  const next = nextGeneration(key);
  let lie = false;
  const forgetful: Files = {
    read: (path, maxBytes) =>
      lie && path.endsWith('.active') ? Promise.resolve({ kind: 'absent' }) : files.read(path, maxBytes),
    list: (path) => files.list(path),
    makeFolder: (path) => files.makeFolder(path),
    replace: (path, bytes) => files.replace(path, bytes),
    remove: (path) => files.remove(path),
    append: (path) => files.append(path),
  };
  const store = await open(folder, forgetful);
  await store.putPending(key.pending(0));
  await store.activate(key.id, key.confirmations());
  await store.putPending(next.pending(0));
  assert.equal((await store.open(key.id)).kind, 'active');
  lie = true;
  await assert.rejects(store.activate(key.id, next.confirmations()), refusal('store/write-failed'));
  lie = false;
  const result = await store.open(key.id);
  assert.ok(result.kind === 'active' && result.info.generation === 1);
  for (const part of ['record', 'proof'] as const) {
    assert.equal((await files.read(join(folder, fileOf(key.place(), part)), 65_536)).kind, 'value');
  }
});
