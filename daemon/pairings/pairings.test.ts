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
import { nodeFiles, type Files } from '../files/atomic.ts';
import { failAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm, type MemoryHsm } from '../testing/memoryHsm.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster } from '../testing/sampleKey.ts';
import { maxPairings, maxUnclean, openPairings, type Pairings } from './pairings.ts';
import { inUseFile, pairingFile, uncleanBytes, uncleanFile } from './records.ts';

const hsm1 = memoryHsm('0001', random);
const files = nodeFiles();
const now = (): number => 1_795_000_000_000;
interface Change {
  readonly node?: string;
  readonly hsm?: MemoryHsm;
  readonly files?: Files;
}
const open = (folder: string, change: Change = {}): Promise<Pairings> =>
  openPairings(
    { folder, cluster: sampleCluster, node: change.node ?? 'node-1' },
    { files: change.files ?? files, hsm: change.hsm ?? hsm1, random, now },
  );
const pathOf = (folder: string, peer: string, generation: number, part: 'sealed' | 'poisoned'): string =>
  join(folder, pairingFile({ peer, generation, part }));
const id = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const secretOf = (fill: number): Uint8Array => new Uint8Array(7_320).fill(fill);
const freshFolder = async (t: TestContext): Promise<string> => join(await testFolder(t), 'pairings');

/** A store of node-1 with pairings with node-2 and node-3; closed. */
async function filled(t: TestContext): Promise<string> {
  const folder = await freshFolder(t);
  const store = await open(folder);
  await store.put('node-2', 2, id(2), secretOf(0x22));
  await store.put('node-3', 3, id(3), secretOf(0x33));
  await store.close();
  return folder;
}
const isReady = (store: Pairings, peer: string, fill: number): void => {
  const found = store.find(peer);
  assert.equal(found.kind, 'ready');
  assert.deepEqual(found.secret, secretOf(fill));
};

test('given no folder, when the pairings open, then there are none', async (t) => {
  const folder = await freshFolder(t);
  const store = await open(folder);
  assert.deepEqual(store.find('node-2'), { kind: 'absent' });
  assert.deepEqual(store.list(), []);
  await store.close();
  assert.deepEqual(await readdir(folder), []);
});

test('given a pairing, when stored and opened again, then it is the same, and close wipes it', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const found = store.find('node-2');
  assert.equal(found.kind, 'ready');
  assert.deepEqual(found.secret, secretOf(0x22));
  assert.deepEqual(found.id, id(2));
  assert.deepEqual([found.generation, found.index, found.at], [1, 2, now()]);
  assert.deepEqual(store.list(), [
    { peer: 'node-2', state: 'ready', id: id(2), generation: 1, at: now() },
    { peer: 'node-3', state: 'ready', id: id(3), generation: 1, at: now() },
  ]);
  assert.deepEqual(store.broken(), []);
  await store.close();
  assert.ok(found.secret.every((byte) => byte === 0));
  assert.throws(() => store.find('node-2'), refusal('store/closed'));
  assert.throws(() => store.list(), refusal('store/closed'));
  await assert.rejects(store.put('node-2', 2, id(4), secretOf(4)), refusal('store/closed'));
  await assert.rejects(store.beginUse(), refusal('store/closed'));
});

test('T33: given stored pairings, when every file is read, then none holds the secret', async (t) => {
  const folder = await freshFolder(t);
  const store = await open(folder);
  const secret = random(7_320);
  await store.put('node-2', 2, id(2), secret);
  await store.poison('node-2', id(2));
  await store.put('node-2', 2, id(3), secret);
  for (const name of await readdir(folder)) {
    const raw = await readFile(join(folder, name));
    assert.ok(!raw.includes(Buffer.from(secret.subarray(0, 32))), name);
    assert.ok(!raw.includes(Buffer.from(secret.subarray(-32))), name);
  }
});

test('T11: given a folder that is a file, a link, or writable by others, when it opens, then it is broken and not empty', async (t) => {
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
});

test('T15: given a poisoned pairing, when the call has only begun, then it is not given any more and its secret is wiped', async (t) => {
  const store = await open(await filled(t));
  const lent = store.find('node-2');
  assert.equal(lent.kind, 'ready');
  const poisoning = store.poison('node-2', id(2));
  assert.deepEqual(store.find('node-2'), { kind: 'poisoned', id: id(2), generation: 1, at: now() });
  assert.ok(lent.secret.every((byte) => byte === 0));
  await poisoning;
  isReady(store, 'node-3', 0x33);
});

test('T15: given a poisoned pairing, when the node starts again, then it stays poisoned and its secret is gone', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  await Promise.all([store.poison('node-2', id(2)), store.poison('node-2', id(2))]);
  assert.deepEqual((await readdir(folder)).sort(), ['node-2.1.poisoned', 'node-3.1.sealed']);
  await store.poison('node-2', id(2));
  await store.close();
  const again = await open(folder);
  assert.deepEqual(again.find('node-2'), { kind: 'poisoned', id: id(2), generation: 1, at: now() });
  assert.deepEqual(
    again.list().map(({ peer, state }) => [peer, state]),
    [
      ['node-2', 'poisoned'],
      ['node-3', 'ready'],
    ],
  );
});

test('T15: given a poisoned pairing, when a new one is stored, then only the new one is there', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  await store.poison('node-2', id(2));
  await store.put('node-2', 2, id(9), secretOf(0x99));
  isReady(store, 'node-2', 0x99);
  assert.deepEqual((await readdir(folder)).sort(), ['node-2.2.sealed', 'node-3.1.sealed']);
  // A check of the old pairing that fails late says nothing about the new one.
  await store.poison('node-2', id(2));
  await store.close();
  const again = await open(folder);
  isReady(again, 'node-2', 0x99);
  assert.equal(again.list()[0]?.generation, 2);
});

test('T15: given a mark beside a sealed record, when the node starts, then the mark counts and the record is removed', async (t) => {
  const folder = await filled(t);
  const kept = join(folder, '..', 'kept');
  await copyFile(pathOf(folder, 'node-2', 1, 'sealed'), kept);
  const store = await open(folder);
  await store.poison('node-2', id(2));
  await store.close();
  await copyFile(kept, pathOf(folder, 'node-2', 1, 'sealed'));
  const before = hsm1.recovered;
  const again = await open(folder);
  assert.equal(again.find('node-2').kind, 'poisoned');
  assert.ok(!(await readdir(folder)).includes('node-2.1.sealed'));
  assert.equal(again.recovered.length, 1);
  // The token was asked for node-3 only.
  assert.equal(hsm1.recovered - before, 1);
});

test('T11, T15: given a mark that can not be read, or is of another pairing, when the node starts, then the pairing is broken and never ready', async (t) => {
  for (const spoil of [
    (path: string) => writeFile(path, 'junk', { mode: 0o600 }),
    (path: string) => writeFile(path, '', { mode: 0o600 }),
    (path: string) => symlink('/nowhere', path),
    async (path: string) => {
      const other = await freshFolder(t);
      const store = await open(other);
      await store.put('node-3', 3, id(3), secretOf(3));
      await store.poison('node-3', id(3));
      await rename(pathOf(other, 'node-3', 1, 'poisoned'), path);
    },
  ]) {
    const folder = await filled(t);
    await spoil(pathOf(folder, 'node-2', 1, 'poisoned'));
    const store = await open(folder);
    const found = store.find('node-2');
    assert.equal(found.kind, 'broken');
    assert.equal(found.code, 'store/file-broken');
    assert.deepEqual(
      store.broken().map(({ file }) => file),
      ['node-2.1.poisoned'],
    );
    assert.deepEqual(store.list()[0], { peer: 'node-2', state: 'broken', id: id(0), generation: 1, at: 0 });
    await store.put('node-2', 2, id(9), secretOf(0x99));
    await store.close();
    isReady(await open(folder), 'node-2', 0x99);
  }
});

test('T15: given a mark that the disk refuses, when poisoned, then the caller is told, and the pairing is dead all the same', async (t) => {
  const folder = await filled(t);
  // Reading takes no step; the first step of the mark is to make its temporary file.
  const faults = failAt(1);
  const store = await open(folder, { files: faults.files });
  await assert.rejects(store.poison('node-2', id(2)), refusal('store/write-failed'));
  assert.equal(store.find('node-2').kind, 'poisoned');
  assert.ok(!(await readdir(folder)).includes('node-2.1.sealed'));
  // Asked again, it is made durable.
  await store.poison('node-2', id(2));
  await store.close();
  assert.equal((await open(folder)).find('node-2').kind, 'poisoned');
});

test('T15: given a check that fails while the node stops, when poisoned after close, then the mark is made', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  await store.close();
  await store.poison('node-2', id(2));
  assert.equal((await open(folder)).find('node-2').kind, 'poisoned');
});

test('T15: given a poison while a new pairing is being stored, when both are done, then the new one is there', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const put = store.put('node-2', 2, id(9), secretOf(0x99));
  const poison = store.poison('node-2', id(2));
  assert.equal(store.find('node-2').kind, 'poisoned');
  await Promise.all([put, poison]);
  isReady(store, 'node-2', 0x99);
  await store.beginUse();
  await store.close();
  assert.deepEqual((await readdir(folder)).sort(), ['node-2.2.sealed', 'node-3.1.sealed']);
});

test('T28: given files of another node, token, peer or generation, when the node starts, then each is refused by name', async (t) => {
  const folder = await filled(t);
  const codeOf = async (change: Change = {}, peer = 'node-2'): Promise<string> => {
    const store = await open(folder, change);
    const found = store.find(peer);
    await store.close();
    assert.equal(found.kind, 'broken');
    return found.code;
  };
  assert.equal(await codeOf({ node: 'node-2' }), 'hsm/record-other-node');
  assert.equal(await codeOf({ hsm: memoryHsm('0002', random) }), 'hsm/record-other-token');
  await copyFile(pathOf(folder, 'node-2', 1, 'sealed'), pathOf(folder, 'node-2', 2, 'sealed'));
  assert.equal(await codeOf(), 'hsm/record-other-generation');
  await unlink(pathOf(folder, 'node-2', 2, 'sealed'));
  await copyFile(pathOf(folder, 'node-3', 1, 'sealed'), pathOf(folder, 'node-2', 1, 'sealed'));
  assert.equal(await codeOf(), 'hsm/record-other-subject');
});

test('T28: given a newest generation that does not open, when the node starts, then the older one is not used in its place', async (t) => {
  const folder = await filled(t);
  await writeFile(pathOf(folder, 'node-2', 2, 'sealed'), 'junk', { mode: 0o600 });
  const store = await open(folder);
  assert.equal(store.find('node-2').kind, 'broken');
  assert.ok((await readdir(folder)).includes('node-2.1.sealed'));
  await store.put('node-2', 2, id(9), secretOf(0x99));
  assert.equal(store.list()[0]?.generation, 3);
});

test('T29: given a token whose public key seals, when the node starts, then a pairing from the disk is not used, and a new one is, until the next start', async (t) => {
  const folder = await freshFolder(t);
  for (const algorithm of ['rsa-oaep-sha256', 'rsa-oaep-sha1'] as const) {
    const hsm = memoryHsm('0001', random);
    const rsa = { ...hsm, token: { ...hsm.token, algorithm } };
    const store = await open(folder, { hsm: rsa });
    await store.put('node-2', 2, id(2), secretOf(0x22));
    isReady(store, 'node-2', 0x22);
    await store.close();
    const again = await open(folder, { hsm: rsa });
    const found = again.find('node-2');
    assert.equal(found.kind, 'broken');
    assert.equal(found.code, 'store/not-authentic');
    assert.equal(rsa.recovered, 1);
    await again.put('node-2', 2, id(3), secretOf(0x33));
    isReady(again, 'node-2', 0x33);
    await again.poison('node-2', id(3));
    await again.close();
    assert.equal((await open(folder, { hsm: rsa })).find('node-2').kind, 'poisoned');
  }
});

test('given each byte of a sealed pairing changed, when the node starts, then it is refused', async (t) => {
  const folder = await filled(t);
  const path = pathOf(folder, 'node-2', 1, 'sealed');
  const genuine = await readFile(path);
  for (let i = 0; i < genuine.length; i += i < 400 ? 11 : 701) {
    const changed = Buffer.from(genuine);
    changed[i] = (changed[i] ?? 0) ^ 0x01;
    await writeFile(path, changed);
    const store = await open(folder);
    const found = store.find('node-2');
    assert.equal(found.kind, 'broken', `byte ${i}`);
    assert.match(found.code, /^hsm\/record-/, `byte ${i}`);
    isReady(store, 'node-3', 0x33);
  }
});

test('given a token that is away, or no locked memory, when the node starts, then that is the refusal and no pairing is called broken', async (t) => {
  const folder = await filled(t);
  const hsm = memoryHsm('0001', random);
  hsm.reachable = false;
  await assert.rejects(open(folder, { hsm }), refusal('hsm/unavailable'));
  const secretMemory = (wanted: number): never => {
    throw new SymbolonError('native/memlock-limit', { wanted, limit: 0 });
  };
  const options = { folder, cluster: sampleCluster, node: 'node-1' };
  await assert.rejects(
    openPairings(options, { files, hsm: hsm1, random, now, secretMemory }),
    refusal('native/memlock-limit'),
  );
  isReady(await open(folder), 'node-2', 0x22);
});

test('given memory that runs out, when a pairing is stored, then nothing is written and the older one stays', async (t) => {
  const folder = await filled(t);
  let left = 2;
  const secretMemory = (wanted: number): Uint8Array => {
    left -= 1;
    if (left < 0) {
      throw new SymbolonError('native/memlock-limit', { wanted, limit: 0 });
    }
    return new Uint8Array(wanted);
  };
  const options = { folder, cluster: sampleCluster, node: 'node-1' };
  const store = await openPairings(options, { files, hsm: hsm1, random, now, secretMemory });
  await assert.rejects(store.put('node-2', 2, id(9), secretOf(9)), refusal('native/memlock-limit'));
  isReady(store, 'node-2', 0x22);
  assert.deepEqual((await readdir(folder)).sort(), ['node-2.1.sealed', 'node-3.1.sealed']);
});

test('given a peer, index, id or secret that no pairing has, when stored, then it is refused and nothing changes', async (t) => {
  const folder = await filled(t);
  const store = await open(folder);
  const secret = secretOf(9);
  for (const [peer, index, raw] of [
    ['Node 2', 2, id(9)],
    ['node-2', 0, id(9)],
    ['node-2', 33, id(9)],
    ['node-2', 1.5, id(9)],
    ['node-2', 2, new Uint8Array(15)],
  ] as const) {
    await assert.rejects(store.put(peer, index, raw, secret), refusal('store/record-mismatch'));
  }
  for (const length of [0, 16_385]) {
    await assert.rejects(store.put('node-2', 2, id(9), new Uint8Array(length)), refusal('wire/oversize'));
  }
  isReady(store, 'node-2', 0x22);
  await store.put('node-2', 2, id(9), new Uint8Array(16_384).fill(7));
});

test('given a disk that gives back another pairing, when one is stored, then nobody is told that it is stored', async (t) => {
  const elsewhere = await filled(t);
  const other = await readFile(pathOf(elsewhere, 'node-2', 1, 'sealed'));
  const lying: Files = {
    read: (path, maxBytes) =>
      path.endsWith('node-2.1.sealed')
        ? Promise.resolve({ kind: 'value', bytes: new Uint8Array(other) })
        : files.read(path, maxBytes),
    list: (folder) => files.list(folder),
    makeFolder: (folder) => files.makeFolder(folder),
    replace: (path, bytes) => files.replace(path, bytes),
    remove: (path) => files.remove(path),
    append: (path) => files.append(path),
  };
  const store = await open(await freshFolder(t), { files: lying });
  await assert.rejects(store.put('node-2', 2, id(2), secretOf(9)), refusal('store/record-mismatch'));
  assert.deepEqual(store.find('node-2'), { kind: 'absent' });
});

test('given as many peers as the store holds, when one more is stored, then it is full', async (t) => {
  const folder = await freshFolder(t);
  const store = await open(folder);
  for (let i = 0; i < maxPairings; i += 1) {
    await store.put(`peer-${i}`, 2, id(2), Uint8Array.of(1));
  }
  await assert.rejects(store.put('one-more', 2, id(2), Uint8Array.of(1)), refusal('store/full'));
  await store.put('peer-0', 2, id(3), Uint8Array.of(1));
});

test('given files that do not belong, when the node starts, then they are named, and rests of writes are removed', async (t) => {
  const folder = await filled(t);
  await writeFile(join(folder, 'notes.txt'), '');
  await writeFile(join(folder, '.tmp-node-2.2.sealed'), 'half');
  const store = await open(folder);
  assert.deepEqual(
    store.broken().map(({ file, code }) => [file, code]),
    [['notes.txt', 'store/unexpected-file']],
  );
  assert.equal(store.recovered.length, 1);
  assert.ok(!(await readdir(folder)).includes('.tmp-node-2.2.sealed'));
});

/** Starts, uses the pairings and is killed. */
async function unclean(folder: string): Promise<Pairings> {
  const store = await open(folder);
  await store.beginUse();
  return store;
}

test('T15: given a node that ends uncleanly again and again, when its pairings have borne enough, then they are worn out and a new one is not', async (t) => {
  const folder = await filled(t);
  for (let i = 0; i <= maxUnclean; i += 1) {
    const store = await unclean(folder);
    assert.equal(store.uncleanStarts, i);
    isReady(store, 'node-2', 0x22);
  }
  const worn = await unclean(folder);
  assert.equal(worn.uncleanStarts, maxUnclean + 1);
  assert.deepEqual(worn.list(), []);
  assert.equal(worn.recovered.filter((line) => line.includes('too many unclean starts')).length, 2);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.sealed')),
    [],
  );
  await worn.put('node-2', 2, id(9), secretOf(0x99));
  await worn.close();
  const again = await open(folder);
  isReady(again, 'node-2', 0x99);
  assert.equal(again.find('node-3').kind, 'absent');
  assert.equal(again.uncleanStarts, maxUnclean + 1);
});

test('given a node that ends in order, or never used its pairings, when it starts, then nothing is counted', async (t) => {
  const folder = await filled(t);
  for (let i = 0; i < 3; i += 1) {
    const used = await unclean(folder);
    await used.beginUse();
    assert.ok((await readdir(folder)).includes(inUseFile));
    await used.close();
    await open(folder);
  }
  assert.equal((await open(folder)).uncleanStarts, 0);
});

test('T11, T28: given a count that is broken, or was set back behind a pairing, when the node starts, then the pairings are worn out', async (t) => {
  const broken = await filled(t);
  await writeFile(join(broken, uncleanFile), 'junk', { mode: 0o600 });
  const first = await open(broken);
  assert.equal(first.find('node-2').kind, 'absent');
  await first.put('node-2', 2, id(9), secretOf(0x99));
  await first.close();
  isReady(await open(broken), 'node-2', 0x99);

  const back = await filled(t);
  await unclean(back);
  const store = await open(back);
  await store.put('node-2', 2, id(9), secretOf(0x99));
  await store.close();
  await writeFile(join(back, uncleanFile), uncleanBytes.encode({ v: 1, count: 0 }));
  const again = await open(back);
  assert.equal(again.find('node-2').kind, 'absent');
  // Made before anything was counted: this roll-back is not seen.
  isReady(again, 'node-3', 0x33);
});

test('T15: given a mark that never became durable, when the node ends in order, then the next start counts it all the same', async (t) => {
  const folder = await filled(t);
  let refuse = false;
  const store = await open(folder, {
    files: nodeFiles(() => {
      if (refuse) {
        throw new Error('no disk');
      }
      return undefined;
    }),
  });
  await store.beginUse();
  refuse = true;
  await assert.rejects(store.poison('node-2', id(2)), refusal('store/write-failed'));
  refuse = false;
  await store.close();
  assert.equal((await open(folder)).uncleanStarts, 1);
});
