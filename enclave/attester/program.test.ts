import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertRefusal } from '../../test/pki/refusal.ts';
import { digestProgramFolder, programDigest } from './program.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const file = (path: string, content: string): { path: string; content: Uint8Array } => ({
  path,
  content: text(content),
});

test('a digest depends on every path and every byte, and not on the order of the files', () => {
  const base = programDigest([file('a.js', '1'), file('b/c.js', '2')]);
  assert.equal(base.length, 32);
  assert.deepEqual(programDigest([file('b/c.js', '2'), file('a.js', '1')]), base);
  for (const other of [
    [file('a.js', '1')],
    [file('a.js', '1'), file('b/c.js', '3')],
    [file('a.js', '1'), file('b/d.js', '2')],
    [file('a.js', '2'), file('b/c.js', '1')],
    [file('a.js', '1'), file('b/c.js', '2'), file('d.js', '')],
  ]) {
    assert.notDeepEqual(programDigest(other), base);
  }
});

test('T38: the digest of a folder is the same in another place, and leaves out tests and build state', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-program-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const write = async (place: string, path: string, content: string): Promise<void> => {
    await mkdir(join(folder, place, 'b'), { recursive: true });
    await writeFile(join(folder, place, path), content);
  };
  for (const place of ['one', 'two']) {
    await write(place, 'a.js', '1');
    await write(place, 'b/c.js', '2');
    await write(place, 'b/addon.node', '3');
  }
  await write('two', 'b/c.test.js', 'test');
  await write('two', 'a.js.map', 'map');
  await write('two', '.tsbuildinfo', 'state');
  const wanted = programDigest([file('a.js', '1'), file('b/c.js', '2'), file('b/addon.node', '3')]);
  assert.deepEqual(await digestProgramFolder(join(folder, 'one')), wanted);
  assert.deepEqual(await digestProgramFolder(`${join(folder, 'two')}/`), wanted);
  await write('two', 'b/c.js', '2 ');
  assert.notDeepEqual(await digestProgramFolder(join(folder, 'two')), wanted);

  const refused = async (place: string): Promise<void> => {
    await assert.rejects(digestProgramFolder(join(folder, place)), (error: unknown) => {
      assertRefusal(error, 'attester/bad-program');
      return true;
    });
  };
  await mkdir(join(folder, 'empty'));
  await refused('empty');
  await refused('absent');
  await symlink(join(folder, 'one', 'a.js'), join(folder, 'two', 'd.js'));
  await refused('two');
});
