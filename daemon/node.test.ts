import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pairingBytes } from '../threshold/pairing/pairingKeys.ts';
import { checkBackends } from '../threshold/group/selfTest.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { nodeFiles } from './files/atomic.ts';
import { SignerNode } from './node.ts';
import { flipped } from './testing/cheat.ts';
import { random, testCluster, testHsm } from './testing/cluster.ts';
import { ecdsaPayload, ecdsaScene, ecdsaSigns } from './testing/ecdsaScene.ts';
import {
  activateAll,
  call,
  carry,
  forNode,
  makeKey,
  pairNodes,
  presign,
  roundBody,
  signWith,
} from './testing/relay.ts';
import { refusal } from './testing/refusal.ts';
import { signSample } from './testing/sampleManifest.ts';
import { workerRunner } from './work/workers.ts';

const two = ['node-1', 'node-2'];

test('given a token that answers late, when the node tries again, then it becomes ready by itself', async (t) => {
  let attempts = 0;
  const cluster = await testCluster(t, {
    wait: false,
    modules: (name, modules) => ({
      ...modules,
      connectHsm: () => {
        attempts += 1;
        return attempts < 3
          ? Promise.reject(new SymbolonError('hsm/unavailable', { reason: 'not yet' }))
          : Promise.resolve(testHsm(name));
      },
    }),
  });
  const { node } = cluster.node('node-1');
  await node.settled();
  assert.equal(node.phase.phase, 'ready');
  assert.equal(node.phase.reason, undefined);
});

for (const [what, error] of [
  ['T30: given a refused PIN', new SymbolonError('hsm/pin-refused', { reason: 'CKR_PIN_INCORRECT' })],
  ['given another token', new SymbolonError('hsm/token-mismatch', { wanted: '1', found: '2' })],
] as const) {
  test(`${what}, when the node unlocks, then it stays sealed, says why, and never tries again`, async (t) => {
    let attempts = 0;
    const cluster = await testCluster(t, {
      modules: (_name, modules) => ({
        ...modules,
        connectHsm: () => {
          attempts += 1;
          return Promise.reject(error);
        },
      }),
    });
    const { node } = cluster.node('node-1');
    assert.equal(node.phase.phase, 'sealed');
    assert.equal(node.phase.reason?.code, error.code);
    await sleep(300);
    assert.equal(attempts, cluster.names.length, 'one attempt a node');
  });
}

test('T11: given a replay guard that is gone, when the node starts again, then it is frozen and says so', async (t) => {
  const cluster = await testCluster(t);
  await cluster.node('node-1').node.stop();
  const journal = join(cluster.folder, 'node-1', 'store', 'replay.journal');
  // Without the marker too: the folder of the keys says that the node has run before.
  for (const lost of [journal, `${journal}.created`]) {
    await rm(lost);
    const { node } = await cluster.restart('node-1');
    assert.equal(node.phase.phase, 'frozen');
    assert.equal(node.phase.reason?.code, 'guard/missing');
  }
  await assert.rejects(call(cluster, 'node-1', 'open', random(10)), refusal('node/wrong-phase'));
});

test('T15: given a pairing that is not to be opened, when the node starts, then its log and its status name it, and the node serves', async (t) => {
  const cluster = await testCluster(t);
  await pairNodes(cluster);
  const { lines, node } = await cluster.restart('node-1', async () => {
    const folder = join(cluster.folder, 'node-1', 'store', 'pairings');
    const file = (await readdir(folder)).find((name) => name.startsWith('node-2.')) ?? assert.fail();
    await writeFile(join(folder, file), random(100), { mode: 0o600 });
  });
  assert.equal(node.phase.phase, 'ready');
  assert.equal(node.pairingList().find(({ peer }) => peer === 'node-2')?.state, 'broken');
  const line = lines.find(({ event }) => event === 'pairing-broken') ?? assert.fail('no line in the log');
  assert.match(line.detail ?? '', /node-2/);
  assert.ok(node.refusals.entries.some(({ peer, code }) => peer === 'node-1' && code === line.code));
});

test('given a manifest that is absent, broken or not trusted, when the node starts, then it is frozen', async (t) => {
  const cluster = await testCluster(t);
  const file = join(cluster.folder, 'node-1', 'manifest.cbor');
  const write = (bytes: Uint8Array): Promise<void> => writeFile(file, bytes, { mode: 0o600 });
  const renamed = cluster.manifest.nodes.map((one) => (one.index === 1 ? { ...one, name: 'node-0' } : one));
  const cases: readonly [() => Promise<void>, RegExp][] = [
    [() => rm(file), /^manifest\/absent$/],
    [() => write(random(100)), /^manifest\/broken$/],
    [() => write(flipped(cluster.signed, cluster.signed.length - 1)), /^manifest\//],
    [
      () => write(signSample({ ...cluster.manifest, version: 9 }, ['alice'])),
      /^manifest\/not-enough-signatures$/,
    ],
    [() => write(signSample({ ...cluster.manifest, nodes: renamed })), /^node\/not-in-manifest$/],
  ];
  for (const [spoil, code] of cases) {
    await spoil();
    const { node } = await cluster.restart('node-1');
    assert.equal(node.phase.phase, 'frozen');
    assert.match(node.phase.reason?.code ?? '', code);
  }
});

test('given a platform that this build does not have, when the node boots, then it ends by name', async (t) => {
  const cluster = await testCluster(t);
  const { config, modules } = cluster.node('node-1');
  const attester = { platform: 'nitro', device: '/dev/nsm' } as const;
  await assert.rejects(
    SignerNode.boot({ ...config, attester }, modules),
    refusal('node/platform-not-here', { platform: 'nitro', here: ['dev'] }),
  );
});

test('T36: given a new manifest in the middle of a session, when its next round comes, then nothing leaves', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const next = signSample({ ...cluster.manifest, version: 2 });
  await call(cluster, 'node-1', 'putManifest', next);
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('session/failed', { code: 'gate/not-current' }),
  );
  await assert.rejects(
    call(cluster, 'node-1', 'putManifest', cluster.signed),
    refusal('manifest/version-not-higher'),
  );
});

test('T13: given a disk that does not take the mark, when the last round comes, then no share leaves and the node freezes', async (t) => {
  let full = false;
  const cluster = await testCluster(t, {
    modules: (name, modules) =>
      name === 'node-1'
        ? {
            ...modules,
            files: nodeFiles((step) => {
              if (full && step.path.includes('replay.journal')) {
                throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
              }
              return undefined;
            }),
          }
        : modules,
  });
  const key = await makeKey(cluster);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  full = true;
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  await assert.rejects(call(cluster, 'node-1', 'round', body), refusal('guard/write-failed'));
  const { node } = cluster.node('node-1');
  assert.equal(node.phase.phase, 'frozen');
  assert.equal(node.sessionCounts().open, 0);
});

test('given nodes with worker threads, when they make keys and pairings and sign, then it is as without', async (t) => {
  const cluster = await testCluster(t, {
    modules: (_name, modules) => ({ ...modules, makeRunner: (given) => workerRunner({ count: 1 }, given) }),
  });
  const key = await makeKey(cluster);
  await signWith(cluster, cluster.sign({ key }), two);
  await pairNodes(cluster, two);
  const ecdsa = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1' }));
  const request = (): Uint8Array => cluster.sign({ key: ecdsa, payload: ecdsaPayload });
  await signWith(cluster, request(), two);
  const id = await presign(cluster, ecdsa, two);
  await signWith(cluster, request(), two, { presignature: () => id });
  const refresh = cluster.ask({ action: 'key.refresh', key, purpose: 'treasury', generation: 1 });
  await activateAll(cluster, await carry(cluster, refresh, cluster.names, 4));
  await signWith(cluster, cluster.sign({ key }), two);
  await assert.rejects(
    carry(cluster, cluster.sign({ key }), two, 2, {
      evidence: (node, honest) =>
        honest.map((one) => (node === 'node-1' ? { ...one, evidence: flipped(one.evidence, 900) } : one)),
    }),
    refusal('gate/peer-refused', { peer: 'node-2' }),
  );
});

test('given a worker that dies in the middle of a session, when its step is asked for, then the session fails by name and the node goes on', async (t) => {
  const entry = new URL('./testing/mortalWorker.js', import.meta.url);
  const cluster = await testCluster(t, {
    modules: (name, modules) => ({
      ...modules,
      makeRunner: (given) =>
        name === 'node-1' ? workerRunner({ count: 1 }, { ...given, entry }) : modules.makeRunner(given),
    }),
  });
  await assert.rejects(carry(cluster, cluster.create(), cluster.names, 4), refusal('node/worker-ended'));
  const { node, lines } = cluster.node('node-1');
  assert.equal(node.phase.phase, 'ready');
  assert.deepEqual(node.sessionCounts(), { open: 0, finished: 0, failed: 1 });
  assert.ok(lines.some(({ event }) => event === 'worker-ended'));
});

test('given pairings that can not be read, when the node starts, then it is frozen, and its keys are closed again', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  await cluster.node('node-1').node.stop();
  const folder = join(cluster.folder, 'node-1', 'store', 'pairings');
  await rm(folder, { recursive: true });
  await writeFile(folder, 'no folder', { mode: 0o600 });
  const { node } = await cluster.restart('node-1');
  assert.equal(node.phase.phase, 'frozen');
  assert.equal(node.phase.reason?.code, 'store/unusable');
  await assert.rejects(call(cluster, 'node-1', 'open', random(10)), refusal('node/wrong-phase'));
  await signWith(cluster, cluster.sign({ key }), ['node-2', 'node-3']);
});

test('T39: given arithmetic that answers wrong, when the node boots, then it is frozen, says so, and serves nothing', async (t) => {
  const wrong = new SymbolonError('native/wrong-answer', { what: 'secp256k1 product' });
  const cluster = await testCluster(t, {
    modules: (name, modules) =>
      name === 'node-1'
        ? {
            ...modules,
            checkBackends: () => {
              throw wrong;
            },
          }
        : { ...modules, checkBackends },
  });
  const { node } = cluster.node('node-1');
  assert.equal(node.phase.phase, 'frozen');
  assert.equal(node.phase.reason?.code, 'native/wrong-answer');
  assert.match(
    new TextDecoder().decode(await call(cluster, 'node-1', 'health', random(0))),
    /"canServe":false/,
  );
  assert.equal(cluster.node('node-2').node.phase.phase, 'ready');
});

test('T33: given a key that was made and used, when the logs are read, then no share is in them', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  await signWith(cluster, cluster.sign({ key }), two);
  const logs = cluster.names
    .flatMap((name) => cluster.node(name).lines.map((line) => JSON.stringify(line)))
    .join('\n');
  assert.match(logs, /key-active/);
  for (const name of cluster.names) {
    const found = await cluster.node(name).node.keystore().open(key);
    assert.ok(found.kind === 'active');
    for (const form of ['hex', 'base64', 'latin1'] as const) {
      assert.ok(!logs.includes(Buffer.from(found.share.secret).toString(form)), `${name} ${form}`);
    }
  }
});

test('T33: given pairings, presignatures and ECDSA signatures, when logs and status are read, then no secret is in them', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  await ecdsaSigns(cluster, key);
  await presign(cluster, key, two);
  const said = await Promise.all(
    cluster.names.map(async (name) => [
      ...cluster.node(name).lines.map((line) => JSON.stringify(line)),
      Buffer.from(await call(cluster, name, 'status', random(0))).toString('latin1'),
      Buffer.from(await call(cluster, name, 'status', random(0))).toString('hex'),
    ]),
  );
  const text = said.flat().join('\n');
  assert.match(text, /pairing-made/);
  for (const name of cluster.names) {
    const { node } = cluster.node(name);
    const found = await node.keystore().open(key);
    assert.ok(found.kind === 'active');
    const pairings = node.pairings();
    const hidden = [found.share.secret];
    for (const peer of cluster.names) {
      const pairing = pairings.find(peer);
      if (pairing.kind === 'ready') {
        const { nabla, aliceLeaves, bobLeaves, zeroSeed } = pairingBytes.decode(pairing.secret);
        for (const part of [nabla, aliceLeaves, bobLeaves, zeroSeed]) {
          for (let at = 0; at + 16 <= part.length; at += 16) {
            hidden.push(part.subarray(at, at + 16));
          }
        }
      }
    }
    assert.ok(hidden.length > 100);
    for (const secret of hidden) {
      for (const form of ['hex', 'base64', 'latin1'] as const) {
        assert.ok(!text.includes(Buffer.from(secret).toString(form).replace(/=+$/, '')), `${name} ${form}`);
      }
    }
  }
});

test('given a node that stops, when it is done, then its sessions failed and its shares are zeros', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  await carry(cluster, cluster.sign({ key }), two, 1);
  const { node } = cluster.node('node-1');
  const found = await node.keystore().open(key);
  assert.ok(found.kind === 'active');
  await node.stop();
  assert.deepEqual(Buffer.from(found.share.secret), Buffer.alloc(32));
  assert.equal(node.sessionCounts().open, 0);
});
