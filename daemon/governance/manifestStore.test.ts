import assert from 'node:assert/strict';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFiles } from '../files/atomic.ts';
import { crashAt, failAt } from '../testing/faults.ts';
import { testFolder } from '../testing/folder.ts';
import { refusal } from '../testing/refusal.ts';
import { sampleManifest, sampleSeeds, signSample } from '../testing/sampleManifest.ts';
import { publicKeyOfSeed } from '../../manifest/ed25519.ts';
import { anchorOf } from '../../manifest/index.ts';
import { openManifestStore, verifyManifestFile, type ManifestStore } from './manifestStore.ts';

const anchor = anchorOf(sampleManifest());
const files = nodeFiles();
const first = signSample(sampleManifest());
const second = signSample(sampleManifest({ version: 2 }));
/** Version 3 hands governance to carol alone. */
const handover = sampleManifest({
  version: 3,
  governance: { threshold: 1, keys: [{ name: 'carol', publicKey: publicKeyOfSeed(sampleSeeds.carol) }] },
});
const third = signSample(handover);
const fourth = signSample({ ...handover, version: 4 }, ['carol']);

async function opened(file: string): Promise<ManifestStore> {
  const result = await openManifestStore({ file, anchor }, { files });
  assert.equal(result.kind, 'open');
  return result.store;
}

test('T11: given no file, a refused one and a broken one, when opened, then they are three results', async (t) => {
  const file = join(await testFolder(t), 'manifest.cbor');
  const open = () => openManifestStore({ file, anchor }, { files });
  assert.equal((await open()).kind, 'absent');
  await writeFile(file, signSample(sampleManifest(), ['alice']), { mode: 0o600 });
  const refused = await open();
  assert.equal(refused.kind, 'refused');
  assert.equal(refused.refusal.code, 'manifest/not-enough-signatures');
  await writeFile(file, first.subarray(0, -1));
  assert.equal((await open()).kind, 'broken');
  await writeFile(file, first);
  assert.equal((await open()).kind, 'open');
  await chmod(file, 0o622);
  assert.equal((await open()).kind, 'broken');
  const link = join(await testFolder(t), 'manifest.cbor');
  await symlink(file, link);
  assert.equal((await openManifestStore({ file: link, anchor }, { files })).kind, 'broken');
});

test('given a higher version, when it replaces, then it is in force and on the disk, and the same again changes nothing', async (t) => {
  const file = join(await testFolder(t), 'manifest.cbor');
  await writeFile(file, first, { mode: 0o600 });
  const store = await opened(file);
  assert.equal((await store.replace(second)).changed, true);
  assert.equal((await store.replace(second)).changed, false);
  assert.equal(store.current.version, 2);
  await assert.rejects(store.replace(first), refusal('manifest/version-not-higher'));
  assert.equal((await opened(file)).current.version, 2);
  assert.deepEqual(new Uint8Array(await readFile(file)), second);
  assert.equal((await verifyManifestFile({ file, anchor }, { files })).version, 2);
});

test('given new governance keys, when the node restarts, then the chain from the anchor carries them', async (t) => {
  const file = join(await testFolder(t), 'manifest.cbor');
  await writeFile(file, first, { mode: 0o600 });
  const store = await opened(file);
  await store.replace(third);
  assert.equal((await opened(file)).current.version, 3);
  assert.equal((await store.replace(third)).changed, false);
  await store.replace(fourth);
  assert.equal((await opened(file)).current.version, 4);
  // Without the chain the keys in force can't be proved.
  await files.remove(`${file}.links`);
  const result = await openManifestStore({ file, anchor }, { files });
  assert.equal(result.kind, 'refused');
  assert.equal(result.refusal.code, 'manifest/foreign-governance');
});

test('given a crash at every step of a replacement, when the node starts, then one of the two manifests is in force', async (t) => {
  for (const [name, next] of [
    ['same keys', second],
    ['new keys', third],
  ] as const) {
    const seen = new Set<number>();
    for (let step = 1; ; step += 1) {
      const file = join(await testFolder(t), 'manifest.cbor');
      await writeFile(file, first, { mode: 0o600 });
      const faults = crashAt(step);
      const result = await openManifestStore({ file, anchor }, { files: faults.files });
      assert.equal(result.kind, 'open');
      const done = await result.store.replace(next).then(
        () => true,
        () => false,
      );
      await faults.settle();
      const { version } = (await opened(file)).current;
      assert.ok(version === 1 || version === (name === 'same keys' ? 2 : 3), `${name} step ${step}`);
      assert.ok(!done || version > 1, 'acknowledged and lost');
      seen.add(version);
      if (done) {
        break;
      }
    }
    assert.equal(seen.size, 2);
  }
});

test('given a disk that fails at every step of a change of keys, then what goes on is what the disk would start with', async (t) => {
  for (let step = 1; ; step += 1) {
    const file = join(await testFolder(t), 'manifest.cbor');
    await writeFile(file, first, { mode: 0o600 });
    const faults = failAt(step);
    const result = await openManifestStore({ file, anchor }, { files: faults.files });
    assert.equal(result.kind, 'open');
    const { store } = result;
    await store.replace(third).catch(() => undefined);
    if (!faults.struck()) {
      break;
    }
    // A later manifest under the old keys: it may be taken only where a restart would take it too.
    const later = signSample(sampleManifest({ version: 5 }));
    const taken = await store.replace(later).then(
      () => true,
      () => false,
    );
    assert.equal((await opened(file)).current.version, store.current.version, `step ${step}`);
    assert.equal(store.current.version, taken ? 5 : 3, `step ${step}`);
    assert.equal((await store.replace(taken ? later : third)).current.version, taken ? 5 : 3);
  }
});
