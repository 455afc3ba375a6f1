import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { findCluster } from './cluster.ts';
import { readJson, readOptional, readSecret, writePrivate } from './files.ts';
import { clusterPaths } from './layout.ts';
import { lockHolder, takeLock } from './lock.ts';
import { refTo, runs, signal } from './processTable.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-files-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a private file has mode 0600, is replaced as a whole, and leaves nothing beside it', () => {
  const path = join(folder, 'a', 'secret');
  writePrivate(path, 'one');
  writePrivate(path, 'two');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'a')).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(join(folder, 'a')), ['secret']);
});

test('a secret that others can read is not used', () => {
  const path = join(folder, 'exposed');
  writePrivate(path, new Uint8Array(32).fill(7));
  assert.equal(readSecret(path, { exactly: 32 }).length, 32);
  chmodSync(path, 0o640);
  assert.throws(
    () => readSecret(path, { exactly: 32 }),
    (error) => isSymbolonError(error, 'cli/exposed-secret'),
  );
});

test('absent, too large and broken are three results', () => {
  const path = join(folder, 'x.json');
  assert.equal(readOptional(path, 10), undefined);
  assert.equal(readJson(path), undefined);
  writeFileSync(path, 'not json at all');
  assert.throws(
    () => readOptional(path, 10),
    (error) => isSymbolonError(error, 'cli/unreadable-file'),
  );
  assert.throws(
    () => readJson(path),
    (error) => isSymbolonError(error, 'cli/unreadable-file'),
  );
  assert.throws(
    () => readSecret(path, { exactly: 32 }),
    (error) => isSymbolonError(error),
  );
});

test('an absent folder is no cluster, and one with parts of a cluster is named with what is missing', () => {
  assert.equal(findCluster(join(folder, 'nowhere')), undefined);
  const half = join(folder, 'half');
  writePrivate(join(half, 'cluster.json'), '{}');
  assert.throws(
    () => findCluster(half),
    (error) =>
      isSymbolonError(error, 'cli/half-made-folder') && error.facts.missing.includes('manifest.cbor'),
  );
});

test('a cluster.json with a wrong, unknown or missing field is refused', () => {
  const root = join(folder, 'c');
  for (const part of ['manifest.cbor', 'nodes/x', 'clients/x', 'coordinator/x', 'attestation/x']) {
    writePrivate(join(root, part), 'x');
  }
  for (const content of ['', '[]', '{}', '{"v":1}', '{"v":2,"x":1}', `{"v":1.5}`]) {
    writePrivate(join(root, 'cluster.json'), content);
    assert.throws(
      () => findCluster(root),
      (error) => isSymbolonError(error, 'cli/unreadable-file'),
      content,
    );
  }
});

test('a lock is held by one process, and one of a process that is gone is taken over with a word', async () => {
  const root = join(folder, 'lock');
  writePrivate(join(root, 'x'), 'x');
  const paths = clusterPaths(root);
  const told: string[] = [];
  const giveBack = await takeLock(paths, (line) => told.push(line));
  assert.equal(lockHolder(paths)?.pid, process.pid);
  await assert.rejects(
    takeLock(paths, () => undefined),
    (error) => isSymbolonError(error, 'cli/already-running'),
  );
  giveBack();
  assert.equal(lockHolder(paths), undefined);
  assert.equal(told.length, 0);
  // The same id with another start time is another process.
  for (const stale of [JSON.stringify({ pid: process.pid, start: '1' }), 'half a lo']) {
    writePrivate(paths.lock, stale);
    assert.equal(lockHolder(paths), undefined);
    (await takeLock(paths, (line) => told.push(line)))();
  }
  assert.equal(told.length, 2);
  assert.ok(told.every((line) => line.includes('stale')));
});

test('a process is found by id and start time, and a stranger with the same id is never signalled', () => {
  const self = refTo(process.pid);
  assert.ok(self !== undefined && runs(self));
  assert.equal(signal({ pid: process.pid, start: 'another' }, 'SIGKILL'), false);
});
