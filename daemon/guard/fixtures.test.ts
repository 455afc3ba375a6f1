import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { decodeJournal, encodeJournal } from './journal.ts';

test('given the frozen journal of version 1, when read, then its entries are as they were, byte for byte', async () => {
  const file = await readFile(join(repoRoot, 'test/fixtures/v1/guard/replay.journal'));
  const { header, entries, end } = decodeJournal(file);
  assert.equal(end, file.length);
  assert.deepEqual(header, { v: 1, createdAt: 1_795_000_000_000, forgottenUntil: 0 });
  const entry = (id: number, attempts: number, done: boolean) => ({
    id: new Uint8Array(16).fill(id),
    hash: new Uint8Array(32).fill(id),
    expiresAt: 1_795_000_060_000,
    attempts,
    done,
  });
  assert.deepEqual(entries, [entry(1, 1, false), entry(1, 1, true), entry(2, 1, false), entry(2, 2, false)]);
  assert.deepEqual(Buffer.from(encodeJournal(header, entries).file), file);
});
