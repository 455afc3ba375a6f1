import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { decodeJournal, encodeJournal } from './journal.ts';
import { openReplayGuard } from './replayGuard.ts';

const fixture = (version: 'v1' | 'v2'): string =>
  join(repoRoot, 'test/fixtures', version, 'guard/replay.journal');
const entry = (id: number, attempts: number, done: boolean) => ({
  id: new Uint8Array(16).fill(id),
  hash: new Uint8Array(32).fill(id),
  expiresAt: 1_795_000_060_000,
  attempts,
  done,
});
const entries = [entry(1, 1, false), entry(1, 1, true), entry(2, 1, false), entry(2, 2, false)];
const header = { v: 2, createdAt: 1_795_000_000_000, forgottenUntil: 0 } as const;
const state = {
  boots: 4,
  mark: 9,
  witnessed: [2, 3].map((fill) => ({
    tie: new Uint8Array(16).fill(fill),
    boot: new Uint8Array(16).fill(fill + 16),
    boots: fill,
    mark: fill * 1_000,
  })),
};

const steps = state.witnessed.map((seen) => ({ boots: state.boots, mark: state.mark, seen }));

test('given the frozen journal of version 1, when read, then its entries are as they were, and it has no counts', async () => {
  const file = await readFile(fixture('v1'));
  const read = decodeJournal(file);
  assert.equal(read.end, file.length);
  assert.equal(read.version, 1);
  assert.deepEqual(read.header, header);
  assert.deepEqual(read.entries, entries);
  assert.deepEqual(read.state, { boots: 0, mark: 0, witnessed: [] });
});

test('given the frozen journal of version 2, when read, then marks, witnesses and entries are as they were, byte for byte', async () => {
  const file = await readFile(fixture('v2'));
  const read = decodeJournal(file);
  assert.equal(read.end, file.length);
  assert.equal(read.version, 2);
  assert.deepEqual(read.header, header);
  assert.deepEqual(read.entries, entries);
  assert.deepEqual(read.state, state);
  assert.deepEqual(Buffer.from(encodeJournal(header, steps, entries).file), file);
});

test('given the frozen journals, when a node opens them, then it refuses what was used, counts its boot, and writes version 2', async (t) => {
  for (const [version, boots, since] of [
    ['v1', 1, 0],
    ['v2', 5, 9],
  ] as const) {
    const file = join(await testFolder(t), 'replay.journal');
    await copyFile(fixture(version), file);
    const guard = await openReplayGuard({ file }, { files: nodeFiles(), now: () => 1_795_000_000_000 });
    t.after(() => guard.close());
    assert.deepEqual([guard.marks.boots, guard.marks.since], [boots, since]);
    assert.equal(guard.size, 2);
    assert.throws(() => {
      guard.begin(entry(1, 1, true));
    }, /request-replayed|carried out/);
    const read = decodeJournal(await readFile(file));
    assert.deepEqual([read.version, read.state.boots, read.state.mark], [2, boots, since]);
  }
});
