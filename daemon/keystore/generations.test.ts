/** Refresh and reshare: what stays, what goes, and what a relay that hands out confirmations as it likes can do. */
import assert from 'node:assert/strict';
import { copyFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { nextGeneration, random, sampleCluster, sampleKey, type SampleKey } from '../testing/sampleKey.ts';
import { checkKeyShare } from '../../threshold/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxCandidates, openKeystore, type FoundKey, type Keystore } from './keystore.ts';
import { fileOf } from './records.ts';

const key = sampleKey();
const [low, high] = [1, 2].map((fill) =>
  nextGeneration(key, { session: new Uint8Array(32).fill(fill), requestedAt: 2_000 }),
);
assert.ok(low && high);
const leaving = nextGeneration(key, { participants: [2, 3, 4] });
const hsm = memoryHsm('0001', random);
const open = (folder: string, node = 'node-1'): Promise<Keystore> =>
  openKeystore({ folder, cluster: sampleCluster, node }, { files: nodeFiles(), hsm, random, now: () => 1 });
const newFolder = async (t: TestContext): Promise<string> => join(await testFolder(t), 'store');

/** A store of a node in which the key is active. */
async function active(t: TestContext, i = 0): Promise<{ folder: string; store: Keystore }> {
  const folder = await newFolder(t);
  const store = await open(folder, `node-${i + 1}`);
  await store.putPending(key.pending(i));
  await store.activate(key.id, key.confirmations());
  return { folder, store };
}
const filesOf = (...keys: readonly SampleKey[]): string[] =>
  keys.flatMap((one) => [fileOf(one.place(), 'proof'), fileOf(one.place(), 'record')]).sort();
const listed = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();
async function activeShare(
  store: Keystore,
  of: SampleKey,
  i = 0,
): Promise<Extract<FoundKey, { kind: 'active' }>> {
  const found = await store.open(of.id);
  assert.equal(found.kind, 'active');
  assert.equal(found.info.generation, of.shares[0]?.public.generation);
  assert.deepEqual(found.share.secret, of.shares[i]?.secret);
  assert.deepEqual(found.record.session, of.session);
  return found;
}

test('T20, T21: given a refreshed share, when stored and activated, then the old one signs until then, and is gone after it', async (t) => {
  const { folder, store } = await active(t);
  const before = await activeShare(store, key);
  assert.equal((await store.putPending(low.pending(0))).state, 'pending');
  await activeShare(store, key);
  assert.deepEqual(store.counts(), { active: 1, pending: 0, broken: 0 });
  assert.equal((await store.list())[0]?.generation, 1);
  const activated = await store.activate(key.id, low.confirmations());
  assert.deepEqual([activated.state, activated.generation], ['active', 2]);
  await activeShare(store, low);
  assert.ok(before.share.secret.every((byte) => byte === 0));
  assert.deepEqual(await listed(folder), filesOf(low));
  assert.equal((await store.activate(key.id, low.confirmations())).generation, 2);
  const after = await activeShare(store, low);
  await store.close();
  assert.ok(after.share.secret.every((byte) => byte === 0));
  const again = await open(folder);
  await activeShare(again, low);
  assert.deepEqual(again.recovered, []);
  assert.deepEqual(again.broken(), []);
});

test('T16, T21, T24: given confirmations that are not of all holders of the new generation, when activated, then the old share goes on', async (t) => {
  const { folder, store } = await active(t);
  await store.putPending(low.pending(0));
  const [one, two, three] = low.confirmations();
  assert.ok(one && two && three);
  for (const confirmations of [
    [one, two],
    [one, two, high.confirmation(2)],
    [one, two, low.confirmation(2, { transcript: new Uint8Array(32) })],
    [one, two, { ...three, from: 'node-4' }],
  ]) {
    await assert.rejects(store.activate(key.id, confirmations), refusal('store/activation-refused'));
    await activeShare(store, key);
  }
  // Those of the old generation change nothing.
  assert.equal((await store.activate(key.id, key.confirmations())).generation, 1);
  assert.deepEqual(await listed(folder), [...filesOf(key), fileOf(low.place(), 'record')].sort());
});

test('T20: given an active generation, when the same or an older one is stored again, then it is refused', async (t) => {
  const { store } = await active(t);
  await store.putPending(low.pending(0));
  await assert.rejects(store.putPending(low.pending(0)), refusal('store/key-exists'));
  await store.activate(key.id, low.confirmations());
  await assert.rejects(store.putPending(high.pending(0)), refusal('store/key-exists', { generation: 2 }));
  await assert.rejects(store.putPending(key.pending(0)), refusal('store/key-exists', { generation: 1 }));
  await activeShare(store, low);
});

test('T21: given a refresh that was aborted after it was stored, when the next one comes, then both wait side by side and the one that is confirmed counts', async (t) => {
  for (const chosen of [low, high]) {
    const { folder, store } = await active(t);
    await store.putPending(low.pending(0));
    await store.putPending(high.pending(0));
    await activeShare(store, key);
    await store.activate(key.id, chosen.confirmations());
    await activeShare(store, chosen);
    // What comes after the chosen one stays: another node may have been given its confirmations.
    const kept: string[] = chosen === low ? [fileOf(high.place(), 'record')] : [];
    assert.deepEqual(await listed(folder), [...filesOf(chosen), ...kept].sort());
    await store.close();
    const again = await open(folder);
    await activeShare(again, chosen);
    assert.deepEqual(again.recovered, []);
    // The next generation takes both away.
    const third = nextGeneration(chosen);
    await again.putPending(third.pending(0));
    await again.activate(key.id, third.confirmations());
    await activeShare(again, third);
    assert.deepEqual(await listed(folder), filesOf(third));
  }
});

test('T21: given candidates that wait, when one is stored that does not come after them, then it is refused; one of a later request never is', async (t) => {
  const { folder, store } = await active(t);
  await store.putPending(high.pending(0));
  await assert.rejects(store.putPending(low.pending(0)), refusal('store/later-candidate'));
  const earlier = nextGeneration(key, { requestedAt: 1_999 });
  await assert.rejects(store.putPending(earlier.pending(0)), refusal('store/later-candidate'));
  await assert.rejects(store.putDeparture(leaving.departure()), refusal('store/later-candidate'));
  assert.deepEqual(await listed(folder), [...filesOf(key), fileOf(high.place(), 'record')].sort());
  const later = nextGeneration(key, { requestedAt: 2_001, session: new Uint8Array(32) });
  await store.putPending(later.pending(0));
  await store.activate(key.id, later.confirmations());
  await activeShare(store, later);
  assert.deepEqual(await listed(folder), filesOf(later));
});

test('T21: given a relay that activates either of two refreshes on each node as it likes, when the nodes are helped, then all hold the same one', async (t) => {
  for (const choices of [
    [undefined, undefined, undefined],
    [low, undefined, undefined],
    [undefined, undefined, high],
    [low, high, undefined],
    [high, low, undefined],
    [low, undefined, high],
    [undefined, high, low],
    [low, high, low],
    [high, low, high],
  ]) {
    const nodes = await Promise.all([0, 1, 2].map((i) => active(t, i)));
    await Promise.all(
      nodes.map(async ({ store }, i) => {
        await store.putPending(low.pending(i));
        await store.putPending(high.pending(i));
        const chosen = choices[i];
        await (chosen === undefined ? undefined : store.activate(key.id, chosen.confirmations()));
      }),
    );
    for (const { store: from } of nodes) {
      for (const { store: to } of nodes) {
        const confirmations = await from.confirmations(key.id, 2);
        await (confirmations === undefined
          ? undefined
          : to.activate(key.id, confirmations).catch(refusal('store/activation-refused')));
      }
    }
    const wanted = choices.includes(high) ? high : choices.includes(low) ? low : key;
    for (const [i, { store }] of nodes.entries()) {
      checkKeyShare((await activeShare(store, wanted, i)).share);
      await store.close();
    }
  }
});

test('given as many unfinished generations as are kept, when one more is stored, then it is refused and none is dropped', async (t) => {
  const { folder, store } = await active(t);
  const candidates = Array.from({ length: maxCandidates }, () => nextGeneration(key));
  for (const one of candidates) {
    await store.putPending(one.pending(0));
  }
  await assert.rejects(
    store.putPending(low.pending(0)),
    refusal('store/candidates-full', { limit: maxCandidates }),
  );
  assert.equal((await readdir(folder)).length, maxCandidates + 2);
  const [first] = candidates;
  assert.ok(first);
  await store.activate(key.id, first.confirmations());
  await activeShare(store, first);
});

test('T28: given the proof of one refresh beside the record of another, or a record under the name of another, when opened, then it is broken', async (t) => {
  const { folder, store } = await active(t);
  await store.putPending(low.pending(0));
  await store.activate(key.id, low.confirmations());
  const [spare] = [nextGeneration(low)];
  assert.ok(spare);
  await store.putPending(spare.pending(0));
  await store.close();
  const at = (of: SampleKey, part: 'record' | 'proof'): string => join(folder, fileOf(of.place(), part));
  await copyFile(at(low, 'proof'), at(spare, 'proof'));
  const first = await open(folder);
  const found = await first.open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'store/activation-refused');
  await first.close();

  await rename(at(spare, 'proof'), join(folder, '..', 'away'));
  await rename(
    at(spare, 'record'),
    join(folder, fileOf({ ...spare.place(), session: '0123456789abcdef' }, 'record')),
  );
  const renamed = await (await open(folder)).open(key.id);
  assert.equal(renamed.kind, 'broken');
  assert.equal(renamed.code, 'store/record-mismatch');
});

test('given files under the names of version 1, when opened and refreshed, then they count as ever and go as ever', async (t) => {
  const { folder, store } = await active(t);
  await store.close();
  for (const part of ['record', 'proof'] as const) {
    await rename(
      join(folder, fileOf(key.place(), part)),
      join(folder, fileOf({ ...key.place(), session: '' }, part)),
    );
  }
  const again = await open(folder);
  await activeShare(again, key);
  await again.putPending(low.pending(0));
  await activeShare(again, key);
  await again.activate(key.id, low.confirmations());
  await activeShare(again, low);
  assert.deepEqual(await listed(folder), filesOf(low));
});

test('T21: given what an interrupted activation leaves, when the node starts, then it is removed and reported, and nothing else is', async (t) => {
  const { folder, store } = await active(t);
  const kept = join(folder, '..');
  for (const name of await listed(folder)) {
    await copyFile(join(folder, name), join(kept, name));
  }
  await store.putPending(low.pending(0));
  await store.activate(key.id, low.confirmations());
  await store.close();
  for (const name of filesOf(key)) {
    await copyFile(join(kept, name), join(folder, name));
  }
  const again = await open(folder);
  assert.equal(again.recovered.length, 1);
  await activeShare(again, low);
  assert.deepEqual(await listed(folder), filesOf(low));
  await again.close();
  // A pending generation that an active one supersedes goes too.
  await copyFile(join(kept, fileOf(key.place(), 'record')), join(folder, fileOf(key.place(), 'record')));
  const last = await open(folder);
  assert.equal(last.recovered.length, 1);
  assert.deepEqual(await listed(folder), filesOf(low));
});

test('T28: given an older generation beside a newer one whose proof is refused, when the node starts, then nothing is removed and the key is broken', async (t) => {
  const { folder, store } = await active(t);
  await store.putPending(low.pending(0));
  await store.close();
  await copyFile(join(folder, fileOf(key.place(), 'proof')), join(folder, fileOf(low.place(), 'proof')));
  const again = await open(folder);
  assert.equal((await again.open(key.id)).kind, 'broken');
  assert.deepEqual(await listed(folder), filesOf(key, low));
  // The genuine confirmations repair it.
  await again.activate(key.id, low.confirmations());
  await activeShare(again, low);
});

test('T20, T22: given a dealer that leaves the holders, when all new holders confirmed, and not before, then its share goes', async (t) => {
  const { folder, store } = await active(t);
  const before = await activeShare(store, key);
  assert.equal((await store.putDeparture(leaving.departure())).generation, 2);
  await activeShare(store, key);
  assert.deepEqual(store.counts(), { active: 1, pending: 0, broken: 0 });
  assert.equal((await store.list()).length, 1);
  const [two, three, four] = leaving.confirmations();
  assert.ok(two && three && four);
  for (const confirmations of [
    [two, three],
    [two, three, key.confirmation(0)],
    [...leaving.confirmations(), key.confirmation(0)],
  ]) {
    await assert.rejects(store.activate(key.id, confirmations), refusal('store/activation-refused'));
  }
  await activeShare(store, key);
  const activated = await store.activate(key.id, leaving.confirmations());
  assert.deepEqual([activated.state, activated.generation], ['departed', 2]);
  assert.ok(before.share.secret.every((byte) => byte === 0));
  const check = async (of: Keystore): Promise<void> => {
    const found = await of.open(key.id);
    assert.equal(found.kind, 'departed');
    assert.equal(found.info.generation, 2);
    assert.deepEqual(found.info.nodes, ['node-2', 'node-3', 'node-4']);
    assert.deepEqual(await of.list(), []);
    assert.deepEqual(of.counts(), { active: 0, pending: 0, broken: 0 });
    assert.deepEqual(await of.confirmations(key.id, 2), leaving.confirmations());
  };
  await check(store);
  assert.equal((await store.activate(key.id, leaving.confirmations())).state, 'departed');
  const place = leaving.place('departure');
  assert.deepEqual(await listed(folder), [fileOf(place, 'proof'), fileOf(place, 'record')].sort());
  await store.close();
  const again = await open(folder);
  await check(again);

  // And it may come back, by a later generation only.
  await assert.rejects(again.putPending(low.pending(0)), refusal('store/key-exists'));
  const back = nextGeneration(leaving, { participants: [1, 2, 3] });
  await again.putPending(back.pending(0));
  await check(again);
  await again.activate(key.id, back.confirmations());
  await activeShare(again, back);
  assert.deepEqual(await listed(folder), filesOf(back));
});

test('given a departure of a node without the share, of a holder, or of an old generation, when stored, then it is refused', async (t) => {
  const { folder, store } = await active(t);
  await assert.rejects(store.putDeparture(low.departure()), refusal('store/record-mismatch'));
  const stranger = sampleKey();
  const away = nextGeneration(stranger, { participants: [2, 3, 4] });
  await assert.rejects(store.putDeparture(away.departure()), refusal('store/unknown-key'));
  await store.putPending(stranger.pending(0));
  await assert.rejects(store.putDeparture(away.departure()), refusal('store/unknown-key'));
  await store.putPending(low.pending(0));
  await store.activate(key.id, low.confirmations());
  await assert.rejects(store.putDeparture(leaving.departure()), refusal('store/key-exists'));
  assert.equal((await readdir(folder)).length, 3);
});

test('given a node that becomes a holder, when stored and activated, then its first generation is that one', async (t) => {
  const folder = await newFolder(t);
  const store = await open(folder, 'node-4');
  await store.putPending(leaving.pending(2));
  assert.equal((await store.open(key.id)).kind, 'pending');
  await store.activate(key.id, leaving.confirmations());
  await activeShare(store, leaving, 2);
  assert.deepEqual(await listed(folder), filesOf(leaving));
});

test('given a departure whose share is gone, when opened, then it is broken and not absent', async (t) => {
  const { folder, store } = await active(t);
  await store.putDeparture(leaving.departure());
  await store.close();
  for (const name of filesOf(key)) {
    await rename(join(folder, name), join(folder, '..', name));
  }
  const again = await open(folder);
  const found = await again.open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.code, 'store/file-broken');
  assert.deepEqual(
    again.broken().map(({ file }) => file),
    [fileOf(leaving.place('departure'), 'record')],
  );
});

test('given keys in each state, when asked for the confirmations, then they are given of the generation that counts only', async (t) => {
  const { store } = await active(t);
  const other = sampleKey();
  await store.putPending(other.pending(0));
  await store.putPending(low.pending(0));
  const sorted = (await store.confirmations(key.id, 1)) ?? [];
  assert.deepEqual(
    sorted.map(({ from }) => from),
    ['node-1', 'node-2', 'node-3'],
  );
  assert.ok(sorted.every(({ session }) => equalBytes(session, key.session)));
  assert.equal(await store.confirmations(key.id, 2), undefined);
  assert.equal(await store.confirmations(other.id, 1), undefined);
  assert.equal(await store.confirmations(toHex(random(16)), 1), undefined);
});
