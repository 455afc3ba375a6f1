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
import { openPairings } from './pairings.ts';

const frozen = join(repoRoot, 'test/fixtures/v1/pairings');
interface Expected {
  readonly cluster: string;
  readonly node: string;
  readonly token: string;
  readonly uncleanStarts: number;
  readonly pairings: readonly {
    readonly peer: string;
    readonly state: string;
    readonly id: string;
    readonly generation: number;
    readonly at: number;
    readonly index?: number;
    readonly secretSha256?: string;
  }[];
}

test('given the frozen pairings of version 1, when this build opens them, then states and secrets are as they were', async (t) => {
  const expected = JSON.parse(await readFile(join(frozen, 'expected.json'), 'utf8')) as Expected;
  // A checkout may be writable by its group; a store must not be.
  const folder = join(await testFolder(t), 'pairings');
  await mkdir(folder, { mode: 0o700 });
  for (const name of (await readdir(frozen)).filter((file) => file !== 'expected.json')) {
    await copyFile(join(frozen, name), join(folder, name));
    await chmod(join(folder, name), 0o600);
  }
  const cluster = fromHex(expected.cluster) ?? assert.fail('not hexadecimal');
  const store = await openPairings(
    { folder, cluster, node: expected.node },
    { files: nodeFiles(), hsm: memoryHsm(expected.token, random), random, now: Date.now },
  );
  assert.equal(store.uncleanStarts, expected.uncleanStarts);
  assert.deepEqual(store.recovered, []);
  assert.deepEqual(
    store.list().map((one) => ({ ...one, id: toHex(one.id) })),
    expected.pairings.map(({ peer, state, id, generation, at }) => ({ peer, state, id, generation, at })),
  );
  for (const { peer, index, secretSha256 } of expected.pairings) {
    const found = store.find(peer);
    if (found.kind === 'ready') {
      assert.equal(found.index, index);
      assert.equal(createHash('sha256').update(found.secret).digest('hex'), secretSha256);
    }
  }
});
