import assert from 'node:assert/strict';
import { chmod, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { crashAt, failAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { refusal } from '../testing/refusal.ts';
import { decodeJournal, encodeFrame, encodeJournal, stateBody, useBody } from './journal.ts';
import {
  openReplayGuard,
  type ReplayGuard,
  type ReplayGuardOptions,
  type RequestUse,
} from './replayGuard.ts';

const t0 = 1_795_000_000_000;
const use = (id: number, change: Partial<RequestUse> = {}): RequestUse => ({
  id: new Uint8Array(16).fill(id),
  hash: new Uint8Array(32).fill(id),
  expiresAt: t0 + 60_000,
  ...change,
});
const clock = { now: t0 };
const open = (
  file: string,
  more: Partial<ReplayGuardOptions> = {},
  files: Files = nodeFiles(),
): Promise<ReplayGuard> =>
  openReplayGuard({ file, ...more }, { files, now: () => clock.now }).then((guard) => {
    opened.push(guard);
    return guard;
  });
/** Guards of the test that runs, those "crashed" in it too: a process that ends closes its files, so does a test. */
const opened: ReplayGuard[] = [];
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((guard) => guard.close()));
});
const journal = async (folder: Promise<string>): Promise<string> => join(await folder, 'replay.journal');

test('given a request, when begun, burned and done, then it is refused from then on and after a restart', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.done(use(1));
  await guard.done(use(1));
  assert.throws(() => {
    guard.begin(use(1));
  }, refusal('node/request-replayed'));
  await guard.close();
  const again = await open(file);
  assert.deepEqual(again.recovered, []);
  assert.throws(() => {
    again.begin(use(1));
  }, refusal('node/request-replayed'));
  await assert.rejects(again.burn(use(1)), refusal('node/request-replayed'));
});

test('given a failed session, when the same request starts another, then it may, up to the limit, across restarts', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file, { maxAttempts: 3 });
  guard.begin(use(1));
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.close();
  const again = await open(file, { maxAttempts: 3 });
  again.begin(use(1));
  assert.throws(
    () => {
      again.begin(use(1));
    },
    refusal('guard/attempts-exhausted', { attempts: 3 }),
  );
  await again.burn(use(1));
});

test('T24: given the id of another request, when begun or burned, then it is a conflict, across restarts', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  const otherHash = use(1, { hash: new Uint8Array(32).fill(9) });
  const otherEnd = use(1, { expiresAt: t0 + 90_000 });
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.close();
  const again = await open(file);
  for (const other of [otherHash, otherEnd]) {
    assert.throws(() => {
      again.begin(other);
    }, refusal('node/request-id-conflict'));
    await assert.rejects(again.burn(other), refusal('node/request-id-conflict'));
  }
  await assert.rejects(again.done(otherHash), refusal('guard/not-begun'));
});

test('given no begun session, when burned, then it is refused; each session burns once', async (t) => {
  const guard = await open(await journal(testFolder(t)));
  await assert.rejects(guard.burn(use(1)), refusal('guard/not-begun'));
  guard.begin(use(1));
  await assert.rejects(guard.done(use(1)), refusal('guard/not-begun'));
  const results = await Promise.allSettled([guard.burn(use(1)), guard.burn(use(1))]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
});

test('given a request past its end, when begun or burned, then it is expired; done is quiet about it', async (t) => {
  t.after(() => (clock.now = t0));
  const guard = await open(await journal(testFolder(t)));
  guard.begin(use(1));
  clock.now = t0 + 60_000;
  await assert.rejects(guard.burn(use(1)), refusal('request/expired'));
  assert.throws(() => {
    guard.begin(use(2));
  }, refusal('request/expired'));
  await guard.done(use(3));
});

test('T37: given ids forgotten after their end, when the clock is set back, then their requests stay refused', async (t) => {
  t.after(() => (clock.now = t0));
  const file = await journal(testFolder(t));
  const guard = await open(file, { maxEntries: 2 });
  for (const id of [1, 2]) {
    guard.begin(use(id));
    await guard.burn(use(id));
  }
  assert.throws(
    () => {
      guard.begin(use(3));
    },
    refusal('guard/full', { limit: 2 }),
  );
  clock.now = t0 + 60_000;
  guard.begin(use(3, { expiresAt: t0 + 90_000 }));
  clock.now = t0;
  assert.throws(() => {
    guard.begin(use(1));
  }, refusal('request/expired'));
});

test('given bursts of burns, when they run at once, then they share syncs and all are on the disk', async (t) => {
  const file = await journal(testFolder(t));
  let syncs = 0;
  const files = nodeFiles(({ op, path }) => {
    syncs += op === 'sync' && path === file ? 1 : 0;
    return undefined;
  });
  const guard = await open(file, {}, files);
  const uses = Array.from({ length: 100 }, (_, id) => use(id));
  uses.forEach((one) => {
    guard.begin(one);
  });
  await Promise.all(uses.map((one) => guard.burn(one)));
  assert.ok(syncs <= 3, `${syncs} syncs`);
  assert.equal(decodeJournal(await readFile(file)).entries.length, 100);
});

test('given a disk that fails, when burned, then nothing is promised and the guard refuses until it is opened again', async (t) => {
  const file = await journal(testFolder(t));
  await (await open(file)).close();
  // The first two steps count the boot.
  const faults = failAt(4);
  const guard = await open(file, {}, faults.files);
  guard.begin(use(1));
  guard.begin(use(2));
  const results = await Promise.allSettled([guard.burn(use(1)), guard.burn(use(2))]);
  for (const result of results) {
    assert.equal(result.status, 'rejected');
    refusal('guard/write-failed')(result.reason);
  }
  assert.throws(() => {
    guard.begin(use(3));
  }, refusal('guard/write-failed'));
  await assert.rejects(guard.burn(use(1)), refusal('guard/write-failed'));
  await assert.rejects(guard.done(use(1)), refusal('guard/write-failed'));
});

test('T11: given absent, vanished, empty and broken journals, when opened, then each is another result', async (t) => {
  const file = await journal(testFolder(t));
  await assert.rejects(open(file, { mustExist: true }), refusal('guard/missing'));
  const guard = await open(file);
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.close();
  const genuine = await readFile(file);
  await unlink(file);
  await assert.rejects(open(file), refusal('guard/missing'));
  await writeFile(file, '', { mode: 0o600 });
  await assert.rejects(open(file), refusal('guard/broken'));
  await writeFile(file, genuine);
  await chmod(file, 0o662);
  await assert.rejects(open(file), refusal('guard/broken'));
  await chmod(file, 0o600);
  await (await open(file)).close();
  await unlink(`${file}.created`);
  const again = await open(file);
  assert.equal(again.size, 1);
  await again.close();
  assert.ok((await stat(`${file}.created`)).isFile(), 'the mark is made again');
});

test('T11: given a journal cut at each byte, when opened, then only an incomplete last entry is recovered, and explained', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  for (const id of [1, 2]) {
    guard.begin(use(id));
    await guard.burn(use(id));
  }
  await guard.close();
  const genuine = await readFile(file);
  // Header and first mark are replaced as a whole: no crash leaves one without the other.
  const { header } = decodeJournal(genuine);
  const headerEnd = encodeJournal(header, [{ boots: 1, mark: 0 }], []).file.length;
  for (let cut = 0; cut < genuine.length; cut += 1) {
    await writeFile(file, genuine.subarray(0, cut));
    if (cut < headerEnd) {
      await assert.rejects(open(file), refusal('guard/broken'), `cut ${cut}`);
      continue;
    }
    const again = await open(file);
    const whole = decodeJournal(genuine.subarray(0, cut));
    assert.equal(again.recovered.length, whole.end === cut ? 0 : 1, `cut ${cut}`);
    // What was complete, and this boot's mark behind it.
    const now = await readFile(file);
    const boot = encodeFrame(
      whole.checksum,
      stateBody({ boots: whole.state.boots + 1, mark: whole.state.mark }),
    );
    assert.deepEqual(now, Buffer.concat([genuine.subarray(0, whole.end), boot.frame]), `cut ${cut}`);
    // And it can be written on.
    again.begin(use(7));
    await again.burn(use(7));
    await again.close();
    assert.equal(decodeJournal(await readFile(file)).end, (await readFile(file)).length);
  }
});

test('T11: given any byte of a journal changed, when opened, then it is broken and nothing is written', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  for (const id of [1, 2]) {
    guard.begin(use(id));
    await guard.burn(use(id));
  }
  await guard.close();
  const genuine = await readFile(file);
  for (let i = 0; i < genuine.length; i += 1) {
    const changed = Buffer.from(genuine);
    changed[i] = (changed[i] ?? 0) ^ 0x80;
    await writeFile(file, changed);
    await assert.rejects(open(file), refusal('guard/broken'), `byte ${i}`);
    assert.deepEqual(await readFile(file), changed);
  }
});

test('given more frames than needed, when compacted, then the journal shrinks, keeps every id, and survives a restart', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file, { maxAttempts: 10_000 });
  const round = async (): Promise<void> => {
    const uses = [1, 2, 3, 4].flatMap((id) => Array.from({ length: 250 }, () => use(id)));
    uses.forEach((one) => {
      guard.begin(one);
    });
    await Promise.all(uses.map((one) => guard.burn(one)));
  };
  for (let i = 0; i < 5; i += 1) {
    await round();
  }
  await guard.done(use(4));
  await guard.close();
  assert.ok((await stat(file)).size < 200_000, 'not compacted');
  const again = await open(file, { maxAttempts: 10_000 });
  assert.equal(again.size, 4);
  assert.throws(() => {
    again.begin(use(4));
  }, refusal('node/request-replayed'));
  again.begin(use(1));
});

test('T13: given a crash at every step of a life, when the node starts, then every acknowledged burn is known', async (t) => {
  for (let step = 1; ; step += 1) {
    const file = await journal(testFolder(t));
    const faults = crashAt(step);
    const burned: number[] = [];
    const done: number[] = [];
    try {
      const guard = await open(file, {}, faults.files);
      for (const id of [1, 2, 3]) {
        guard.begin(use(id));
        await guard.burn(use(id));
        burned.push(id);
        await guard.done(use(id));
        done.push(id);
      }
    } catch (error) {
      refusal('guard/write-failed')(error);
    }
    await faults.settle();
    const again = await open(file, { maxAttempts: 1 });
    for (const id of burned) {
      // A burn that was acknowledged and whose `done` was not: the disk may have either.
      const wanted = ['node/request-replayed', ...(done.includes(id) ? [] : ['guard/attempts-exhausted'])];
      assert.throws(
        () => {
          again.begin(use(id));
        },
        (error: unknown) => isSymbolonError(error) && wanted.includes(error.code),
      );
    }
    assert.ok(again.recovered.length <= 1, `step ${step}`);
    await again.close();
    if (!faults.struck()) {
      assert.deepEqual(done, [1, 2, 3]);
      break;
    }
  }
});

test('given two requests with one frame each, when the frames are exchanged, then the chain of checksums shows it', () => {
  const header = { v: 2, createdAt: 0, forgottenUntil: 0 } as const;
  const entry = (id: number) => useBody({ ...use(id), attempts: 1, done: false });
  const start = encodeJournal(header, [{ boots: 1, mark: 0 }], []);
  const a = encodeFrame(start.checksum, entry(1));
  const b = encodeFrame(a.checksum, entry(2));
  assert.equal(decodeJournal(Buffer.concat([start.file, a.frame, b.frame])).entries.length, 2);
  for (const frames of [[b.frame, a.frame], [b.frame], [a.frame, a.frame]]) {
    assert.throws(() => decodeJournal(Buffer.concat([start.file, ...frames])), refusal('guard/broken'));
  }
});

const tie = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const boot = tie;

test('T09: given boots and burns, when the node starts again, then it has every mark that it ever had on its disk, and a later number', async (t) => {
  const file = await journal(testFolder(t));
  const first = await open(file);
  const counts = ({ marks: { boots, since, mark } }: ReplayGuard) => [boots, since, mark];
  assert.deepEqual(counts(first), [1, 0, 0]);
  first.begin(use(1));
  first.begin(use(2));
  await Promise.all([first.burn(use(1)), first.burn(use(2))]);
  await first.done(use(1));
  assert.deepEqual(counts(first), [1, 0, 2]);
  await first.close();
  const second = await open(file);
  assert.deepEqual(counts(second), [2, 2, 2]);
  await second.close();
  assert.deepEqual(counts(await open(file)), [3, 2, 2]);
});

test('T09: given a burn that the disk does not have yet, when the mark is shown, then it is the one that the disk has', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  guard.begin(use(1));
  const burning = guard.burn(use(1));
  assert.equal(guard.marks.mark, 0);
  await burning;
  assert.equal(guard.marks.mark, 1);
});

test('given witnesses and a burn, when written, then they share one append and one sync, and a restart knows the newest', async (t) => {
  const file = await journal(testFolder(t));
  const steps: string[] = [];
  const files = nodeFiles(({ op, path }) => {
    steps.push(...(path === file ? [op] : []));
    return undefined;
  });
  const guard = await open(file, {}, files);
  steps.length = 0;
  guard.marks.witness(tie(1), { boot: boot(1), boots: 1, mark: 7 });
  guard.marks.witness(tie(2), { boot: boot(2), boots: 1, mark: 9 });
  guard.marks.witness(tie(1), { boot: boot(1), boots: 1, mark: 6 });
  assert.deepEqual(steps, [], 'nothing is written for a witness alone');
  guard.begin(use(1));
  await guard.burn(use(1));
  assert.deepEqual(steps, ['write', 'sync']);
  guard.marks.witness(tie(2), { boot: boot(3), boots: 2, mark: 12 });
  guard.begin(use(2));
  await guard.burn(use(2));
  await guard.close();
  const again = await open(file);
  assert.deepEqual(
    [...again.marks.witnesses()].map(([name, { boot: seen, mark }]) => [name, seen[0], mark]),
    [
      ['01'.repeat(16), 1, 7],
      ['02'.repeat(16), 3, 12],
    ],
  );
});

test('T11: given a witness that the journal has no form for, when it is to be remembered, then it is refused, and burns and restarts go on', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  const tie = new Uint8Array(16).fill(1);
  for (const seen of [
    { boot: new Uint8Array(16), boots: 0, mark: 1 },
    { boot: new Uint8Array(15), boots: 1, mark: 1 },
    { boot: new Uint8Array(16), boots: 1, mark: -1 },
  ]) {
    assert.throws(() => {
      guard.marks.witness(tie, seen);
    }, refusal('wire/unexpected-shape'));
  }
  assert.equal(guard.marks.witnesses().size, 0);
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.close();
  assert.equal((await open(file)).marks.mark, 1);
});

test('given more witnesses than are kept, when one more comes, then the longest unseen goes, across a restart', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file);
  for (let i = 1; i <= 128; i += 1) {
    guard.marks.witness(tie(i), { boot: boot(i), boots: 1, mark: i });
  }
  guard.marks.witness(tie(1), { boot: boot(1), boots: 1, mark: 200 });
  guard.marks.witness(tie(129), { boot: boot(129), boots: 1, mark: 1 });
  guard.begin(use(1));
  await guard.burn(use(1));
  await guard.close();
  const kept = (await open(file)).marks.witnesses();
  assert.equal(kept.size, 128);
  assert.ok(!kept.has('02'.repeat(16)) && kept.has('01'.repeat(16)) && kept.has('81'.repeat(16)));
});

test('T09: given a journal that is written anew, when the node starts, then mark and witnesses are as they were', async (t) => {
  const file = await journal(testFolder(t));
  const guard = await open(file, { maxAttempts: 10_000 });
  for (let i = 1; i <= 40; i += 1) {
    guard.marks.witness(tie(i), { boot: boot(i), boots: 1, mark: i });
  }
  for (let round = 0; round < 6; round += 1) {
    const uses = Array.from({ length: 1_000 }, () => use(1));
    uses.forEach((one) => {
      guard.begin(one);
    });
    await Promise.all(uses.map((one) => guard.burn(one)));
  }
  const { mark } = guard.marks;
  assert.equal(mark, 6_000);
  await guard.close();
  assert.ok((await stat(file)).size < 400_000, 'not compacted');
  const again = await open(file, { maxAttempts: 10_000 });
  assert.deepEqual([again.marks.boots, again.marks.since], [2, mark]);
  assert.equal(again.marks.witnesses().size, 40);
});

test('T09, T11: given a count that falls, or none, in a journal of good checksums, when opened, then it is broken', async (t) => {
  const file = await journal(testFolder(t));
  await (await open(file)).close();
  const header = { v: 2, createdAt: 0, forgottenUntil: 0 } as const;
  const start = encodeJournal(header, [{ boots: 3, mark: 5 }], []);
  for (const [boots, mark] of [
    [3, 4],
    [2, 5],
  ] as const) {
    const falling = encodeFrame(start.checksum, stateBody({ boots, mark }));
    await writeFile(file, Buffer.concat([start.file, falling.frame]));
    await assert.rejects(open(file), refusal('guard/broken', { reason: 'a count that falls' }));
  }
  for (const entries of [[], [{ ...use(1), attempts: 1, done: false }]]) {
    await writeFile(file, encodeJournal(header, [], entries).file);
    await assert.rejects(open(file), refusal('guard/broken', { reason: 'no state' }));
  }
});

test('T09: given a crash at every step, between append and flush too, when the node starts, then it has every count that it showed, and the witnesses of every acknowledged burn', async (t) => {
  for (let step = 1; ; step += 1) {
    const file = await journal(testFolder(t));
    const faults = crashAt(step);
    let shown = { boots: 0, mark: 0 };
    const witnessed: number[] = [];
    try {
      for (const id of [1, 2, 3]) {
        const guard = await open(file, {}, faults.files);
        shown = guard.marks;
        guard.marks.witness(tie(id), { boot: boot(id), boots: 1, mark: id });
        guard.begin(use(id));
        await guard.burn(use(id));
        witnessed.push(id);
        await guard.close();
      }
    } catch (error) {
      refusal('guard/write-failed')(error);
    }
    await faults.settle();
    const again = await open(file);
    const { boots, since } = again.marks;
    assert.ok(boots > shown.boots && since >= shown.mark, `step ${step}: ${boots} ${since}`);
    for (const id of witnessed) {
      assert.equal(again.marks.witnesses().get(`0${id}`.repeat(16))?.mark, id, `step ${step}`);
    }
    await again.close();
    if (!faults.struck()) {
      assert.deepEqual(witnessed, [1, 2, 3]);
      break;
    }
  }
});

test('given a disk that fails while the boot is counted, when opened, then the guard does not open', async (t) => {
  const file = await journal(testFolder(t));
  await (await open(file)).close();
  await assert.rejects(open(file, {}, failAt(1).files), refusal('guard/write-failed'));
});
