import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { crashAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster } from '../testing/sampleKey.ts';
import { openPairings, type Pairings } from './pairings.ts';

const hsm = memoryHsm('0001', random);
const open = (folder: string, files: Files): Promise<Pairings> =>
  openPairings({ folder, cluster: sampleCluster, node: 'node-1' }, { files, hsm, random, now: () => 1 });
const id = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const secretOf = (fill: number): Uint8Array => new Uint8Array(100).fill(fill);

const steps = ['nothing', 'opened', 'first', 'used', 'poisoned', 'second', 'renewed', 'closed'] as const;
type Step = (typeof steps)[number];
const reached = (at: Step, wanted: Step): boolean => steps.indexOf(at) >= steps.indexOf(wanted);

/** A life of a pairing: made, used, poisoned, made anew, renewed without poison, closed. What was acknowledged. */
async function life(folder: string, files: Files): Promise<{ at: Step; poisoning: boolean }> {
  let at: Step = 'nothing';
  let poisoning = false;
  try {
    const store = await open(folder, files);
    at = 'opened';
    await store.put('node-2', 2, id(1), secretOf(1));
    at = 'first';
    await store.beginUse();
    at = 'used';
    poisoning = true;
    await store.poison('node-2', id(1));
    at = 'poisoned';
    await store.put('node-2', 2, id(2), secretOf(2));
    at = 'second';
    await store.put('node-2', 2, id(3), secretOf(3));
    at = 'renewed';
    await store.close();
    at = 'closed';
  } catch (error) {
    refusal('store/write-failed')(error);
  }
  return { at, poisoning };
}

test('T15, T21: given a crash at every step of put, use, poison, renewal and close, when the node starts, then nothing acknowledged is lost and no poisoned pairing comes back', async (t) => {
  const seen = new Set<string>();
  for (let step = 1; ; step += 1) {
    const folder = join(await testFolder(t), 'pairings');
    const faults = crashAt(step);
    const { at, poisoning } = await life(folder, faults.files);
    await faults.settle();
    const store = await open(folder, nodeFiles());
    const found = store.find('node-2');
    const fill = found.kind === 'ready' ? (found.secret[0] ?? 0) : 0;
    const what = `step ${step}, acknowledged ${at}, found ${found.kind} ${fill}`;
    seen.add(`${at} ${found.kind} ${fill}`);
    assert.deepEqual(store.broken(), [], what);
    if (found.kind === 'ready') {
      assert.deepEqual(found.secret, secretOf(fill), what);
      assert.deepEqual(found.id, id(fill), what);
    }
    // An acknowledged pairing is there, or a newer one.
    assert.ok(!reached(at, 'first') || found.kind !== 'absent', what);
    assert.ok(!reached(at, 'second') || fill >= 2, what);
    assert.ok(!reached(at, 'renewed') || fill === 3, what);
    // A poison that was acknowledged is for ever; one that was not yet, left the node unclean.
    assert.ok(!reached(at, 'poisoned') || fill !== 1, what);
    assert.ok(!(poisoning && fill === 1) || store.uncleanStarts === 1, what);
    assert.equal(store.uncleanStarts, reached(at, 'used') && at !== 'closed' ? 1 : store.uncleanStarts, what);
    // Nothing of an older generation is left, and it goes on.
    const left = (await readdir(folder)).filter(
      (name) => name.startsWith('node-2.') || name.startsWith('.tmp-'),
    );
    assert.ok(left.length <= 1, `${what}: ${left.join(' ')}`);
    await store.put('node-2', 2, id(9), secretOf(9));
    await store.close();
    const again = await open(folder, nodeFiles());
    const last = again.find('node-2');
    assert.equal(last.kind, 'ready', what);
    assert.deepEqual(last.secret, secretOf(9), what);
    if (!faults.struck()) {
      break;
    }
  }
  for (const wanted of [
    'opened absent 0',
    'opened ready 1',
    'used ready 1',
    'used poisoned 0',
    'poisoned poisoned 0',
    'poisoned ready 2',
    'second ready 3',
  ]) {
    assert.ok(seen.has(wanted), `never seen: ${wanted}; seen: ${[...seen].join(', ')}`);
  }
});

test('T15: given a crash at every step of a start after an unclean end, when the node starts, then that end was counted, at most once for each start', async (t) => {
  for (let step = 1; ; step += 1) {
    const folder = join(await testFolder(t), 'pairings');
    const store = await open(folder, nodeFiles());
    await store.put('node-2', 2, id(1), secretOf(1));
    await store.beginUse();
    const faults = crashAt(step);
    await open(folder, faults.files).catch(refusal('store/write-failed'));
    await faults.settle();
    const { uncleanStarts } = await open(folder, nodeFiles());
    assert.ok(uncleanStarts === 1 || uncleanStarts === 2, `step ${step}: ${uncleanStarts}`);
    assert.ok(uncleanStarts === 1 || faults.struck(), `step ${step}`);
    assert.equal((await open(folder, nodeFiles())).uncleanStarts, uncleanStarts, `step ${step}`);
    if (!faults.struck()) {
      break;
    }
  }
});
