import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { fillStore } from '../testing/bulkStore.ts';
import { crashAt, failAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { nextGeneration, random, sampleCluster, sampleKey, type SampleKey } from '../testing/sampleKey.ts';
import { openKeystore, type Keystore } from './keystore.ts';
import { fileOf } from './records.ts';

const key = sampleKey();
const hsm = memoryHsm('0001', random);
const open = (folder: string, files: Files): Promise<Keystore> =>
  openKeystore({ folder, cluster: sampleCluster, node: 'node-1' }, { files, hsm, random, now: () => 1 });

/** First start, put, activate: what was acknowledged before the disk gave up. */
async function life(folder: string, files: Files): Promise<'nothing' | 'opened' | 'pending' | 'active'> {
  let reached: 'nothing' | 'opened' | 'pending' | 'active' = 'nothing';
  try {
    const store = await open(folder, files);
    reached = 'opened';
    await store.putPending(key.pending(0));
    reached = 'pending';
    await store.activate(key.id, key.confirmations());
    reached = 'active';
  } catch (error) {
    refusal('store/write-failed')(error);
  }
  return reached;
}

test('T21: given a crash at every step of first start, putPending and activate, when the node starts, then nothing acknowledged is lost and nothing is half-made', async (t) => {
  const states = new Set<string>();
  for (let step = 1; ; step += 1) {
    const folder = join(await testFolder(t), 'store');
    const faults = crashAt(step);
    const reached = await life(folder, faults.files);
    await faults.settle();
    const store = await open(folder, nodeFiles());
    const { kind } = await store.open(key.id);
    const at = `step ${step}, acknowledged ${reached}, found ${kind}`;
    assert.deepEqual(store.broken(), [], at);
    assert.ok(kind === 'absent' || kind === 'pending' || kind === 'active', at);
    assert.ok(reached !== 'pending' || kind !== 'absent', at);
    assert.ok(reached !== 'active' || kind === 'active', at);
    assert.ok(kind !== 'active' || reached === 'pending' || reached === 'active', at);
    states.add(`${reached} ${kind}`);
    // The start explains itself: a temporary file is either there and named, or not there.
    const left = (await readdir(folder)).filter((name) => name.startsWith('.tmp-'));
    assert.deepEqual(left, [], at);
    // And goes on: what was not reached can be done now.
    if (kind === 'absent') {
      await store.putPending(key.pending(0));
    }
    await store.activate(key.id, key.confirmations());
    const found = await store.open(key.id);
    assert.equal(found.kind, 'active', at);
    assert.deepEqual(found.share.secret, key.shares[0]?.secret, at);
    await store.close();
    if (!faults.struck()) {
      break;
    }
  }
  assert.ok(states.has('opened absent') && states.has('opened pending') && states.has('pending active'));
});

test('given a disk that refuses one step, when the caller tries again, then the store goes on without a restart', async (t) => {
  for (let step = 3; ; step += 1) {
    const folder = join(await testFolder(t), 'store');
    const faults = failAt(step);
    const store = await open(folder, faults.files);
    const put = () => store.putPending(key.pending(0));
    await put().catch(put).catch(refusal('store/key-exists'));
    const activate = () => store.activate(key.id, key.confirmations());
    await activate().catch(activate);
    assert.equal((await store.open(key.id)).kind, 'active', `step ${step}`);
    await store.close();
    const again = await open(folder, nodeFiles());
    assert.equal((await again.open(key.id)).kind, 'active', `step ${step}`);
    assert.deepEqual(again.broken(), [], `step ${step}`);
    if (!faults.struck()) {
      break;
    }
  }
});

const [low, high] = [1, 2].map((fill) => nextGeneration(key, { session: new Uint8Array(32).fill(fill) }));
assert.ok(low && high);
const leaving = nextGeneration(key, { participants: [2, 3, 4] });

/** A store in which the key is active, written without faults; closed. */
async function activeStore(t: TestContext): Promise<string> {
  const folder = join(await testFolder(t), 'store');
  await fillStore(folder, hsm, [key]);
  return folder;
}
/** Takes the steps in order; the name of the last one that was acknowledged. */
async function until(
  folder: string,
  files: Files,
  steps: readonly (readonly [string, (store: Keystore) => Promise<unknown>])[],
): Promise<string> {
  let reached = 'nothing';
  try {
    const store = await open(folder, files);
    for (const [name, step] of steps) {
      await step(store);
      reached = name;
    }
  } catch (error) {
    refusal('store/write-failed')(error);
  }
  return reached;
}
const filesOf = (of: SampleKey): string[] => [fileOf(of.place(), 'record'), fileOf(of.place(), 'proof')];

test('T20, T21: given a crash at every step of two refreshes, when the node starts, then one whole generation signs, nothing acknowledged is lost and nothing older is left', async (t) => {
  const states = new Set<string>();
  for (let step = 1; ; step += 1) {
    const folder = await activeStore(t);
    const faults = crashAt(step);
    const reached: string = await until(folder, faults.files, [
      ['low stored', (store) => store.putPending(low.pending(0))],
      ['both stored', (store) => store.putPending(high.pending(0))],
      ['low active', (store) => store.activate(key.id, low.confirmations())],
      ['high active', (store) => store.activate(key.id, high.confirmations())],
    ]);
    await faults.settle();
    const store = await open(folder, nodeFiles());
    const found = await store.open(key.id);
    assert.equal(found.kind, 'active', `step ${step}, acknowledged ${reached}`);
    const which: SampleKey | undefined = [key, low, high].find((one) =>
      Buffer.from(one.session).equals(found.record.session),
    );
    const name: string = which === key ? 'old' : which === low ? 'low' : 'high';
    const at = `step ${step}, acknowledged ${reached}, found ${name}`;
    states.add(`${reached}: ${name}`);
    assert.deepEqual(found.share.secret, which?.shares[0]?.secret, at);
    assert.deepEqual(store.broken(), [], at);
    assert.ok(reached !== 'low active' || name !== 'old', at);
    assert.ok(reached !== 'high active' || name === 'high', at);
    assert.ok(
      name === 'old' || reached === 'both stored' || reached === 'low active' || reached === 'high active',
      at,
    );
    // What the active generation supersedes is gone, with every rest of a write.
    const left = await readdir(folder);
    const older = name === 'old' ? [] : [...filesOf(key), ...(name === 'high' ? filesOf(low) : [])];
    assert.ok(
      !left.some((file) => older.includes(file) || file.startsWith('.tmp-')),
      `${at}: ${left.join(' ')}`,
    );
    // A stored candidate that nothing superseded can still be activated; if it was not stored, it is stored now.
    if (!left.includes(fileOf(high.place(), 'record'))) {
      assert.ok(reached === 'nothing' || reached === 'low stored', at);
      await store.putPending(high.pending(0));
    }
    await store.activate(key.id, high.confirmations());
    const last = await store.open(key.id);
    assert.equal(last.kind, 'active', at);
    assert.deepEqual(last.share.secret, high.shares[0]?.secret, at);
    assert.deepEqual((await readdir(folder)).sort(), filesOf(high).sort(), at);
    await store.close();
    if (!faults.struck()) {
      break;
    }
  }
  for (const wanted of ['low stored: old', 'both stored: old', 'both stored: low', 'low active: high']) {
    assert.ok(states.has(wanted), `never seen: ${wanted}`);
  }
});

test('T21, T22: given a crash at every step of a departure, when the node starts, then its share is there until the departure is final, and never both gone', async (t) => {
  const states = new Set<string>();
  const place = leaving.place('departure');
  for (let step = 1; ; step += 1) {
    const folder = await activeStore(t);
    const faults = crashAt(step);
    const reached: string = await until(folder, faults.files, [
      ['stored', (store) => store.putDeparture(leaving.departure())],
      ['departed', (store) => store.activate(key.id, leaving.confirmations())],
    ]);
    await faults.settle();
    const store = await open(folder, nodeFiles());
    const found = await store.open(key.id);
    const at = `step ${step}, acknowledged ${reached}, found ${found.kind}`;
    states.add(`${reached}: ${found.kind}`);
    assert.deepEqual(store.broken(), [], at);
    if (found.kind === 'active') {
      assert.notEqual(reached, 'departed', at);
      assert.deepEqual(found.share.secret, key.shares[0]?.secret, at);
      if (!(await readdir(folder)).includes(fileOf(place, 'record'))) {
        assert.equal(reached, 'nothing', at);
        await store.putDeparture(leaving.departure());
      }
    } else {
      assert.equal(found.kind, 'departed', at);
      assert.notEqual(reached, 'nothing', at);
    }
    await store.activate(key.id, leaving.confirmations());
    assert.equal((await store.open(key.id)).kind, 'departed', at);
    assert.deepEqual(
      (await readdir(folder)).sort(),
      [fileOf(place, 'record'), fileOf(place, 'proof')].sort(),
      at,
    );
    await store.close();
    if (!faults.struck()) {
      break;
    }
  }
  for (const wanted of ['nothing: active', 'stored: active', 'stored: departed', 'departed: departed']) {
    assert.ok(states.has(wanted), `never seen: ${wanted}`);
  }
});

test('T21: given a disk that refuses one step of a refresh, when the caller tries again, then the store goes on without a restart', async (t) => {
  for (let step = 1; ; step += 1) {
    const folder = await activeStore(t);
    const faults = failAt(step);
    const store = await open(folder, faults.files);
    const put = () => store.putPending(low.pending(0));
    await put().catch(put);
    const before = await store.open(key.id);
    assert.ok(before.kind === 'active' && before.info.generation === 1, `step ${step}`);
    const activate = () => store.activate(key.id, low.confirmations());
    await activate().catch(activate);
    const after = await store.open(key.id);
    assert.ok(after.kind === 'active' && after.info.generation === 2, `step ${step}`);
    assert.deepEqual((await readdir(folder)).sort(), filesOf(low).sort(), `step ${step}`);
    await store.close();
    if (!faults.struck()) {
      break;
    }
  }
});
