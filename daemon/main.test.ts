/** The daemon as a process, with the real HSM process and a real token. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { channelCall, clientTls, httpsAgentFor } from '../enclave/channel/index.ts';
import {
  digestProgramFolder,
  enrolInsecureDevInstance,
  insecureDevPcrs,
  makeInsecureDevRoot,
} from '../enclave/attester/index.ts';
import { appraise, policyFor } from '../enclave/evidence/index.ts';
import { noSoftHsm, startHsm, testNode } from '../hsm/testing.ts';
import { toHex } from '../wire/ids.ts';
import { evidenceAnswer, evidenceAsk, nodeStatus } from '../wire/messages/node.ts';
import { anchorOf } from '../manifest/index.ts';
import { random } from './testing/cluster.ts';
import { sampleManifest, sampleSeeds, signSample } from './testing/sampleManifest.ts';
import { verifiedOf } from './testing/verified.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

interface Daemon {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when a line with this event was written. */
  readonly event: (name: string) => Promise<void>;
}

function start(t: TestContext, root: string, args: readonly string[]): Daemon {
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      output += part;
      for (const look of waiting) {
        look();
      }
    });
  }
  t.after(() => child.kill('SIGKILL'));
  return {
    child,
    output: () => output,
    event: (name) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(`"event":"${name}"`)) {
            waiting.delete(look);
            clearTimeout(timer);
            resolve();
          }
        };
        const timer = setTimeout(() => {
          reject(new Error(`no ${name} in: ${output}`));
        }, 10_000);
        waiting.add(look);
        look();
      }),
  };
}

/** Sets up one node beside its token; gives the manifest. */
async function setUp(root: string): Promise<ReturnType<typeof verifiedOf>> {
  const now = Date.now();
  const day = 86_400_000;
  const ca = await makeInsecureDevRoot({ folder: join(root, 'ca'), now });
  const instance = await enrolInsecureDevInstance({
    authority: join(root, 'ca'),
    folder: join(root, 'attester'),
    roleArn: 'arn:aws:iam::000000000000:role/node-1',
    now,
  });
  const { image, node } = insecureDevPcrs(await digestProgramFolder(join(main, '..', '..')), instance);
  const sample = sampleManifest();
  const manifest = {
    ...sample,
    issuedAt: now,
    nodes: sample.nodes.map((one) => (one.index === 1 ? { ...one, pcrs: new Map(node) } : one)),
    roots: [{ platform: 'dev' as const, sha256: ca.sha256 }],
    measurements: sample.measurements.map((one) => ({
      ...one,
      pcrs: new Map(image),
      notBefore: now - day,
      notAfter: now + day,
    })),
    clients: sample.clients.map((one) => ({ ...one, notAfter: now + day })),
  };
  const signed = signSample(manifest);
  mkdirSync(join(root, 'daemon', 'run'), { recursive: true, mode: 0o700 });
  writeFileSync(join(root, 'daemon', 'manifest.cbor'), signed, { mode: 0o600 });
  writeFileSync(
    join(root, 'daemon', 'config.json'),
    JSON.stringify({
      node: 'node-1',
      cluster: toHex(manifest.cluster),
      listen: 'unix:daemon/run/node.sock',
      platform: 'dev',
      attester: { folder: 'attester' },
      hsm: { socket: 'hsm/hsm.sock' },
      store: { folder: 'daemon/store' },
      manifest: { file: 'daemon/manifest.cbor', anchor: toHex(anchorOf(manifest)) },
    }),
  );
  return verifiedOf(signed, anchorOf(manifest));
}

test(
  'given the daemon and its HSM process, when both run, then it serves sealed, becomes ready, and ends clean',
  { skip: noSoftHsm },
  async (t) => {
    const { root } = await testNode(t);
    const { manifest, hash } = await setUp(root);
    const daemon = start(t, root, ['--config', 'daemon/config.json']);
    await daemon.event('serving');
    assert.doesNotMatch(daemon.output(), /"event":"ready"/, 'the HSM process does not run yet');
    await startHsm(t, root);
    await daemon.event('ready');

    const agent = httpsAgentFor({
      address: { kind: 'unix', path: join(root, 'daemon', 'run', 'node.sock') },
      client: clientTls({ seed: sampleSeeds.operator }),
    });
    t.after(() => {
      agent.destroy();
    });
    const ask = async (path: string, body?: Uint8Array): Promise<Uint8Array> => {
      const method = body === undefined ? 'GET' : 'POST';
      const answer = await channelCall(agent, {
        method,
        path,
        maxBytes: 100_000,
        timeoutMs: 5_000,
        ...(body === undefined ? {} : { body }),
      });
      assert.equal(answer.status, 200, path);
      return answer.body;
    };
    assert.equal(nodeStatus.decode(await ask('/v1/status')).phase, 'ready');
    const nonce = random(32);
    const { evidence } = evidenceAnswer.decode(await ask('/v1/evidence', evidenceAsk.encode({ nonce })));
    const judged = appraise({ platform: 'dev', document: evidence }, policyFor(manifest, 'node-1'), {
      now: Date.now(),
      expected: { nonce, role: 'channel', cluster: manifest.cluster, node: 'node-1', manifest: hash },
    });
    assert.ok(judged.ok, 'the running program measures as its built files do');

    // T33: another process of the same user can neither read its memory nor get a core file of it.
    assert.match(readFileSync(`/proc/${daemon.child.pid ?? 0}/limits`, 'utf8'), /Max core file size\s+0\s+0/);

    const began = Date.now();
    daemon.child.kill('SIGTERM');
    const [code] = (await once(daemon.child, 'exit')) as [number | null];
    assert.equal(code, 0);
    assert.ok(Date.now() - began < 2_000);
    for (const line of daemon.output().trim().split('\n')) {
      assert.ok('event' in (JSON.parse(line) as object), line);
    }
  },
);

test('given arguments or a configuration that can not be used, when started, then it ends with 78 and a line', async (t) => {
  for (const args of [[], ['--config', 'absent.json']]) {
    const daemon = start(t, '/tmp', args);
    const [code] = (await once(daemon.child, 'close')) as [number | null];
    assert.equal(code, 78);
    assert.match(daemon.output(), /"code":"node\/bad-config"/);
  }
});
