import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crashAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { refusal } from '../testing/refusal.ts';
import { nodeFiles, printableName, temporaryPrefix } from './atomic.ts';
import { Lanes, Queue } from './queue.ts';

const files = nodeFiles();
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test('T11: given nothing, a file, and things that are no file of ours, when read, then absent, value and broken differ', async (t) => {
  const folder = await testFolder(t);
  const at = (name: string): string => join(folder, name);
  assert.deepEqual(await files.read(at('none'), 10), { kind: 'absent' });
  await writeFile(at('file'), 'hello', { mode: 0o600 });
  assert.deepEqual(await files.read(at('file'), 5), { kind: 'value', bytes: bytesOf('hello') });
  await symlink(at('file'), at('link'));
  await symlink(at('nowhere'), at('dangling'));
  await mkdir(at('folder'));
  execFileSync('mkfifo', ['-m', '600', at('pipe')]);
  await writeFile(at('wide'), 'hello');
  await chmod(at('wide'), 0o620);
  const reasons = new Map<string, string>();
  for (const name of ['link', 'dangling', 'folder', 'pipe', 'wide']) {
    const read = await files.read(at(name), 10);
    assert.equal(read.kind, 'broken', name);
    reasons.set(name, read.reason);
  }
  assert.equal(reasons.get('link'), 'a symbolic link');
  assert.equal(reasons.get('wide'), 'writable by its group or by others');
});

test('T34: given a file above the cap, when read, then it is broken before a byte of it is held', async (t) => {
  const path = join(await testFolder(t), 'large');
  await writeFile(path, new Uint8Array(11), { mode: 0o600 });
  assert.deepEqual(await files.read(path, 10), { kind: 'broken', reason: 'larger than 10 bytes' });
});

test('given a folder, when listed, then names come sorted; a file or an open folder is broken', async (t) => {
  const folder = await testFolder(t);
  await writeFile(join(folder, 'b'), '');
  await writeFile(join(folder, 'a'), '');
  assert.deepEqual(await files.list(folder), { kind: 'value', names: ['a', 'b'] });
  assert.equal((await files.list(join(folder, 'none'))).kind, 'absent');
  assert.equal((await files.list(join(folder, 'a'))).kind, 'broken');
  await chmod(folder, 0o770);
  assert.equal((await files.list(folder)).kind, 'broken');
});

test('given a replacement, when it is done, then mode is 0600, nothing else is left, and a link at the place is replaced, not followed', async (t) => {
  const folder = await testFolder(t);
  const path = join(folder, 'file');
  await writeFile(join(folder, 'target'), 'untouched');
  await symlink(join(folder, 'target'), path);
  await files.replace(path, bytesOf('new'));
  assert.equal(await readFile(path, 'utf8'), 'new');
  assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'untouched');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual((await readdir(folder)).sort(), ['file', 'target']);
});

test('given a crash at every step of a replacement, when read again, then the file holds the old bytes or the new ones', async (t) => {
  const before = bytesOf('the old bytes');
  const after = bytesOf('the new and longer bytes');
  const seen = new Set<string>();
  for (let step = 1; ; step += 1) {
    const path = join(await testFolder(t), 'file');
    await files.replace(path, before);
    const faults = crashAt(step);
    const done = await faults.files.replace(path, after).then(
      () => true,
      () => false,
    );
    await faults.settle();
    const text = await readFile(path, 'utf8');
    assert.ok(['the old bytes', 'the new and longer bytes'].includes(text), `step ${step}: ${text}`);
    assert.ok(!done || text !== 'the old bytes');
    seen.add(text);
    if (!faults.struck()) {
      break;
    }
  }
  assert.equal(seen.size, 2);
});

test('given the rest of an interrupted replacement, when replaced again by a process of the same id, then it succeeds', async (t) => {
  const folder = await testFolder(t);
  await writeFile(join(folder, `${temporaryPrefix}file`), 'half');
  await files.replace(join(folder, 'file'), bytesOf('whole'));
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'whole');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('given an append file, when appended, synced and cut, then the bytes and the size agree', async (t) => {
  const path = join(await testFolder(t), 'log');
  await assert.rejects(files.append(path), refusal('store/write-failed'));
  await files.replace(path, bytesOf('ab'));
  const log = await files.append(path);
  await log.append(bytesOf('cd'));
  await log.sync();
  assert.equal(log.size, 4);
  await log.truncate(3);
  await log.append(bytesOf('e'));
  await log.close();
  assert.equal(await readFile(path, 'utf8'), 'abce');
});

test('T33: given a failed write, when it is reported, then the error names the file and not its folder', async (t) => {
  const folder = await testFolder(t);
  const path = join(folder, 'none', 'file');
  await assert.rejects(files.replace(path, bytesOf('x')), (error: unknown) => {
    refusal('store/write-failed', { step: 'create', reason: 'ENOENT' })(error);
    assert.ok(error instanceof Error && !error.message.includes(folder));
    return true;
  });
});

test('given tasks that fail, when queued, then each runs once, in order, and the next one still runs', async () => {
  const queue = new Queue();
  const order: number[] = [];
  const task = (n: number, fails: boolean) => async (): Promise<number> => {
    await Promise.resolve();
    order.push(n);
    return fails ? Promise.reject(new Error(`task ${n}`)) : n;
  };
  const results = await Promise.allSettled([
    queue.run(task(1, false)),
    queue.run(task(2, true)),
    queue.run(task(3, false)),
  ]);
  assert.deepEqual(order, [1, 2, 3]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  await queue.drained();
});

test('given more tasks than lanes, when run, then never more at once than lanes, in order, and a failure frees its lane', async () => {
  const lanes = new Lanes(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const task = (n: number) => async (): Promise<number> => {
    started.push(n);
    await new Promise<void>((end) => ends.push(end));
    return n === 1 ? Promise.reject(new Error('task 1')) : n;
  };
  const turn = (): Promise<void> =>
    new Promise((done) => {
      setImmediate(done);
    });
  const results = Promise.allSettled([1, 2, 3, 4].map((n) => lanes.run(task(n))));
  await turn();
  assert.deepEqual(started, [1, 2]);
  ends[0]?.();
  await turn();
  assert.deepEqual(started, [1, 2, 3]);
  ends[1]?.();
  ends[2]?.();
  await turn();
  assert.deepEqual(started, [1, 2, 3, 4]);
  ends[3]?.();
  assert.deepEqual(
    (await results).map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
});

test('given a name that somebody chose, when it goes into a report, then it is printable and short', () => {
  assert.equal(printableName('b\u0007\u00e9ll \n'), 'b??ll??');
  assert.equal(printableName('x'.repeat(200)).length, 80);
});
