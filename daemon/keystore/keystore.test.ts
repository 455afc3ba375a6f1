import assert from 'node:assert/strict';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { SymbolonError } from '../../wire/errors/index.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm, type MemoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster, sampleKey, type SampleKey } from '../testing/sampleKey.ts';
import { openKeystore, type Keystore } from './keystore.ts';
import { fileOf, type FilePart } from './records.ts';

const key = sampleKey();
const other = sampleKey('frost-secp256k1-tr');
const now = (): number => 1_795_000_000_000;
const hsm1 = memoryHsm('0001', random);
const files = nodeFiles();

const open = (folder: string, node = 'node-1', hsm: MemoryHsm = hsm1): Promise<Keystore> =>
  openKeystore({ folder, cluster: sampleCluster, node }, { files, hsm, random, now });
const pathOf = (folder: string, of: SampleKey, part: FilePart, generation = 1): string =>
  join(folder, fileOf({ ...of.place(), generation }, part));

/** A store of node-1 with an active key and a pending one; closed. */
async function filled(t: TestContext): Promise<string> {
  const folder = join(await testFolder(t), 'store');
  const store = await open(folder);
  await store.putPending(key.pending(0));
  await store.activate(key.id, key.confirmations());
  await store.putPending(other.pending(0));
  await store.close();
  return folder;
}

test('given no folder, when the store opens, then it is a first start with an empty store', async (t) => {
  const folder = join(await testFolder(t), 'store');
  const store = await open(folder);
  assert.equal(store.firstStart, true);
  assert.deepEqual(store.counts(), { active: 0, pending: 0, broken: 0 });
  assert.deepEqual(await store.open(key.id), { kind: 'absent' });
  await store.close();
  const again = await open(folder);
  assert.equal(again.firstStart, false);
});

test('T11: given a folder that is a file, a link, or writable by others, when it opens, then it is broken and never a first start', async (t) => {
  const base = await testFolder(t);
  const [file, link, wide] = ['file', 'link', 'wide'].map((name) => join(base, name));
  assert.ok(file && link && wide);
  await writeFile(file, '');
  await mkdir(wide);
  await symlink(wide, link);
  await chmod(wide, 0o777);
  for (const folder of [file, link, wide]) {
    await assert.rejects(open(folder), refusal('store/unusable'));
  }
  assert.deepEqual(await readdir(wide), []);
});

test('given no locked memory for the shares, when the store opens, then that is the refusal, and no key is called broken', async (t) => {
  const folder = await filled(t);
  const secretMemory = (wanted: number): never => {
    throw new SymbolonError('native/memlock-limit', { wanted, limit: 0 });
  };
  await assert.rejects(
    openKeystore(
      { folder, cluster: sampleCluster, node: 'node-1' },
      { files, hsm: hsm1, random, now, secretMemory },
    ),
    refusal('native/memlock-limit'),
  );
});

test('given a key generation, when stored, activated and read again, then the share is the same and was confirmed by all', async (t) => {
  const folder = join(await testFolder(t), 'store');
  const store = await open(folder);
  const info = await store.putPending(key.pending(0));
  assert.equal(info.state, 'pending');
  assert.equal(info.id, key.id);
  assert.equal((await store.open(key.id)).kind, 'pending');
  assert.equal((await store.activate(key.id, key.confirmations())).state, 'active');
  assert.equal((await store.activate(key.id, key.confirmations())).state, 'active');
  await store.close();
  const again = await open(folder);
  const found = await again.open(key.id);
  assert.equal(found.kind, 'active');
  assert.deepEqual(found.share.secret, key.shares[0]?.secret);
  assert.deepEqual(found.info.nodes, ['node-1', 'node-2', 'node-3']);
  assert.equal(found.record.index, 1);
  assert.deepEqual(again.broken(), []);
  await again.close();
  assert.ok(found.share.secret.every((byte) => byte === 0));
  await assert.rejects(again.open(key.id), refusal('store/closed'));
});

test('given a pending key after a crash, when the node starts, then it signs nothing and can still be activated', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  assert.equal((await store.open(other.id)).kind, 'pending');
  assert.deepEqual(store.counts(), { active: 1, pending: 1, broken: 0 });
  await store.activate(other.id, other.confirmations());
  assert.equal((await store.open(other.id)).kind, 'active');
});

test('given the same key and generation, when stored again, then it is refused and the first stays', async (t) => {
  const store = await open(await filled(t));
  await assert.rejects(store.putPending(key.pending(0)), refusal('store/key-exists', { generation: 1 }));
  assert.equal((await store.open(key.id)).kind, 'active');
});

test('T29: given a share that is not its commitment, when stored, then it is refused and nothing is written', async (t) => {
  const folder = join(await testFolder(t), 'store');
  const store = await open(folder);
  const [, second] = key.shares;
  assert.ok(second);
  const pending = key.pending(0);
  const share = { ...pending.share, secret: second.secret };
  await assert.rejects(store.putPending({ ...pending, share }), refusal('threshold/share-mismatch'));
  await assert.rejects(
    store.putPending({ ...pending, holders: pending.holders.slice(1) }),
    refusal('store/record-mismatch'),
  );
  await assert.rejects(store.putPending(key.pending(1)), refusal('store/record-mismatch'));
  assert.deepEqual(await readdir(folder), []);
});

test('T28: given the file of another node, when this node starts, then it is refused by name and the others go on', async (t) => {
  const folder = await filled(t);
  const foreign = join(await testFolder(t), 'store');
  const third = sampleKey();
  const node2 = await open(foreign, 'node-2', memoryHsm('0002', random));
  await node2.putPending(third.pending(1));
  await node2.close();
  await copyFile(pathOf(foreign, third, 'record'), pathOf(folder, third, 'record'));
  const store = await open(folder);
  const found = await store.open(third.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'hsm/record-other-node');
  assert.equal((await store.open(key.id)).kind, 'active');
  assert.deepEqual(store.counts(), { active: 1, pending: 1, broken: 1 });
  assert.deepEqual(
    store.broken().map(({ file, code }) => ({ file, code })),
    [{ file: fileOf(third.place(), 'record'), code: 'hsm/record-other-node' }],
  );
});

test('T28: given another token, when the node starts, then every record is refused by name', async (t) => {
  const store = await open(await filled(t), 'node-1', memoryHsm('0002', random));
  assert.deepEqual(
    (await store.list()).map(({ state, code }) => ({ state, code })),
    [1, 2].map(() => ({ state: 'broken', code: 'hsm/record-other-token' })),
  );
});

test('T28: given two records swapped, or one under another generation, when the node starts, then each is refused by name', async (t) => {
  const folder = await filled(t);
  const [a, b] = [pathOf(folder, key, 'record'), pathOf(folder, other, 'record')];
  await rename(a, `${a}.x`);
  await rename(b, a);
  await rename(`${a}.x`, b);
  await copyFile(b, pathOf(folder, sampleKey(), 'record', 7));
  const swapped = await open(folder);
  for (const id of [key.id, other.id]) {
    const found = await swapped.open(id);
    assert.equal(found.kind, 'broken');
    assert.equal(found.code, 'hsm/record-other-subject');
  }
  assert.equal(swapped.counts().broken, 3);
});

test('T20: given an old generation put back as a newer one, when the node starts, then the key is broken and does not fall back', async (t) => {
  const folder = await filled(t);
  await copyFile(pathOf(folder, key, 'record'), pathOf(folder, key, 'record', 2));
  await copyFile(pathOf(folder, key, 'proof'), pathOf(folder, key, 'proof', 2));
  const store = await open(folder);
  const found = await store.open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'hsm/record-other-generation');
  assert.equal(store.counts().active, 0);
});

test('T20: given a newer generation beside the old one, when found, then pending leaves the old and active replaces it', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const pending = key.pending(0);
  const share = { ...pending.share, public: { ...pending.share.public, generation: 2 } };
  await store.putPending({ ...pending, share });
  let found = await store.open(key.id);
  assert.equal(found.kind, 'active');
  assert.equal(found.info.generation, 1);
  // Confirmations of generation 1 say generation 1: they can't make generation 2 active.
  await assert.rejects(store.activate(key.id, key.confirmations()), refusal('store/activation-refused'));
  await store.close();
  await unlink(pathOf(folder, key, 'record', 2));
  const without = await open(folder);
  found = await without.open(key.id);
  assert.equal(found.kind, 'active');
});

test('T21: given a record that opens no more, when it is the newest generation, then the older one does not sign in its place', async (t) => {
  const folder = await filled(t);
  await writeFile(pathOf(folder, key, 'record', 2), 'junk', { mode: 0o600 });
  const found = await (await open(folder)).open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'hsm/record-broken');
  assert.equal(found.info, undefined);
});

test('given each byte of a sealed record changed, when the node starts, then the record is refused and no share is made up', async (t) => {
  const folder = await filled(t);
  const path = pathOf(folder, key, 'record');
  const genuine = await readFile(path);
  const codes = new Set<string>();
  for (let i = 0; i < genuine.length; i += 7) {
    const changed = Buffer.from(genuine);
    changed[i] = (changed[i] ?? 0) ^ 0x01;
    await writeFile(path, changed);
    const store = await open(folder);
    const found = await store.open(key.id);
    assert.equal(found.kind, 'broken', `byte ${i}`);
    codes.add(found.code);
    assert.equal((await store.open(other.id)).kind, 'pending');
    await store.close();
  }
  assert.ok([...codes].every((code) => code.startsWith('hsm/record-')));
  await writeFile(path, genuine);
  assert.equal((await (await open(folder)).open(key.id)).kind, 'active');
});

test('given each byte of an activation changed, when the node starts, then the key does not sign', async (t) => {
  const folder = await filled(t);
  const path = pathOf(folder, key, 'proof');
  const genuine = await readFile(path);
  for (let i = 0; i < genuine.length; i += 11) {
    const changed = Buffer.from(genuine);
    changed[i] = (changed[i] ?? 0) ^ 0x01;
    await writeFile(path, changed);
    const store = await open(folder);
    assert.equal((await store.open(key.id)).kind, 'broken', `byte ${i}`);
    await store.close();
  }
  // The record itself is sound: good confirmations repair the activation.
  const store = await open(folder);
  await store.activate(key.id, key.confirmations());
  assert.equal((await (await open(folder)).open(key.id)).kind, 'active');
});

test('given files that do not belong, when the node starts, then they are named and the keys go on', async (t) => {
  const folder = await filled(t);
  const sealed = pathOf(folder, key, 'record');
  const junk = ['notes.txt', `${key.id}.01.sealed`, `${key.id.toUpperCase()}.1.sealed`, 'b\u0007\u00e9ll'];
  for (const name of junk) {
    await copyFile(sealed, join(folder, name));
  }
  await writeFile(join(folder, '.tmp-left.1.1'), 'half');
  const store = await open(folder);
  assert.equal(store.counts().active, 1);
  assert.equal(store.counts().broken, junk.length);
  assert.ok(store.broken().every(({ code }) => code === 'store/unexpected-file'));
  assert.ok(store.broken().every(({ file }) => /^[\x21-\x7e]{1,80}$/.test(file)));
  assert.equal(store.recovered.length, 1);
  assert.ok(!(await readdir(folder)).includes('.tmp-left.1.1'));
});

test('given an activation without its record, or a record that others can write, when the node starts, then the key is broken', async (t) => {
  const folder = await filled(t);
  await unlink(pathOf(folder, key, 'record'));
  await chmod(pathOf(folder, other, 'record'), 0o666);
  const store = await open(folder);
  for (const id of [key.id, other.id]) {
    const found = await store.open(id);
    assert.equal(found.kind, 'broken');
    assert.equal(found.code, 'store/file-broken');
  }
});

test('given a token that is away, when the node starts, then the start fails by name and no record is called broken', async (t) => {
  const folder = await filled(t);
  const hsm = memoryHsm('0001', random);
  hsm.reachable = false;
  await assert.rejects(open(folder, 'node-1', hsm), refusal('hsm/unavailable'));
  hsm.reachable = true;
  assert.equal((await (await open(folder, 'node-1', hsm)).open(key.id)).kind, 'active');
});

test('given many keys, when listed, then pages follow each other in the order of ids', async (t) => {
  const store = await open(await filled(t));
  const third = sampleKey();
  await store.putPending(third.pending(0));
  const ids = [key.id, other.id, third.id].sort();
  assert.deepEqual(
    (await store.list()).map(({ id }) => id),
    ids,
  );
  assert.deepEqual(
    (await store.list(ids[0], 1)).map(({ id }) => id),
    [ids[1]],
  );
  assert.deepEqual(await store.list(ids[2]), []);
});

test('given concurrent writes, when they run, then one writer does them all', async (t) => {
  const folder = join(await testFolder(t), 'store');
  const store = await open(folder);
  const results = await Promise.allSettled([
    store.putPending(key.pending(0)),
    store.putPending(key.pending(0)),
    store.putPending(other.pending(0)),
    store.activate(key.id, key.confirmations()),
    store.activate(other.id, other.confirmations()),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  await store.close();
  assert.deepEqual((await open(folder)).counts(), { active: 2, pending: 0, broken: 0 });
});
