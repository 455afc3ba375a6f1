import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { memoryHsm } from '../testing/memoryHsm.ts';
import { random } from '../testing/sampleKey.ts';
import { openKeystore } from './keystore.ts';

const frozen = join(repoRoot, 'test/fixtures/v1/keystore');
interface Expected {
  readonly cluster: string;
  readonly node: string;
  readonly token: string;
  readonly keys: readonly {
    readonly id: string;
    readonly state: string;
    readonly scheme: string;
    readonly groupPublicKey: string;
    readonly secretSha256: string;
  }[];
}

test('given the frozen store of version 1, when this build opens it, then keys, states and shares are as they were', async (t) => {
  const expected = JSON.parse(await readFile(join(frozen, 'expected.json'), 'utf8')) as Expected;
  // A checkout may be writable by its group; a store must not be.
  const folder = join(await testFolder(t), 'store');
  await mkdir(folder, { mode: 0o700 });
  for (const name of (await readdir(frozen)).filter((file) => file !== 'expected.json')) {
    await copyFile(join(frozen, name), join(folder, name));
  }
  const cluster = fromHex(expected.cluster) ?? assert.fail('not hexadecimal');
  const hsm = memoryHsm(expected.token, random);
  const store = await openKeystore(
    { folder, cluster, node: expected.node },
    { files: nodeFiles(), hsm, random, now: Date.now },
  );
  assert.deepEqual(store.broken(), []);
  assert.deepEqual(
    store.list().map(({ id, state, scheme, groupPublicKey }) => ({
      id,
      state,
      scheme,
      groupPublicKey: toHex(groupPublicKey),
    })),
    expected.keys.map(({ id, state, scheme, groupPublicKey }) => ({ id, state, scheme, groupPublicKey })),
  );
  for (const { id, state, secretSha256 } of expected.keys) {
    const found = store.find(id);
    assert.equal(found.kind, state);
    if (found.kind === 'active') {
      assert.equal(createHash('sha256').update(found.share.secret).digest('hex'), secretSha256);
    }
  }
  await store.close();
});
