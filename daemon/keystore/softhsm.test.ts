/** The key store over the real HSM process and SoftHSM2. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectHsm, type HsmLink } from '../../hsm/index.ts';
import { noSoftHsm, startHsm, testNode } from '../../hsm/testing.ts';
import { nodeFiles } from '../files/atomic.ts';
import { testFolder } from '../testing/folder.ts';
import { refusal } from '../testing/refusal.ts';
import { random, sampleCluster, sampleKey } from '../testing/sampleKey.ts';
import { openKeystore, type Keystore } from './keystore.ts';

const skip = noSoftHsm;
const open = (folder: string, hsm: HsmLink, node: string): Promise<Keystore> =>
  openKeystore({ folder, cluster: sampleCluster, node }, { files: nodeFiles(), hsm, random, now: Date.now });

async function link(t: TestContext, root: string, socket: string): Promise<HsmLink> {
  await startHsm(t, root);
  const hsm = await connectHsm({ socket, timeoutMs: 5_000 });
  t.after(() => hsm.close());
  return hsm;
}

for (const algorithm of ['hmac-sha256', 'rsa-oaep-sha1'] as const) {
  test(
    `T28, T29: given two nodes with ${algorithm} tokens, when files are copied, changed or opened with another token, then each is refused by name`,
    { skip },
    async (t) => {
      const options = { algorithm, allowOaepSha1: true };
      const one = await testNode(t, options);
      const two = await testNode(t, options);
      const [hsm1, hsm2] = [await link(t, one.root, one.socket), await link(t, two.root, two.socket)];
      const base = await testFolder(t);
      const [folder1, folder2] = [join(base, '1'), join(base, '2')];
      const key = sampleKey('frost-secp256k1-tr');
      const store = await open(folder1, hsm1, 'node-1');
      await store.putPending(key.pending(0));
      await store.activate(key.id, key.confirmations());
      await store.close();

      const again = await open(folder1, hsm1, 'node-1');
      const found = await again.open(key.id);
      assert.equal(found.kind, 'active');
      assert.deepEqual(found.share.secret, key.shares[0]?.secret);
      await again.close();

      // T33: nothing in the folder holds the share.
      const secret = Buffer.from(key.shares[0]?.secret ?? []);
      for (const name of await readdir(folder1)) {
        assert.ok(!(await readFile(join(folder1, name))).includes(secret), name);
      }

      const codeOf = async (folder: string, hsm: HsmLink, node: string): Promise<string> => {
        const opened = await open(folder, hsm, node);
        const broken = await opened.open(key.id);
        await opened.close();
        assert.equal(broken.kind, 'broken');
        return broken.code;
      };
      await cp(folder1, folder2, { recursive: true });
      assert.equal(await codeOf(folder2, hsm2, 'node-2'), 'hsm/record-other-node');
      assert.equal(await codeOf(folder1, hsm2, 'node-1'), 'hsm/record-other-token');
      const sealed = (await readdir(folder1)).find((name) => name.endsWith('.sealed')) ?? '';
      const genuine = await readFile(join(folder1, sealed));
      for (const at of [0, genuine.length >> 1, genuine.length - 1]) {
        const changed = Buffer.from(genuine);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await writeFile(join(folder1, sealed), changed);
        assert.match(await codeOf(folder1, hsm1, 'node-1'), /^hsm\/record-/);
      }
      await writeFile(join(folder1, sealed), genuine);
      assert.equal((await (await open(folder1, hsm1, 'node-1')).open(key.id)).kind, 'active');
    },
  );
}

test(
  'given an HSM process that is killed, when the store opens, then it fails by name and no record is called broken',
  { skip },
  async (t) => {
    const node = await testNode(t);
    const started = await startHsm(t, node.root);
    const hsm = await connectHsm({ socket: node.socket, timeoutMs: 2_000 });
    t.after(() => hsm.close());
    const folder = join(await testFolder(t), 'store');
    const key = sampleKey();
    const store = await open(folder, hsm, 'node-1');
    await store.putPending(key.pending(0));
    started.child.kill('SIGKILL');
    await started.ended;
    const second = sampleKey();
    await assert.rejects(store.putPending(second.pending(0)), refusal('hsm/unavailable'));
    assert.equal((await store.open(second.id)).kind, 'absent');
    await store.close();
    await assert.rejects(open(folder, hsm, 'node-1'), refusal('hsm/unavailable'));
    await startHsm(t, node.root);
    const back = await connectHsm({ socket: node.socket, timeoutMs: 2_000 });
    t.after(() => back.close());
    assert.equal((await (await open(folder, back, 'node-1')).open(key.id)).kind, 'pending');
  },
);
