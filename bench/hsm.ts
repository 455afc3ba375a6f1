/** Sealing through the real HSM process: what a node pays to store a key and to unlock at start. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  connectHsm,
  enrolToken,
  openRecord,
  sealRecord,
  type HsmLink,
  type WrappingAlgorithm,
} from '../hsm/index.ts';
import { measure, type BenchRow } from './row.ts';

/** Seal and unseal of a 32-byte share with 256 bytes of public data, for each algorithm of the installed SoftHSM2. */
export async function rows(): Promise<BenchRow[]> {
  const all: BenchRow[] = [];
  for (const algorithm of ['hmac-sha256', 'rsa-oaep-sha1'] as const) {
    all.push(...(await withProcess(algorithm, (link) => sealing(algorithm, link))));
  }
  return all;
}

async function sealing(algorithm: WrappingAlgorithm, link: HsmLink): Promise<BenchRow[]> {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const context = {
    cluster: random(16),
    node: 'node-1',
    kind: 'key-share',
    subject: 'bench',
    generation: 1,
    open: random(256),
  };
  const secret = random(32);
  const record = await sealRecord(link, context, secret, random);
  return [
    await measure(`hsm.health.${algorithm}`, 200, () => link.health()),
    await measure(`hsm.seal.${algorithm}`, 200, () => sealRecord(link, context, secret, random)),
    await measure(`hsm.unseal.${algorithm}`, 200, () => openRecord(link, record, context)),
  ];
}

async function withProcess<T>(algorithm: WrappingAlgorithm, work: (link: HsmLink) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  try {
    const folder = join(root, 'hsm');
    await enrolToken({ folder, label: 'bench', now: Date.now(), algorithm, allowOaepSha1: true });
    const config = {
      profile: 'hsm/profile.json',
      pinFile: 'hsm/pin',
      socket: 'hsm/hsm.sock',
      node: 'node-1',
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    const main = fileURLToPath(new URL('../hsm/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, '--config', 'hsm/config.json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    try {
      // Its first line says that it is ready, or why it is not; connecting tells which.
      await once(child.stdout, 'data');
      const link = await connectHsm({ socket: join(folder, 'hsm.sock'), timeoutMs: 5_000 });
      try {
        return await work(link);
      } finally {
        await link.close();
      }
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
