import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { crashAt, failAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster, sampleKey } from '../testing/sampleKey.ts';
import { openKeystore, type Keystore } from './keystore.ts';

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
    const { kind } = store.find(key.id);
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
    const found = store.find(key.id);
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
    assert.equal(store.find(key.id).kind, 'active', `step ${step}`);
    await store.close();
    const again = await open(folder, nodeFiles());
    assert.equal(again.find(key.id).kind, 'active', `step ${step}`);
    assert.deepEqual(again.broken(), [], `step ${step}`);
    if (!faults.struck()) {
      break;
    }
  }
});
