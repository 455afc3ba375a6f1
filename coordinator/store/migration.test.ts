/** Databases of older versions open, with everything that was in them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import { repoRoot } from '../../test/repoRoot.ts';
import { fromHex } from '../../wire/ids.ts';
import { openPgliteStore } from './pgliteStore.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();

test('given a database of version 1, when it is opened, then it is of this version, and what was in it is there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-migration-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const old = await PGlite.create(join(folder, 'pglite'));
  await old.exec(readFileSync(join(repoRoot, 'test/fixtures/v1/coordinator/database.sql'), 'utf8'));
  await old.close();

  const store = await openPgliteStore({ folder });
  t.after(() => store.close());
  const [active, pending] = await store.keys();
  assert.ok(active !== undefined);
  assert.deepEqual(active, {
    id: '6e9edd27fa7d6aa6bd52da4c60929d9e',
    scheme: 'frost-ed25519',
    purpose: 'treasury',
    label: 'main',
    threshold: 2,
    nodes: ['node-1', 'node-2', 'node-3'],
    generation: 1,
    createdAt: 1_795_000_000_000,
    public: bytes('0102'),
    state: 'active',
  });
  assert.deepEqual([pending?.state, pending?.label], ['pending', 'a "cold" one']);
  assert.deepEqual(await store.activations(), [
    { key: pending?.id, confirmations: bytes('0506'), done: ['node-2'] },
  ]);
  assert.deepEqual(await store.renewals(), []);
  const done = await store.job('00000000000000000000000000000001');
  assert.deepEqual([done?.kind, done?.state, done?.outcome], ['sign', 'done', '{"signature":"00"}']);
  assert.deepEqual(
    (await store.runningJobs()).map(({ kind }) => kind),
    ['key.create'],
  );
  assert.deepEqual(
    (await store.apiKeys()).map(({ name }) => name),
    ['operator'],
  );

  // What version 1 did not know is taken now.
  const job = { ...done, request: bytes('03'), hash: bytes('15'), createdAt: 8, expiresAt: 9 };
  const id = '00000000000000000000000000000003';
  const key = active.id;
  await store.addJob({ ...job, id, kind: 'key.refresh', key });
  const renewal = {
    key,
    generation: 2,
    threshold: 2,
    nodes: ['node-1', 'node-2'],
    confirmations: bytes('07'),
    told: ['node-1', 'node-2', 'node-3'],
  };
  await store.addRenewal(renewal, { id, outcome: '{}', at: 10 });
  assert.equal((await store.job(id))?.state, 'done');
  await store.renewedBy(key, 'node-3');
  await store.renewedBy(key, 'node-3');
  assert.deepEqual(await store.renewals(), [{ ...renewal, done: ['node-3'] }]);
  assert.equal((await store.keys())[0]?.generation, 1);

  // The next generation takes the place of the present one, once.
  const { nodes } = renewal;
  await store.replaceKey({ ...active, generation: 2, nodes, public: bytes('08') });
  assert.deepEqual(await store.renewals(), []);
  const [renewed] = await store.keys();
  assert.deepEqual([renewed?.generation, renewed?.nodes, renewed?.state], [2, nodes, 'active']);
  await store.replaceKey({ ...active, generation: 1 });
  assert.equal((await store.keys())[0]?.generation, 2);
});
