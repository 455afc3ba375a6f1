/** When a key is read: not at the start, once for all who ask, and by the scrub. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { HsmLink } from '../../hsm/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { fillStore } from '../testing/bulkStore.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { nextGeneration, random, sampleCluster, sampleKey, withPurpose } from '../testing/sampleKey.ts';
import { openKeystore, type BrokenFile, type Keystore } from './keystore.ts';
import { fileOf } from './records.ts';
import type { MakeMemory } from './secretMemory.ts';

const first = sampleKey();
const keys = Array.from({ length: 20 }, (_, i) => withPurpose(first, `purpose-${i}`)).sort((a, b) =>
  a.id < b.id ? -1 : 1,
);
const [key, other] = keys.slice(10);
assert.ok(key && other);
const hsm = memoryHsm('0001', random);

const open = (
  folder: string,
  link: HsmLink = hsm,
  secretMemory: MakeMemory = (length) => new Uint8Array(length),
  files: Files = nodeFiles(),
): Promise<Keystore> =>
  openKeystore(
    { folder, cluster: sampleCluster, node: 'node-1' },
    { files, hsm: link, random, now: () => 1, secretMemory },
  );

/** A store with all keys, active but for the last of the list; closed. */
async function filled(t: TestContext): Promise<string> {
  const folder = join(await testFolder(t), 'store');
  const last = keys.slice(-1);
  await fillStore(folder, hsm, keys.slice(0, -1));
  const store = await open(folder);
  for (const one of last) {
    await store.putPending(one.pending(0));
  }
  assert.equal(store.unchecked(), keys.length - 2);
  await store.close();
  return folder;
}
const pathOf = (folder: string, of = key, part: 'record' | 'proof' = 'record'): string =>
  join(folder, fileOf(of.place(), part));
const noPause = (): Promise<void> => Promise.resolve();

test('given many keys, when the node starts, then one of them is unsealed, and all are listed and counted', async (t) => {
  const folder = await filled(t);
  const before = hsm.recovered;
  const store = await open(folder);
  assert.equal(hsm.recovered - before, 1);
  assert.equal(store.unchecked(), keys.length - 1);
  assert.deepEqual(store.counts(), { active: keys.length - 1, pending: 1, broken: 0 });
  const infos = await store.list();
  assert.deepEqual(
    infos.map(({ id, state, purpose }) => ({ id, state, purpose })),
    keys.map((one) => ({
      id: one.id,
      state: one === keys.at(-1) ? 'pending' : 'active',
      purpose: one.pending(0).purpose,
    })),
  );
  assert.equal(hsm.recovered - before, 1);
  // The next listing says the same, until something of a key changes.
  assert.deepEqual(await store.list(), infos);
  const last = keys.at(-1);
  assert.ok(last);
  await store.activate(last.id, last.confirmations());
  assert.equal((await store.list()).at(-1)?.state, 'active');
  const found = await store.open(key.id);
  assert.equal(found.kind, 'active');
  assert.deepEqual(found.info, infos[10]);
});

test('given many who want one key at once, when opened, then it is unsealed once and all get the same share', async (t) => {
  const store = await open(await filled(t));
  const before = hsm.recovered;
  const all = await Promise.all(Array.from({ length: 10 }, () => store.open(key.id)));
  assert.equal(hsm.recovered - before, 1);
  assert.ok(all.every((one) => one === all[0]));
  assert.equal(await store.open(key.id), all[0]);
  assert.equal(hsm.recovered - before, 1);
});

test('given many keys wanted at once, when opened, then few are unsealed at a time', async (t) => {
  const folder = await filled(t);
  const waiting: (() => void)[] = [];
  let held = false;
  const slow: HsmLink = {
    ...hsm,
    recoverKeyMaterial: async (wrapped) => {
      await (held
        ? new Promise<void>((go) => {
            waiting.push(go);
          })
        : undefined);
      return hsm.recoverKeyMaterial(wrapped);
    },
  };
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      await new Promise((turn) => setTimeout(turn, 1));
    }
  };
  const store = await open(folder, slow);
  held = true;
  const found = Promise.all(keys.map(({ id }) => store.open(id)));
  while (waiting.length < 8) {
    await turns(1);
  }
  await turns(20);
  assert.equal(waiting.length, 8);
  held = false;
  waiting.forEach((go) => {
    go();
  });
  assert.ok((await found).every(({ kind }) => kind === 'active' || kind === 'pending'));
});

test('given a broken record, when opened again, then that is remembered, and its header shows which key it is', async (t) => {
  const folder = await filled(t);
  const raw = await readFile(pathOf(folder));
  raw[raw.length - 1] = (raw[raw.length - 1] ?? 0) ^ 1;
  await writeFile(pathOf(folder), raw);
  const store = await open(folder);
  const found = await store.open(key.id);
  assert.equal(found.kind, 'broken');
  assert.equal(found.info?.id, key.id);
  const before = hsm.recovered;
  assert.equal(await store.open(key.id), found);
  assert.equal(hsm.recovered, before);
  assert.deepEqual((await store.list())[10], found.info);
  assert.equal(store.counts().broken, 1);
});

test('given a record whose header can not be read, when listed, then it is known to be broken at once', async (t) => {
  const folder = await filled(t);
  await writeFile(pathOf(folder), 'junk');
  const store = await open(folder);
  assert.equal((await store.list()).length, keys.length - 1);
  assert.equal(store.counts().broken, 1);
  assert.deepEqual(
    store.broken().map(({ file, code }) => [file, code]),
    [[fileOf(key.place(), 'record'), 'hsm/record-broken']],
  );
});

test('given a token that is away when a key is opened, when it is back, then nothing was called broken', async (t) => {
  const folder = await filled(t);
  const away = memoryHsm('0001', random);
  const store = await open(folder, away);
  away.reachable = false;
  await assert.rejects(store.open(key.id), refusal('hsm/unavailable'));
  await assert.rejects(Promise.all([store.open(key.id), store.open(key.id)]), refusal('hsm/unavailable'));
  assert.equal(store.counts().broken, 0);
  assert.equal((await store.list()).length, keys.length);
  await assert.rejects(store.putPending(nextGeneration(key).pending(0)), refusal('hsm/unavailable'));
  await assert.rejects(store.confirmations(key.id, 1), refusal('hsm/unavailable'));
  away.reachable = true;
  assert.equal((await store.open(key.id)).kind, 'active');
});

test('given no more memory for secrets when a key is opened, then that is the refusal, and it is not remembered', async (t) => {
  const folder = await filled(t);
  const purposes = Array.from({ length: 110 }, (_, i) => withPurpose(first, `more-${i}`));
  await fillStore(folder, hsm, purposes);
  let blocks = 1;
  const store = await open(folder, hsm, (wanted) => {
    if (blocks === 0) {
      throw new SymbolonError('native/memlock-limit', { wanted, limit: 0 });
    }
    blocks -= 1;
    return new Uint8Array(wanted);
  });
  // 128 slots lie in a block.
  const ids = [...keys.slice(0, -1), ...purposes].map(({ id }) => id);
  assert.equal(ids.length, 129);
  const results = await Promise.allSettled(ids.map((id) => store.open(id)));
  assert.deepEqual(results.filter(({ status }) => status === 'rejected').length, 1);
  const last = ids[results.findIndex(({ status }) => status === 'rejected')] ?? '';
  await assert.rejects(store.open(last), refusal('native/memlock-limit'));
  assert.equal(store.counts().broken, 0);
  blocks = 1;
  assert.equal((await store.open(last)).kind, 'active');
});

test('given a broken record that nobody asks for, when the scrub runs, then it is found and told once, and no share is kept', async (t) => {
  const folder = await filled(t);
  await writeFile(pathOf(folder), 'junk');
  await writeFile(pathOf(folder, other, 'proof'), 'junk');
  const blocks: Uint8Array[] = [];
  const store = await open(folder, hsm, (length) => {
    const block = new Uint8Array(length);
    blocks.push(block);
    return block;
  });
  const told: BrokenFile[] = [];
  let pauses = 0;
  await store.scrub({
    pause: () => {
      pauses += 1;
      return Promise.resolve();
    },
    found: (file) => told.push(file),
  });
  assert.equal(store.unchecked(), 0);
  assert.equal(pauses, keys.length - 1);
  assert.deepEqual(
    told.map(({ file, code }) => [file, code]).sort(),
    [
      [fileOf(key.place(), 'record'), 'hsm/record-broken'],
      [fileOf(other.place(), 'proof'), 'store/file-broken'],
    ].sort(),
  );
  assert.deepEqual(
    store
      .broken()
      .map(({ file }) => file)
      .sort(),
    told.map(({ file }) => file).sort(),
  );
  assert.deepEqual(store.counts(), { active: keys.length - 3, pending: 1, broken: 2 });
  // The one share in memory is of the key that the start opened.
  const used = blocks.flatMap((block) => [...block]).filter((byte) => byte !== 0).length;
  assert.ok(used > 0 && used <= 32);
  // Asked again there is nothing to do; a key that was checked opens.
  await store.scrub({ pause: () => assert.fail(), found: () => assert.fail() });
  assert.equal((await store.open(keys[12]?.id ?? '')).kind, 'active');
});

test('given a token that goes away during the scrub, when it is back, then all keys are checked and none was called broken', async (t) => {
  const folder = await filled(t);
  const link = memoryHsm('0001', random);
  const store = await open(folder, link);
  let pauses = 0;
  await store.scrub({
    pause: () => {
      pauses += 1;
      link.reachable = pauses < 5 || pauses > 200;
      return Promise.resolve();
    },
    found: () => assert.fail(),
  });
  assert.equal(store.unchecked(), 0);
  assert.equal(store.counts().broken, 0);
  assert.ok(pauses > 200);
});

test('given a scrub under way, when the store is closed, then it ends', async (t) => {
  const store = await open(await filled(t));
  let pauses = 0;
  await store.scrub({
    pause: async () => {
      pauses += 1;
      await (pauses === 3 ? store.close() : undefined);
    },
    found: () => assert.fail(),
  });
  assert.equal(pauses, 3);
});

test('given reads under way, when the store is closed, then they are refused and no share comes into memory', async (t) => {
  const folder = await filled(t);
  const blocks: Uint8Array[] = [];
  const store = await open(folder, hsm, (length) => {
    const block = new Uint8Array(length);
    blocks.push(block);
    return block;
  });
  // The first one was opened by the start.
  const opened = keys.slice(1).map(({ id }) => store.open(id));
  await store.close();
  const results = await Promise.allSettled(opened);
  assert.ok(results.every((one) => one.status === 'rejected' && refusal('store/closed')(one.reason)));
  assert.ok(blocks.every((block) => block.every((byte) => byte === 0)));
});

test('T20: given readers all the time, when a refresh is stored and activated, then each sees the old generation or the new one, and at last the new one', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const next = nextGeneration(key);
  let done = false;
  const seen = new Set<number>();
  const reading = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!done) {
        const found = await store.open(key.id);
        assert.equal(found.kind, 'active');
        seen.add(found.info.generation);
        await store.confirmations(key.id, found.info.generation);
        await store.list(keys[9]?.id, 1);
      }
    }),
  );
  await store.putPending(next.pending(0));
  await store.activate(key.id, next.confirmations());
  const found = await store.open(key.id);
  done = true;
  await reading;
  assert.equal(found.kind, 'active');
  assert.deepEqual(found.share.secret, next.shares[0]?.secret);
  assert.ok([...seen].every((generation) => generation === 1 || generation === 2));
  assert.deepEqual(store.broken(), []);
  await store.scrub({ pause: noPause, found: () => assert.fail() });
});

test('T20: given a read that began before a refresh was activated, when it ends after it, then it gives the new generation', async (t) => {
  const folder = await filled(t);
  const disk = nodeFiles();
  const held: (() => void)[] = [];
  let hold = false;
  const slow: Files = {
    read: async (path, maxBytes) => {
      const read = await disk.read(path, maxBytes);
      if (hold && read.kind === 'absent') {
        hold = false;
        await new Promise<void>((go) => held.push(go));
      }
      return read;
    },
    list: (path) => disk.list(path),
    makeFolder: (path) => disk.makeFolder(path),
    replace: (path, bytes) => disk.replace(path, bytes),
    remove: (path) => disk.remove(path),
    append: (path) => disk.append(path),
  };
  const store = await open(folder, hsm, undefined, slow);
  const next = nextGeneration(key);
  await store.putPending(next.pending(0));
  // The read has seen that the new generation has no proof yet.
  hold = true;
  const opening = store.open(key.id);
  while (held.length === 0) {
    await new Promise((turn) => setTimeout(turn, 1));
  }
  await store.activate(key.id, next.confirmations());
  held.forEach((go) => {
    go();
  });
  const found = await opening;
  assert.equal(found.kind, 'active');
  assert.equal(found.info.generation, 2);
  assert.deepEqual(found.share.secret, next.shares[0]?.secret);
});
