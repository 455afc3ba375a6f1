/**
 * What many keys cost: the same cluster with 10 keys and with 10,000 (100 with --quick): how long it takes to be ready, the
 * memory of a node and of the coordinator, and a signature.
 *
 * The keys are made by real key generations in this process and sealed through the cluster's own HSM processes; ten
 * thousand ceremonies over the network would measure the ceremonies.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeystore, storedRound, type Keystore } from '../daemon/keystore/keystore.ts';
import { nodeFiles } from '../daemon/files/atomic.ts';
import { makeNodeIdentity, sealEnvelope } from '../enclave/channel/index.ts';
import { connectHsm } from '../hsm/index.ts';
import { TestCluster } from '../test/e2e/testCluster.ts';
import { wipeKeyShare, type KeyShare, type RunPlan } from '../threshold/index.ts';
import { fromHex, keyIdOf, type Scheme } from '../wire/ids.ts';
import { keyStored } from '../wire/messages/session.ts';
import { drive, random } from './drive.ts';
import { rowOf, runs, summarise, type BenchRow } from './row.ts';

const purpose = 'dev/test';
const few = 10;
const quick = process.argv.includes('--quick');
const many = quick ? 100 : 10_000;

/** All rows of this file. */
export async function rows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  let cluster: TestCluster | undefined;
  try {
    cluster = await TestCluster.make(folder);
    await cluster.start();
    await addKeys(cluster, few);
    const out = await measured(cluster, few);
    await addKeys(cluster, many - few);
    out.push(...(await measured(cluster, many)));
    return out;
  } finally {
    await cluster?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Adds keys to the stores of a running cluster, which learns of them at its next start. */
async function addKeys({ cluster }: TestCluster, count: number): Promise<void> {
  const id = fromHex(cluster.facts.cluster) ?? new Uint8Array();
  const stores = await Promise.all(
    cluster.facts.nodes.map(async ({ name, index }) => {
      const { store, root } = cluster.paths.node(name);
      const { hsm } = JSON.parse(readFileSync(join(root, 'daemon/config.json'), 'utf8')) as {
        readonly hsm: { readonly socket: string };
      };
      const link = await connectHsm({ socket: join(root, hsm.socket), timeoutMs: 5_000 });
      const options = { folder: join(store, 'keys'), cluster: id, node: name };
      const keystore = await openKeystore(options, { files: nodeFiles(), hsm: link, random, now: Date.now });
      return { name, index, link, keystore };
    }),
  );
  for (let i = 0; i < count; i += 1) {
    await addKey(stores, id, i % 2 === 0 ? 'dkls23-secp256k1' : 'frost-ed25519');
    if (i % 500 === 499) {
      process.stderr.write(`bench: keys: ${i + 1} of ${count}\n`);
    }
  }
  for (const { keystore, link } of stores) {
    await keystore.close();
    await link.close();
  }
}

async function addKey(
  stores: readonly { readonly name: string; readonly index: number; readonly keystore: Keystore }[],
  cluster: Uint8Array,
  scheme: Scheme,
): Promise<void> {
  const participants = stores.map(({ index }) => index);
  const session = random(32);
  const transcript = random(32);
  const plans = participants.map((index): [number, RunPlan] => [
    index,
    { kind: 'dkg', scheme, session, index, participants, threshold: 2 },
  ]);
  const shares = new Map<number, KeyShare>();
  for (const [index, { result }] of drive(new Map(plans))) {
    if (result.kind === 'key-share') {
      shares.set(index, result.share);
    }
  }
  const made = stores.map((store) => {
    const share = shares.get(store.index);
    if (share === undefined) {
      throw new TypeError('no share came out');
    }
    return { ...store, share, identity: makeNodeIdentity({ now: Date.now }) };
  });
  const holders = made.map(({ name, index, identity }) => ({ name, index, identity: identity.public }));
  const [first] = made;
  const { groupPublicKey = new Uint8Array(), generation = 0 } = first?.share.public ?? {};
  const key = keyIdOf(cluster, scheme, purpose, groupPublicKey);
  const payload = keyStored.encode({ v: 1, stored: key, generation });
  const confirmations = made.map(({ name, identity }) =>
    sealEnvelope(identity, { session, round: storedRound, from: name, transcript, payload }),
  );
  const requestedAt = Date.now();
  await Promise.all(
    made.map(async ({ keystore, share }) => {
      await keystore.putPending({
        share,
        purpose,
        label: 'bench',
        holders,
        session,
        transcript,
        requestedAt,
      });
      wipeKeyShare(share);
      await keystore.activate(key, confirmations);
    }),
  );
}

/** Starts the cluster anew and measures it. The first start with new keys is another row: the coordinator learns them. */
async function measured(cluster: TestCluster, keys: number): Promise<BenchRow[]> {
  const name = `keys.${keys}`;
  const learn = await restarted(cluster, keys);
  const starts: number[] = [];
  for (let i = 0; i < (quick ? 1 : 3); i += 1) {
    starts.push(await restarted(cluster, keys));
  }
  const sign = await Promise.all(
    (['frost-ed25519', 'dkls23-secp256k1'] as const).map((scheme) => signing(cluster, scheme)),
  );
  const memory = (process: string): number => residentBytes(cluster.pid(process));
  return [
    summarise(`${name}.firstStart`, [learn], 'ms'),
    rowOf(`${name}.start`, starts),
    summarise(
      `${name}.memory.node`,
      cluster.cluster.facts.nodes.map((node) => memory(`${node.name}.daemon`)),
      'bytes',
    ),
    summarise(`${name}.memory.coordinator`, [memory('coordinator')], 'bytes'),
    rowOf(`${name}.sign.frost`, sign[0] ?? []),
    rowOf(`${name}.sign.ecdsa`, sign[1] ?? []),
  ];
}

/** Milliseconds from the first process until the coordinator knows all keys and one of them can sign. */
async function restarted(cluster: TestCluster, keys: number): Promise<number> {
  await cluster.end();
  const started = performance.now();
  await cluster.start();
  await cluster.until(
    'all keys known',
    (status) => status.keys.filter(({ canSign }) => canSign).length >= keys,
    300_000,
  );
  return performance.now() - started;
}

/** Milliseconds of signatures, each with another key: the first use of a key unseals it. */
async function signing({ api }: TestCluster, scheme: Scheme): Promise<number[]> {
  const keys = (await api.keys()).filter((key) => key.scheme === scheme);
  const samples: number[] = [];
  for (let i = 0; i < runs(40); i += 1) {
    const key = keys[i % keys.length];
    if (key === undefined) {
      throw new TypeError('no such key');
    }
    const started = performance.now();
    await api.sign(
      key,
      scheme === 'frost-ed25519'
        ? { kind: 'message', message: random(32) }
        : { kind: 'ecdsa-sha256', message: random(32) },
    );
    samples.push(performance.now() - started);
  }
  return samples;
}

/** VmRSS of a process in bytes (proc(5)). */
function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1_024;
}
