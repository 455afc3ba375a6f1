/** The pairings over the real HSM process, SoftHSM2 and locked memory. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectHsm, type HsmLink } from '../../hsm/index.ts';
import { noSoftHsm, startHsm, testNode } from '../../hsm/testing.ts';
import { secureBuffer } from '../../native/binding.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { random, sampleCluster } from '../testing/sampleKey.ts';
import { openPairings, type Pairings } from './pairings.ts';

const open = (folder: string, hsm: HsmLink, node: string): Promise<Pairings> =>
  openPairings(
    { folder, cluster: sampleCluster, node },
    { files: nodeFiles(), hsm, random, now: Date.now, secretMemory: secureBuffer },
  );

async function link(t: TestContext): Promise<HsmLink> {
  const { root, socket } = await testNode(t);
  await startHsm(t, root);
  const hsm = await connectHsm({ socket, timeoutMs: 5_000 });
  t.after(() => hsm.close());
  return hsm;
}

test(
  'T15, T28: given 31 pairings sealed by a real token, when opened, poisoned and copied to another node, then each is what it must be',
  { skip: noSoftHsm },
  async (t) => {
    const [hsm1, hsm2] = [await link(t), await link(t)];
    const base = await testFolder(t);
    const [folder1, folder2] = [join(base, '1'), join(base, '2')];
    const secrets = Array.from({ length: 31 }, () => random(7_320));
    const peer = (i: number): string => `node-${i + 2}`;
    const store = await open(folder1, hsm1, 'node-1');
    for (const [i, secret] of secrets.entries()) {
      await store.put(peer(i), i + 2, new Uint8Array(16).fill(i), secret);
    }
    await store.poison(peer(0), new Uint8Array(16));
    await store.close();

    const again = await open(folder1, hsm1, 'node-1');
    assert.equal(again.find(peer(0)).kind, 'poisoned');
    for (const [i, secret] of secrets.entries()) {
      const found = again.find(peer(i));
      assert.equal(found.kind, i === 0 ? 'poisoned' : 'ready');
      assert.ok(found.kind !== 'ready' || Buffer.compare(found.secret, secret) === 0);
    }
    await again.close();
    // T33: nothing in the folder holds a secret.
    for (const name of await readdir(folder1)) {
      const raw = await readFile(join(folder1, name));
      assert.ok(!secrets.some((secret) => raw.includes(Buffer.from(secret.subarray(0, 32)))), name);
    }

    await cp(folder1, folder2, { recursive: true });
    for (const [hsm, node, code] of [
      [hsm2, 'node-2', 'hsm/record-other-node'],
      [hsm2, 'node-1', 'hsm/record-other-token'],
    ] as const) {
      const copied = await open(folder2, hsm, node);
      const found = copied.find(peer(1));
      assert.equal(found.kind, 'broken');
      assert.equal(found.code, code);
    }
  },
);
