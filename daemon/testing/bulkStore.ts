/** Fills a key store's folder without waiting for the disk, for tests and figures that need many keys. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealRecord, type HsmLink } from '../../hsm/index.ts';
import { encodeActivation } from '../keystore/activation.ts';
import { encodeOpenPart, fileOf, sealKinds } from '../keystore/records.ts';
import { random, sampleCluster, type SampleKey } from './sampleKey.ts';

/** Writes what node-1 has of these active keys: the files that the store itself would write. */
export async function fillStore(folder: string, hsm: HsmLink, keys: readonly SampleKey[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const key of keys) {
    const { share, ...pending } = key.pending(0);
    const record = { ...pending, id: key.id, public: share.public, index: share.index, createdAt: 1 };
    const open = encodeOpenPart(record, sampleCluster, 'node-1');
    const place = key.place();
    const { id: subject, generation } = place;
    const context = {
      cluster: sampleCluster,
      node: 'node-1',
      kind: sealKinds.share,
      subject,
      generation,
      open,
    };
    const sealed = await sealRecord(hsm, context, share.secret, random);
    const proof = encodeActivation(record, open, key.confirmations());
    await writeFile(join(folder, fileOf(place, 'record')), sealed, { mode: 0o600 });
    await writeFile(join(folder, fileOf(place, 'proof')), proof, { mode: 0o600 });
  }
}
