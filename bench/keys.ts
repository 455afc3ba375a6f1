/**
 * What many keys cost: the same cluster with 10 keys and with 10,000 (300 with --quick): how long it takes from the first
 * process to a signature, and until every node's list of keys is known; the memory of a node and of the coordinator; a
 * signature; the calls that an operator's tools make; one more key.
 *
 * The keys come from real key generations in this process and are sealed through the cluster's own HSM processes. Their
 * files are written without waiting for the disk, and no ceremony runs over the network: neither is measured here.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyView } from '../cli/api.ts';
import { encodeActivation } from '../daemon/keystore/activation.ts';
import { storedRound } from '../daemon/keystore/keystore.ts';
import {
  encodeOpenPart,
  fileOf,
  sealKinds,
  sessionOfName,
  type Holder,
  type Place,
} from '../daemon/keystore/records.ts';
import { makeNodeIdentity, sealEnvelope, type NodeIdentity } from '../enclave/channel/index.ts';
import { connectHsm, sealRecord, type HsmLink } from '../hsm/index.ts';
import { TestCluster } from '../test/e2e/testCluster.ts';
import { wipeKeyShare, type KeyShare, type RunPlan } from '../threshold/index.ts';
import { fromHex, keyIdOf, type Scheme } from '../wire/ids.ts';
import { keyStored } from '../wire/messages/session.ts';
import { drive, random } from './drive.ts';
import { rowOf, runs, summarise, type BenchRow } from './row.ts';

const purpose = 'dev/test';
const label = 'bench';
const few = 10;
const quick = process.argv.includes('--quick');
const many = quick ? 300 : 10_000;
/** Keys that are sealed at once, while the next ones are generated. */
const sealedAtOnce = 16;

/** All rows of this file. */
export async function rows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  let cluster: TestCluster | undefined;
  try {
    cluster = await TestCluster.make(folder);
    await cluster.start();
    await addKeys(cluster, few);
    const out = await measured(cluster, few);
    await cluster.end();
    await addKeys(cluster, many - few);
    out.push(...(await measured(cluster, many)));
    return out;
  } finally {
    await cluster?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the keys of a node go. */
interface Store {
  readonly name: string;
  readonly index: number;
  readonly folder: string;
  readonly link: HsmLink;
  readonly identity: NodeIdentity;
}

/** Adds keys to the stores of a cluster, which learns of them at its next start. */
async function addKeys(bench: TestCluster, count: number): Promise<void> {
  const { cluster } = bench;
  if (bench.running().length === 0) {
    await bench.start();
  }
  const id = fromHex(cluster.facts.cluster) ?? new Uint8Array();
  const stores = await Promise.all(
    cluster.facts.nodes.map(async ({ name, index }): Promise<Store> => {
      const { store, root } = cluster.paths.node(name);
      const { hsm } = JSON.parse(readFileSync(join(root, 'daemon/config.json'), 'utf8')) as {
        readonly hsm: { readonly socket: string };
      };
      const link = await connectHsm({ socket: join(root, hsm.socket), timeoutMs: 30_000 });
      return {
        name,
        index,
        folder: join(store, 'keys'),
        link,
        identity: makeNodeIdentity({ now: Date.now }),
      };
    }),
  );
  const sealing = new Set<Promise<void>>();
  for (let i = 0; i < count; i += 1) {
    const job = addKey(stores, id, i % 2 === 0 ? 'dkls23-secp256k1' : 'frost-ed25519').finally(() => {
      sealing.delete(job);
    });
    sealing.add(job);
    if (sealing.size >= sealedAtOnce) {
      await Promise.race(sealing);
    }
    if (i % 1_000 === 999) {
      process.stderr.write(`bench: keys: ${i + 1} of ${count}\n`);
    }
  }
  await Promise.all(sealing);
  await Promise.all(stores.map(({ link }) => link.close()));
}

/** Generates a key and writes what each node keeps of it once all have confirmed it. */
async function addKey(stores: readonly Store[], cluster: Uint8Array, scheme: Scheme): Promise<void> {
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
  const holders = stores.map(({ name, index, identity }): Holder => ({
    name,
    index,
    identity: identity.public,
  }));
  await Promise.all(
    stores.map(async ({ name, index, folder, link }) => {
      const share = shares.get(index);
      if (share === undefined) {
        throw new TypeError('no share came out');
      }
      const { groupPublicKey, generation } = share.public;
      const id = keyIdOf(cluster, scheme, purpose, groupPublicKey);
      const at = Date.now();
      const record = {
        ...{ id, public: share.public, index, purpose, label, holders },
        ...{ session, transcript, createdAt: at, requestedAt: at },
      };
      const open = encodeOpenPart(record, cluster, name);
      const context = { cluster, node: name, kind: sealKinds.share, subject: id, generation, open };
      const sealed = await sealRecord(link, context, share.secret, random);
      wipeKeyShare(share);
      const payload = keyStored.encode({ v: 1, stored: id, generation });
      const confirmations = stores.map((from) =>
        sealEnvelope(from.identity, { session, round: storedRound, from: from.name, transcript, payload }),
      );
      const place: Place = { id, generation, session: sessionOfName(session), kind: 'share' };
      const files = [
        ['record', sealed],
        ['proof', encodeActivation(record, open, confirmations)],
      ] as const;
      for (const [part, bytes] of files) {
        await writeFile(join(folder, fileOf(place, part)), bytes, { mode: 0o600 });
      }
    }),
  );
}

/** Starts the cluster anew and measures it. The first start with new keys is another row: the coordinator learns them. */
async function measured(cluster: TestCluster, keys: number): Promise<BenchRow[]> {
  const name = `keys.${keys}`;
  await cluster.end();
  const learnt = await learning(cluster, keys);
  const known = await cluster.api.keys();
  const [some] = known.filter(({ scheme }) => scheme === 'frost-ed25519');
  const signs: number[] = [];
  const starts: number[] = [];
  for (let i = 0; i < (quick ? 1 : 3); i += 1) {
    const { first, all } = await restarted(cluster, some);
    signs.push(first);
    starts.push(all);
  }
  const memory = (process: string): number => residentBytes(cluster.pid(process));
  const resident = [
    summarise(
      `${name}.memory.node`,
      cluster.cluster.facts.nodes.map((node) => memory(`${node.name}.daemon`)),
      'bytes',
    ),
    summarise(`${name}.memory.coordinator`, [memory('coordinator')], 'bytes'),
  ];
  const timed = async (what: string, count: number, work: () => Promise<unknown>): Promise<BenchRow> => {
    const samples: number[] = [];
    for (let i = 0; i < runs(count); i += 1) {
      const started = performance.now();
      await work();
      samples.push(performance.now() - started);
    }
    return rowOf(`${name}.${what}`, samples);
  };
  const get = (path: string) => (): Promise<unknown> => cluster.api.client.call({ method: 'GET', path });
  return [
    summarise(`${name}.firstStart`, [learnt], 'ms'),
    rowOf(`${name}.start.signs`, signs),
    rowOf(`${name}.start.listed`, starts),
    ...resident,
    await timed('health', 40, get('/v1/health')),
    await timed('status', 40, get('/v1/status')),
    await timed('page', 16, get('/v1/keys?limit=100')),
    rowOf(`${name}.sign.frost`, await signing(cluster, known, 'frost-ed25519')),
    rowOf(`${name}.sign.ecdsa`, await signing(cluster, known, 'dkls23-secp256k1')),
    await timed('create', 5, () => cluster.makeKey()),
  ];
}

/** Milliseconds from the first process until the coordinator has taken over all keys, and all of them can sign. */
async function learning(cluster: TestCluster, keys: number): Promise<number> {
  const started = performance.now();
  await cluster.start();
  await cluster.until('all keys known', (status) => status.keys.canSign >= keys, 300_000);
  return performance.now() - started;
}

/** Milliseconds from the first process until a key has signed, and until the lists of all nodes were read. */
async function restarted(
  cluster: TestCluster,
  key: KeyView | undefined,
): Promise<{ readonly first: number; readonly all: number }> {
  if (key === undefined) {
    throw new TypeError('no key to sign with');
  }
  await cluster.end();
  const started = performance.now();
  await cluster.start();
  await cluster.api.sign(key, { kind: 'message', message: random(32) });
  const first = performance.now() - started;
  await cluster.until('lists read', ({ nodes }) => nodes.every(({ keysRead }) => keysRead), 300_000);
  return { first, all: performance.now() - started };
}

/** Milliseconds of signatures, each with another key: the first use of a key unseals it. */
async function signing({ api }: TestCluster, known: readonly KeyView[], scheme: Scheme): Promise<number[]> {
  const keys = known.filter((key) => key.scheme === scheme);
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
