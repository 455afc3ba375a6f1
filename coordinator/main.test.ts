/** The coordinator as a process of its own: ready line, API keys, kill -9 in the middle of work, a clean end. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { anchorOf } from '../manifest/index.ts';
import { sampleSeeds, signSample } from '../daemon/testing/sampleManifest.ts';
import { random } from '../daemon/testing/cluster.ts';
import { verifySignature } from '../threshold/index.ts';
import { fromHex, toHex } from '../wire/ids.ts';
import { newApiKey } from './apiKeys.ts';
import { ApiClient } from './client.ts';
import { rig, type Rig } from './testing/cluster.ts';

interface Running {
  readonly child: ChildProcess;
  readonly lines: () => readonly Record<string, unknown>[];
  readonly text: () => string;
  readonly ended: Promise<number | null>;
}

const main = join(import.meta.dirname, 'main.js');

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

async function run(
  t: Pick<TestContext, 'after'>,
  made: Rig,
  args: readonly string[],
  until?: string,
): Promise<Running> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: made.cluster.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  const lines = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (let i = 0; until !== undefined && i < 1_800 && child.exitCode === null; i += 1) {
    if (text.includes(`"event":"${until}"`)) {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { child, lines, text: () => text, ended };
}

async function configure(
  made: Rig,
): Promise<{ readonly args: string[]; readonly url: string; readonly file: string; readonly key: string }> {
  const { folder, manifest } = made.cluster;
  const port = await freePort();
  const { text, hash } = newApiKey(random);
  const file = join(folder, 'process-manifest.cbor');
  writeFileSync(file, made.cluster.signed);
  writeFileSync(join(folder, 'coordinator.key'), sampleSeeds.coordinator, { mode: 0o600 });
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      listen: `tcp:127.0.0.1:${port}`,
      manifest: { file: 'process-manifest.cbor', anchor: toHex(anchorOf(manifest)) },
      nodes: [...made.addresses].map(([name, address]) => ({ name, address })),
      clientKeyFile: 'coordinator.key',
      database: 'process-database',
      apiKeys: [{ name: 'operator', sha256: toHex(hash) }],
    }),
  );
  return { args: ['--config', 'config.json'], url: `http://127.0.0.1:${port}`, file, key: text };
}

test('given a kill -9 in the middle of signing, when the process starts again, then nothing acknowledged is lost', async (t) => {
  const made = await rig(t, { start: false });
  const { args, url, file, key: apiKey } = await configure(made);
  const client = new ApiClient({ url, apiKey, timeoutMs: 10_000 });
  const first = await run(t, made, args, 'ready');
  assert.equal(first.lines().at(-1)?.['event'], 'ready', first.text());
  const { key } = await client.createKey(made.cluster.create());
  assert.ok(key?.state === 'active');
  const done = await client.sign(made.cluster.sign({ key: key.id }));

  // Ten requests under way; the process is killed when the first of them is answered.
  const requests = Array.from({ length: 10 }, () => made.cluster.sign({ key: key.id }));
  const answers = requests.map((request) => client.sign(request));
  const settled = Promise.allSettled(answers);
  await Promise.race(answers);
  first.child.kill('SIGKILL');
  await first.ended;
  const outcomes = await settled;

  const second = await run(t, made, args, 'ready');
  assert.deepEqual(await client.signature(done.id), done);
  assert.deepEqual(await client.key(key.id), key);
  for (const [i, request] of requests.entries()) {
    const answer = await client.sign(request);
    const signature = fromHex(answer.signature ?? '') ?? new Uint8Array();
    const groupKey = fromHex(key.publicKey) ?? new Uint8Array();
    assert.ok(verifySignature('frost-ed25519', groupKey, Uint8Array.of(1, 2, 3), signature));
    const outcome = outcomes[i];
    if (outcome?.status === 'fulfilled') {
      assert.deepEqual(answer, outcome.value);
    }
  }

  // A second process on the same folder is refused; the first goes on.
  const third = await run(t, made, args);
  assert.equal(await third.ended, 70);
  assert.match(third.text(), /coordinator\/store-locked/);
  assert.equal((await client.health()).canSign, 'yes');

  // A new manifest in the file, and a hint: it is in force, and the nodes get it.
  writeFileSync(file, signSample({ ...made.cluster.manifest, version: 2 }));
  second.child.kill('SIGHUP');
  let with3 = 0;
  for (let i = 0; i < 100 && with3 < 3; i += 1) {
    const status = await client.status();
    with3 = status.cluster.manifest.version === 2 ? status.with.length : 0;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(with3, 3);

  const started = performance.now();
  second.child.kill('SIGTERM');
  assert.equal(await second.ended, 0);
  assert.ok(performance.now() - started < 2_500);
  assert.equal(second.lines().at(-1)?.['event'], 'ended');
  // T33: neither the API key nor the seed is in what was logged.
  const all = first.text() + second.text() + third.text();
  assert.ok(!all.includes(apiKey));
  assert.ok(!all.includes(toHex(sampleSeeds.coordinator)));
});

test('an API key is printed once and works after the next start; a bad configuration has its own exit code', async (t) => {
  const made = await rig(t, { start: false });
  const { args, url } = await configure(made);
  const maker = await run(t, made, [...args, '--new-api-key', 'auditor']);
  assert.equal(await maker.ended, 0);
  const apiKey = maker.text().trim();
  const running = await run(t, made, args, 'ready');
  assert.equal((await new ApiClient({ url, apiKey }).status()).keys.total, 0);
  // Another folder, the same port: said by name.
  const other = join(made.cluster.folder, 'config.json');
  const taken = JSON.parse(readFileSync(other, 'utf8')) as object;
  writeFileSync(other, JSON.stringify({ ...taken, database: 'other-database' }));
  const second = await run(t, made, args);
  assert.equal(await second.ended, 70);
  assert.match(second.text(), /channel\/address-in-use/);
  running.child.kill('SIGTERM');
  assert.equal(await running.ended, 0);
  writeFileSync(join(made.cluster.folder, 'config.json'), '{}');
  const refused = await run(t, made, args);
  assert.equal(await refused.ended, 78);
  assert.match(refused.text(), /coordinator\/config/);
});
