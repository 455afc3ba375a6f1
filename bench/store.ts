/** The durable parts of a node: burning request ids with fsync, and opening a store of sealed keys. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFiles } from '../daemon/files/atomic.ts';
import { openReplayGuard, type ReplayGuard, type RequestUse } from '../daemon/guard/replayGuard.ts';
import { openKeystore } from '../daemon/keystore/keystore.ts';
import { memoryHsm } from '../daemon/testing/memoryHsm.ts';
import { random, sampleCluster, sampleKey } from '../daemon/testing/sampleKey.ts';
import { measure, summarise, type BenchRow } from './row.ts';

const keys = 100;
const burstOf = 64;

/** The rows of this file. The token is in memory: its own time is measured where seal and unseal are. */
export async function rows(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-bench-'));
  try {
    return [...(await guardRows(join(folder, 'journal'))), ...(await storeRows(join(folder, 'store')))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function guardRows(file: string): Promise<BenchRow[]> {
  const guard = await openReplayGuard({ file }, { files: nodeFiles(), now: Date.now });
  const burst = async (guardOf: ReplayGuard, count: number): Promise<number> => {
    const uses: RequestUse[] = Array.from({ length: count }, () => ({
      id: new Uint8Array(randomBytes(16)),
      hash: new Uint8Array(32),
      expiresAt: Date.now() + 600_000,
    }));
    const start = performance.now();
    for (const use of uses) {
      guardOf.begin(use);
    }
    await Promise.all(uses.map((use) => guardOf.burn(use)));
    return performance.now() - start;
  };
  const one = await measure('store.burn', 100, () => burst(guard, 1));
  const rates: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    rates.push((burstOf * 1_000) / (await burst(guard, burstOf)));
  }
  await guard.close();
  return [one, summarise(`store.burn.${burstOf}-in-flight`, rates, '1/s')];
}

async function storeRows(folder: string): Promise<BenchRow[]> {
  const hsm = memoryHsm('bench', random);
  const modules = { files: nodeFiles(), hsm, random, now: Date.now };
  const open = () => openKeystore({ folder, cluster: sampleCluster, node: 'node-1' }, modules);
  const store = await open();
  const puts: number[] = [];
  for (let i = 0; i < keys; i += 1) {
    const key = sampleKey();
    const start = performance.now();
    await store.putPending(key.pending(0));
    puts.push(performance.now() - start);
    await store.activate(key.id, key.confirmations());
  }
  await store.close();
  const opened = await measure(`store.open.${keys}-keys`, 5, async () => {
    const start = performance.now();
    const again = await open();
    const took = performance.now() - start;
    await again.close();
    return took;
  });
  return [summarise('store.put', puts, 'ms'), opened];
}
