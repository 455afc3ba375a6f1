/** The list of keys as changes: who read it once reads only what came after, and misses nothing. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFiles } from '../files/atomic.ts';
import { fillStore } from '../testing/bulkStore.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { nextGeneration, random, sampleCluster, sampleKey, withPurpose } from '../testing/sampleKey.ts';
import { ChangeLog } from './changeLog.ts';
import { openKeystore, type Keystore, type ListedChange } from './keystore.ts';
import { fileOf } from './records.ts';

const first = sampleKey();
const keys = Array.from({ length: 20 }, (_, i) => withPurpose(first, `purpose-${i}`));
const ids = keys.map(({ id }) => id).sort();
// Not the first one, which is opened at the start.
const [, one, two] = [...keys].sort((a, b) => (a.id < b.id ? -1 : 1));
assert.ok(one && two);
const hsm = memoryHsm('0001', random);
const open = (folder: string): Promise<Keystore> =>
  openKeystore(
    { folder, cluster: sampleCluster, node: 'node-1' },
    { files: nodeFiles(), hsm, random, now: () => 1 },
  );

async function filled(t: TestContext): Promise<string> {
  const folder = join(await testFolder(t), 'store');
  await fillStore(folder, hsm, keys);
  return folder;
}

/** All changes after a number, page by page. */
async function read(store: Keystore, since = 0, limit = 7): Promise<ListedChange[]> {
  const all: ListedChange[] = [];
  for (;;) {
    const page = await store.changes(all.at(-1)?.number ?? since, limit);
    if (page.length === 0) {
      return all;
    }
    all.push(...page);
  }
}
const told = (changes: readonly ListedChange[]): unknown[] =>
  changes.map(({ id, key }) => [id, key?.state, key?.generation]);

test('given a store, when its changes are read page by page from 0, then each key is there once and the numbers rise', async (t) => {
  const store = await open(await filled(t));
  const all = await read(store);
  assert.deepEqual(all.map(({ id }) => id).sort(), ids);
  assert.ok(all.every(({ number }, i) => number > (all[i - 1]?.number ?? 0)));
  assert.equal(all.at(-1)?.number, store.lastChange());
  const listed = await store.list();
  assert.deepEqual(
    all.map(({ key }) => key).sort((a, b) => ((a?.id ?? '') < (b?.id ?? '') ? -1 : 1)),
    listed,
  );
  // To be opened and found in order is no change.
  await store.open(one.id);
  await store.scrub({ pause: () => Promise.resolve(), found: () => undefined });
  assert.deepEqual(await read(store, all.at(-1)?.number), []);
});

test('given keys that change while the list is read, then each is told again with what it is now', async (t) => {
  const store = await open(await filled(t));
  const page = await store.changes(0, 5);
  const [known] = page;
  const of = keys.find(({ id }) => id === known?.id);
  assert.ok(known && of);
  const next = nextGeneration(of);
  await store.putPending(next.pending(0));
  await store.activate(of.id, next.confirmations());
  const rest = await read(store, page.at(-1)?.number);
  assert.deepEqual(
    rest.map(({ id }) => id).sort(),
    [...new Set([...ids.filter((id) => !page.some((other) => other.id === id)), of.id])].sort(),
  );
  assert.deepEqual(told(rest.slice(-1)), [[of.id, 'active', 2]]);
});

test('given a share that was given up, then its key is told as gone, after a restart too', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const since = store.lastChange();
  const leaving = nextGeneration(one, { participants: [2, 3, 4] });
  await store.putDeparture(leaving.departure());
  assert.deepEqual(await read(store, since), []);
  await store.activate(one.id, leaving.confirmations());
  assert.deepEqual(told(await read(store, since)), [[one.id, undefined, undefined]]);
  await store.close();
  const again = await open(folder);
  assert.deepEqual(
    (await read(again)).filter(({ key }) => key === undefined).map(({ id }) => id),
    [one.id],
  );
});

test('given a record that is found broken when it is opened, then its key is told again', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const [last] = (await read(store)).slice(-1);
  const of = keys.find(({ id }) => id === last?.id);
  assert.ok(of);
  await writeFile(join(folder, fileOf(of.place(), 'proof')), 'junk');
  const since = store.lastChange();
  assert.equal((await store.open(of.id)).kind, 'broken');
  assert.deepEqual(told(await read(store, since)), [[of.id, 'broken', 1]]);
});

test('given a header that was changed while it was listed, when the record is opened, then what is true is told again', async (t) => {
  const folder = await filled(t);
  const genuine = await readFile(join(folder, fileOf(two.place(), 'record')));
  const store = await open(folder);
  const forged = Buffer.from(genuine);
  const { label } = two.pending(0);
  forged.write('x', forged.indexOf(label), 'latin1');
  await writeFile(join(folder, fileOf(two.place(), 'record')), forged);
  const lied = (await read(store)).find(({ id }) => id === two.id);
  assert.notEqual(lied?.key?.label, label);
  await writeFile(join(folder, fileOf(two.place(), 'record')), genuine);
  const since = store.lastChange();
  await store.scrub({ pause: () => Promise.resolve(), found: () => undefined });
  assert.deepEqual(
    (await read(store, since)).map(({ id, key }) => [id, key?.label]),
    [[two.id, label]],
  );
});

test('given ids, then each is described in the order asked for, and one that was never there has the number 0', async (t) => {
  const store = await open(await filled(t));
  const described = await store.describe([two.id, 'f'.repeat(32), one.id]);
  assert.deepEqual(told(described), [
    [two.id, 'active', 1],
    ['f'.repeat(32), undefined, undefined],
    [one.id, 'active', 1],
  ]);
  assert.equal(described[1]?.number, 0);
  assert.ok(described.every(({ number }, i) => i === 1 || number > 0));
});

test('a log of changes has each key once, however often it changed, and stays small', () => {
  const log = new ChangeLog();
  for (let i = 0; i < 1_000; i += 1) {
    log.note(i % 3 === 0 ? 'a' : 'b');
  }
  assert.deepEqual(log.after(0, 10), [
    { number: 999, id: 'b' },
    { number: 1_000, id: 'a' },
  ]);
  assert.deepEqual(log.after(999, 10), [{ number: 1_000, id: 'a' }]);
  assert.deepEqual(log.after(0, 1), [{ number: 999, id: 'b' }]);
  assert.deepEqual(log.after(1_000, 10), []);
  assert.equal(log.last, 1_000);
  assert.equal(log.numberOf('c'), 0);
});
