/**
 * End to end: signatures through all processes of a running cluster, as a client of the API sees them. SYMBOLON_CLUSTER
 * names the folder of a running cluster; without it one is made in a temporary folder and ended afterwards.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portsFrom } from '../cli/cluster/layout.ts';
import { ApiClient, makeSignedRequest, readSeedFile, type RequestContent } from '../coordinator/index.ts';
import { makeManifest, signManifest } from '../manifest/index.ts';
import { fromHex, type Scheme } from '../wire/ids.ts';
import { manifestBytes, signedManifest } from '../wire/messages/manifest.ts';
import type { Payload } from '../wire/messages/request.ts';
import { rowOf, runs, summarise, type BenchRow } from './row.ts';

interface Facts {
  readonly cluster: string;
  readonly port: number;
  readonly threshold: number;
  readonly nodes: readonly { readonly name: string }[];
}

const purpose = 'dev/test';
/** Longest wait for a cluster to come up, in milliseconds. */
const startMs = 120_000;

/** The rows of this file. */
export async function rows(): Promise<BenchRow[]> {
  const given = process.env['SYMBOLON_CLUSTER'];
  if (given !== undefined) {
    return measureCluster(given);
  }
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  const port = 29_000 + Math.floor(Math.random() * 500) * 20;
  const main = JSON.stringify(join(import.meta.dirname, '../cli/main.js'));
  const args = JSON.stringify(['up', '--dir', folder, '--port', String(port)]);
  const script = `process.exitCode = await (await import(${main})).main(${args})`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await ready(folder, child);
    return [...(await measureCluster(folder)), ...(await measureEvidence(folder, child))];
  } finally {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ready(folder: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + startMs;
  while (Date.now() < until && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const keyFile = join(folder, 'coordinator/operator.apikey');
    if (!existsSync(keyFile) || !existsSync(join(folder, 'cluster.json'))) {
      continue;
    }
    try {
      const status = await apiOf(folder).status();
      if (status.with.length === status.nodes.length) {
        return;
      }
    } catch {
      // Not up yet: asked again until the time is over.
    }
  }
  throw new Error('the cluster did not come up');
}

const factsOf = (folder: string): Facts =>
  JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as Facts;

function apiOf(folder: string): ApiClient {
  const apiKey = readFileSync(join(folder, 'coordinator/operator.apikey'), 'utf8').trim();
  return new ApiClient({ url: `http://127.0.0.1:${factsOf(folder).port}`, apiKey });
}

async function measureCluster(folder: string): Promise<BenchRow[]> {
  const facts = factsOf(folder);
  const api = apiOf(folder);
  const seed = await readSeedFile(join(folder, 'clients/operator.key'));
  const head = { cluster: fromHex(facts.cluster) ?? new Uint8Array(), client: 'operator' };
  const signed = (content: RequestContent): Uint8Array => makeSignedRequest(head, content, seed.slice());
  const keyFor = async (scheme: Scheme): Promise<string> => {
    const known = (await api.keys()).find((key) => key.scheme === scheme && key.purpose === purpose);
    if (known !== undefined) {
      return known.id;
    }
    const nodes = facts.nodes.map(({ name }) => name);
    const content = { scheme, threshold: facts.threshold, nodes, purpose, label: `bench ${scheme}` };
    const { key } = await api.createKey(signed({ action: 'key.create', ...content }));
    if (key === undefined) {
      throw new Error('the key was not created in time');
    }
    return key.id;
  };
  const rows: BenchRow[] = [];
  try {
    for (const scheme of ['frost-ed25519', 'frost-secp256k1-tr', 'dkls23-secp256k1'] as const) {
      const key = await keyFor(scheme);
      const once = async (): Promise<Sample> => {
        const from = performance.now();
        const body = await api.sign(
          signed({
            action: 'sign',
            key,
            purpose,
            payload: payloadOf(scheme, new Uint8Array(randomBytes(32))),
          }),
        );
        return { ms: performance.now() - from, presigned: body.presigned === true };
      };
      for (let i = 0; i < 20; i += 1) {
        await once();
      }
      const name = names[scheme];
      for (const inFlight of scheme === 'frost-secp256k1-tr' ? [1] : [1, 2, 4, 8, 16, 32, 64]) {
        rows.push(...(await load(name, once, inFlight)));
      }
      if (scheme === 'dkls23-secp256k1') {
        rows.push(rowOf('e2e.ecdsa.online.p50', await withPresignatures(once)));
        rows.push(...(await healthUnderLoad(once, facts)));
      }
    }
  } finally {
    seed.fill(0);
  }
  return rows;
}

/** Age that evidence is given for the row in which it is recalled, in milliseconds; and turns of the two rows. */
const evidenceAge = { ms: 600_000, turns: 4 };

/**
 * What evidence in each session costs a FROST signature, end to end: one at a time, by turns with evidence that is made and
 * judged in each session, and with evidence of an earlier one. Changes the manifest of the cluster, so only of an own one.
 */
async function measureEvidence(folder: string, child: ChildProcess): Promise<BenchRow[]> {
  const api = apiOf(folder);
  const [key] = (await api.keys()).filter((one) => one.scheme === 'frost-ed25519' && one.purpose === purpose);
  if (key === undefined) {
    throw new Error('the key of the other rows is not there');
  }
  const governor = await readSeedFile(join(folder, 'governance/governor.key'));
  const seed = await readSeedFile(join(folder, 'clients/operator.key'));
  const cluster = fromHex(factsOf(folder).cluster) ?? new Uint8Array();
  const samples: Record<'each' | 'recalled', number[]> = { each: [], recalled: [] };
  try {
    for (let turn = 0; turn < 2 * evidenceAge.turns; turn += 1) {
      const row = turn % 2 === 0 ? 'each' : 'recalled';
      const before = signedManifest.decode(Buffer.from((await api.manifest()).manifest, 'base64'));
      const manifest = manifestBytes.decode(before.manifest);
      const next = makeManifest({
        ...manifest,
        version: manifest.version + 1,
        evidenceMaxAgeMs: row === 'each' ? 0 : evidenceAge.ms,
      });
      await api.putManifest(signManifest(next, [{ name: 'governor', seed: governor.slice() }]));
      await ready(folder, child);
      for (let i = -8; i < runs(60); i += 1) {
        const payload = payloadOf('frost-ed25519', new Uint8Array(randomBytes(32)));
        const content = { action: 'sign', key: key.id, purpose, payload } as const;
        const from = performance.now();
        await api.sign(makeSignedRequest({ cluster, client: 'operator' }, content, seed.slice()));
        if (i >= 0) {
          samples[row].push(performance.now() - from);
        }
      }
    }
  } finally {
    governor.fill(0);
    seed.fill(0);
  }
  return [
    rowOf('e2e.frost.evidence.each.p50', samples.each),
    rowOf('e2e.frost.evidence.recalled.p50', samples.recalled),
  ];
}

/** One signature as the client saw it. */
interface Sample {
  readonly ms: number;
  /** Whether a presignature was used, so that one round was left. */
  readonly presigned: boolean;
}

const names = {
  'frost-ed25519': 'e2e.frost',
  'frost-secp256k1-tr': 'e2e.frost.taproot',
  'dkls23-secp256k1': 'e2e.ecdsa',
} as const;

function payloadOf(scheme: keyof typeof names, raw: Uint8Array): Payload {
  switch (scheme) {
    case 'frost-ed25519':
      return { kind: 'message', message: raw };
    case 'frost-secp256k1-tr':
      return { kind: 'bip341-key-spend', digest: raw };
    case 'dkls23-secp256k1':
      return { kind: 'ecdsa-keccak256', message: raw };
  }
}

/**
 * Milliseconds of signatures that used a presignature: a few one after the other, as many as the pool holds, then a pause in
 * which it is filled again.
 */
async function withPresignatures(once: () => Promise<Sample>): Promise<number[]> {
  const samples: number[] = [];
  const wanted = runs(60);
  const until = Date.now() + startMs;
  while (samples.length < wanted && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (let i = 0; i < pooled; i += 1) {
      const { ms, presigned } = await once();
      if (presigned) {
        samples.push(ms);
      }
    }
  }
  if (samples.length === 0) {
    throw new Error('no signature used a presignature');
  }
  return samples;
}
/** How long nodes take to answer `/v1/health` while 16 signatures are in flight: 20 questions a second to each. */
async function healthUnderLoad(once: () => Promise<Sample>, { port, nodes }: Facts): Promise<BenchRow[]> {
  // Where it listens is in the manifest of a real cluster; here it is development evidence, and health is public.
  const agent = new Agent({
    keepAlive: true,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  const samples: number[] = [];
  let loaded = true;
  const signing = load('health', once, 16).finally(() => {
    loaded = false;
  });
  const asking = nodes.map(async (_, i) => {
    while (loaded) {
      const from = performance.now();
      await answered(agent, portsFrom(port).proxy(i + 1));
      samples.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await Promise.all([signing, ...asking]);
  agent.destroy();
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return [
    rowOf('e2e.health.16inflight.p50', samples),
    summarise('e2e.health.16inflight.p99', [at(0.99)], 'ms'),
  ];
}

function answered(agent: Agent, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ agent, host: '127.0.0.1', port, path: '/v1/health' }, (response) => {
      response.resume().once('end', resolve);
    });
    call.once('error', reject);
    call.end();
  });
}

/** Presignatures that the coordinator keeps for a key unless told. */
const pooled = 4;

/** Runs `once` with so many at a time: rows of its median, 95th and 99th percentile, and of the rate. */
async function load(name: string, once: () => Promise<Sample>, inFlight: number): Promise<BenchRow[]> {
  const samples: number[] = [];
  // One at a time, a presignature may be there: those signatures are another row.
  const counts = ({ presigned }: Sample): boolean => inFlight > 1 || !presigned;
  let left = runs(inFlight === 1 ? 120 : 240);
  const started = performance.now();
  let all = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1;
        const sample = await once();
        all += 1;
        if (counts(sample)) {
          samples.push(sample.ms);
        }
      }
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  const prefix = inFlight === 1 ? name : `${name}.${inFlight}inflight`;
  return [
    rowOf(`${prefix}.p50`, samples),
    summarise(`${prefix}.p95`, [at(0.95)], 'ms'),
    summarise(`${prefix}.p99`, [at(0.99)], 'ms'),
    summarise(`${prefix}.rate`, [all / seconds], '1/s'),
  ];
}
