import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { random } from '../testing/sampleKey.ts';
import { openKeystore } from './keystore.ts';

interface Expected {
  readonly cluster: string;
  readonly node: string;
  readonly token: string;
  readonly keys: readonly {
    readonly id: string;
    readonly state: string;
    readonly scheme: string;
    readonly groupPublicKey: string;
    /** 1 unless told. */
    readonly generation?: number;
    /** Absent where there is no share. */
    readonly secretSha256?: string;
  }[];
}

for (const version of ['v1', 'v2']) {
  test(`given the frozen store of ${version}, when this build opens it, then keys, states and shares are as they were`, async (t) => {
    const frozen = join(repoRoot, 'test/fixtures', version, 'keystore');
    const expected = JSON.parse(await readFile(join(frozen, 'expected.json'), 'utf8')) as Expected;
    // A checkout may be writable by its group; a store must not be.
    const folder = join(await testFolder(t), 'store');
    await mkdir(folder, { mode: 0o700 });
    const names = (await readdir(frozen)).filter((file) => file !== 'expected.json');
    for (const name of names) {
      await copyFile(join(frozen, name), join(folder, name));
      await chmod(join(folder, name), 0o600);
    }
    const cluster = fromHex(expected.cluster) ?? assert.fail('not hexadecimal');
    const hsm = memoryHsm(expected.token, random);
    const store = await openKeystore(
      { folder, cluster, node: expected.node },
      { files: nodeFiles(), hsm, random, now: Date.now },
    );
    assert.deepEqual(store.broken(), []);
    const held = expected.keys.filter(({ state }) => state !== 'departed');
    assert.deepEqual(
      (await store.list()).map(({ id, state, scheme, groupPublicKey, generation }) => ({
        id,
        state,
        scheme,
        groupPublicKey: toHex(groupPublicKey),
        generation,
      })),
      held.map(({ id, state, scheme, groupPublicKey, generation = 1 }) => ({
        id,
        state,
        scheme,
        groupPublicKey,
        generation,
      })),
    );
    for (const { id, state, groupPublicKey, generation = 1, secretSha256 } of expected.keys) {
      const found = await store.open(id);
      assert.equal(found.kind, state);
      assert.ok(found.kind === 'active' || found.kind === 'pending' || found.kind === 'departed');
      assert.equal(toHex(found.info.groupPublicKey), groupPublicKey);
      assert.equal(found.info.generation, generation);
      if (found.kind === 'active') {
        assert.equal(createHash('sha256').update(found.share.secret).digest('hex'), secretSha256);
      }
    }
    await store.scrub({ pause: () => Promise.resolve(), found: ({ file }) => assert.fail(file) });
    await store.close();
    // Opening changes nothing.
    assert.deepEqual((await readdir(folder)).sort(), names.sort());
  });
}
