/** The store on a real PGlite in a folder: what it keeps, through kills too. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs, { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { after, test, type TestContext } from 'node:test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { lockFolder } from './lock.ts';
import { migrations } from './migrations.ts';
import { openPgliteStore } from './pgliteStore.ts';
import type { Job, Store, StoredKey } from './store.ts';

// Making a database takes seconds, opening one a moment: one folder serves all tests, in order.
const shared = mkdtemp(join(tmpdir(), 'symbolon-store-'));
after(async () => {
  await rm(await shared, { recursive: true, force: true });
});
async function opened(t: Pick<TestContext, 'after'>): Promise<Store> {
  const store = await openPgliteStore({ folder: await shared });
  t.after(() => store.close());
  return store;
}

const key = (id: string, change: Partial<StoredKey> = {}): StoredKey => ({
  id: id.padStart(32, '0'),
  scheme: 'frost-ed25519',
  purpose: 'treasury',
  label: 'it\'s {a} "label", ü',
  threshold: 2,
  nodes: ['node-1', 'node-2', 'node-3'],
  generation: 1,
  createdAt: 1_795_000_000_000,
  public: new Uint8Array([0, 1, 255]),
  state: 'active',
  ...change,
});
const job = (id: string): Omit<Job, 'state' | 'finishedAt' | 'outcome'> => ({
  id: id.padStart(32, '0'),
  kind: 'sign',
  request: new Uint8Array([1, 2, 3]),
  hash: new Uint8Array(32).fill(7),
  key: undefined,
  createdAt: 5,
  expiresAt: 6,
});

test('keys come back as they were put, and an existing one stays as it is', async (t) => {
  const store = await opened(t);
  await store.addKeys([key('1')]);
  await store.addKeys([key('1', { label: 'other' })]);
  assert.deepEqual(await store.keys(), [key('1')]);
});

test('a pending key keeps its confirmations and who took them until it is active', async (t) => {
  const store = await opened(t);
  const confirmations = new Uint8Array([9, 8, 7]);
  await store.addPendingKey(key('2'), confirmations, { id: job('2').id, outcome: '{}', at: 3 });
  await store.activatedBy(key('2').id, 'node-1');
  await store.activatedBy(key('2').id, 'node-1');
  assert.deepEqual(await store.activations(), [{ key: key('2').id, confirmations, done: ['node-1'] }]);
  await store.activate(key('2').id);
  assert.deepEqual(await store.activations(), []);
  assert.equal((await store.keys()).find(({ id }) => id === key('2').id)?.state, 'active');
});

test('given a key that is stored already, when its ceremony puts it, then all of it is put anew, with nobody told', async (t) => {
  const store = await opened(t);
  const early = key('e', { label: 'other', createdAt: 4, threshold: 3, public: Uint8Array.of(5) });
  const made = { id: job('e').id, outcome: '{}', at: 3 };
  await store.addKeys([early]);
  await store.addPendingKey(key('e'), Uint8Array.of(1), made);
  await store.activatedBy(key('e').id, 'node-1');
  await store.addPendingKey(key('e'), Uint8Array.of(2), made);
  const stored = (await store.keys()).filter(({ id }) => id === early.id);
  assert.deepEqual(stored, [key('e', { state: 'pending' })]);
  assert.deepEqual(await store.activations(), [
    { key: key('e').id, confirmations: Uint8Array.of(2), done: [] },
  ]);
});

test('a pending key and the end of the job that made it are put as one', async (t) => {
  const store = await opened(t);
  await store.addJob({ ...job('b'), kind: 'key.create' });
  const made = { id: job('b').id, outcome: '{"key":"c"}', at: 8 };
  await store.addPendingKey(key('c'), new Uint8Array([1]), made);
  const { state, outcome, finishedAt } = (await store.job(made.id)) ?? {};
  assert.deepEqual({ state, outcome, finishedAt }, { state: 'done', outcome: made.outcome, finishedAt: 8 });
  // What the work of the job says afterwards changes nothing.
  await store.finishJob(made.id, 'failed', '{}', 9);
  assert.equal((await store.job(made.id))?.state, 'done');
  await store.activate(key('c').id);
});

test('what was acknowledged is on the disk: each write syncs the log before it resolves', async (t) => {
  const store = await opened(t);
  const synced: string[] = [];
  const { fsync, fsyncSync } = fs;
  t.after(() => {
    fs.fsync = fsync;
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
  });
  const note = (file: number): void => {
    synced.push(fs.readlinkSync(`/proc/self/fd/${file}`));
  };
  const later = (file: number, done: fs.NoParamCallback): void => {
    fsync(file, (error) => {
      note(file);
      done(error);
    });
  };
  fs.fsync = Object.assign(later, { __promisify__: fsync.__promisify__ });
  fs.fsyncSync = (file) => {
    fsyncSync(file);
    note(file);
  };
  syncBuiltinESMExports();
  for (const id of ['d', 'e', 'f']) {
    synced.length = 0;
    await store.addJob(job(id));
    assert.match(synced.join(), /pg_wal/);
    synced.length = 0;
    await store.finishJob(job(id).id, 'done', '{}', 9);
    assert.match(synced.join(), /pg_wal/);
  }
});

test('given a disk that fails to sync, then the write is not acknowledged, and no later one either', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-store-'));
  const base = await shared;
  await cp(join(base, 'pglite'), join(folder, 'pglite'), { recursive: true });
  const store = await openPgliteStore({ folder });
  const { fsync } = fs;
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  const failing = (_file: number, done: fs.NoParamCallback): void => {
    done(new Error('EIO'));
  };
  fs.fsync = Object.assign(failing, { __promisify__: fsync.__promisify__ });
  syncBuiltinESMExports();
  const isBroken = (error: unknown): boolean => isSymbolonError(error, 'coordinator/store-broken');
  await assert.rejects(store.addJob(job('1a')), isBroken);
  fs.fsync = fsync;
  syncBuiltinESMExports();
  await assert.rejects(store.addJob(job('1b')), isBroken);
});

test('a job is put once, ends once, and a failed one can be run again', async (t) => {
  const store = await opened(t);
  assert.equal((await store.addJob(job('1'))).added, true);
  const second = await store.addJob({ ...job('1'), request: new Uint8Array([4]) });
  assert.equal(second.added, false);
  assert.deepEqual(second.job.request, job('1').request);
  assert.deepEqual(
    (await store.runningJobs()).map(({ id }) => id),
    [job('1').id],
  );
  await store.finishJob(job('1').id, 'failed', '{"code":"x"}', 10);
  await store.restartJob(job('1').id);
  assert.equal((await store.job(job('1').id))?.outcome, undefined);
  await store.finishJob(job('1').id, 'done', '{"a":1}', 11);
  await store.finishJob(job('1').id, 'failed', '{"late":true}', 12);
  await store.restartJob(job('1').id);
  const done = await store.job(job('1').id);
  assert.deepEqual([done?.state, done?.outcome, done?.finishedAt], ['done', '{"a":1}', 11]);
  assert.equal(await store.job('f'.repeat(32)), undefined);
});

test('T23: an idempotency key keeps the first use, for each caller its own', async (t) => {
  const store = await opened(t);
  const use = { caller: 'a', key: 'k', route: 'POST /v1/keys', bodyHash: new Uint8Array(32), createdAt: 1 };
  assert.deepEqual(await store.claimIdempotency(use), use);
  const other = { ...use, bodyHash: new Uint8Array(32).fill(1), createdAt: 2 };
  assert.deepEqual(await store.claimIdempotency(other), use);
  assert.deepEqual(await store.claimIdempotency({ ...other, caller: 'b' }), { ...other, caller: 'b' });
  await store.prune(2);
  assert.deepEqual(await store.claimIdempotency(other), other);
});

test('API keys are kept as hashes, and removed', async (t) => {
  const store = await opened(t);
  const record = { name: 'operator', hash: new Uint8Array(32).fill(3), createdAt: 1 };
  await store.addApiKey(record);
  assert.deepEqual(await store.apiKeys(), [record]);
  assert.equal(await store.removeApiKey('operator'), true);
  assert.equal(await store.removeApiKey('operator'), false);
});

test('given a folder in use, when it is opened again, then it is refused with the pid', async (t) => {
  await opened(t);
  await assert.rejects(openPgliteStore({ folder: await shared }), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/store-locked'));
    assert.equal(error.facts.pid, process.pid);
    return true;
  });
});

test('given a lock of a process that is gone, or of its pid used again, or damaged, then it is taken over', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-lock-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const stale of ['999999999 1 boot\n', `${process.pid} 1 other-boot\n`, '', 'garbage']) {
    writeFileSync(join(folder, 'lock'), stale);
    lockFolder(folder)();
    assert.equal(existsSync(join(folder, 'lock')), false);
  }
});

test('given a database of a newer version, then it is refused and nothing is changed', async (t) => {
  const folder = await shared;
  const db = await PGlite.create(join(folder, 'pglite'));
  await db.query('update schema_version set version = $1', [migrations.length + 1]);
  await db.close();
  t.after(async () => {
    const again = await PGlite.create(join(folder, 'pglite'));
    await again.query('update schema_version set version = $1', [migrations.length]);
    await again.close();
  });
  await assert.rejects(openPgliteStore({ folder }), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/store-newer'));
    return true;
  });
  // The lock was given back.
  assert.equal(existsSync(join(folder, 'lock')), false);
});

test('given a half-made database of a start that was killed, then it is made anew', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-partial-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'pglite.partial'));
  writeFileSync(join(folder, 'pglite.partial', 'PG_VERSION'), 'half');
  const store = await openPgliteStore({ folder });
  assert.deepEqual(await store.keys(), []);
  await store.close();
});

test('given a kill -9 in the middle of writes, when the store is opened again, then nothing acknowledged is lost', async () => {
  const folder = await shared;
  const acknowledged: string[] = [];
  for (let round = 1; round <= 3; round += 1) {
    const writer = join(import.meta.dirname, '../testing/storeWriter.js');
    const child = spawn(process.execPath, [writer, folder, String(round * 1_000_000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.split('\n').length > 20 * round) {
        child.kill('SIGKILL');
      }
    });
    await ended;
    acknowledged.push(...text.split('\n').slice(0, -1));
    const store = await openPgliteStore({ folder });
    try {
      for (const id of acknowledged) {
        const found = await store.job(id);
        assert.equal(found?.state, Number(`0x${id}`) % 2 === 0 ? 'done' : 'running', id);
      }
    } finally {
      await store.close();
    }
  }
  assert.ok(acknowledged.length >= 60);
});
