import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKeyOf, verifySignature } from '../../threshold/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { maxOpenMs } from '../../wire/limits.ts';
import { sessionFinish } from '../../wire/messages/session.ts';
import { random, testCluster } from '../testing/cluster.ts';
import {
  attestBody,
  call,
  carry,
  firstBody,
  forNode,
  makeKey,
  openAll,
  openBody,
  publicOf,
  roundBody,
  signatureOf,
  signWith,
} from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';

const two = ['node-1', 'node-2'];

test('given three nodes, when they make an Ed25519 key, then any two of them sign with it', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const message = random(200);
  for (const pair of [two, ['node-1', 'node-3'], ['node-2', 'node-3']]) {
    const request = cluster.sign({ key, payload: { kind: 'message', message } });
    const signature = await signWith(cluster, request, pair);
    const publicKey = publicKeyOf(await publicOf(cluster, pair[0] ?? '', key), 'none');
    assert.ok(verifySignature('frost-ed25519', publicKey, message, signature), pair.join(' and '));
  }
  assert.deepEqual(cluster.node('node-1').node.sessionCounts(), { open: 0, finished: 3, failed: 0 });
});

test('given three nodes, when they make a taproot key, then it signs BIP340 digests and key-path spends', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster, cluster.create({ scheme: 'frost-secp256k1-tr' }));
  const known = await publicOf(cluster, 'node-1', key);
  const digest = random(32);
  for (const [kind, tweak] of [
    ['bip340-digest', 'none'],
    ['bip341-key-spend', 'bip341'],
  ] as const) {
    const signature = await signWith(cluster, cluster.sign({ key, payload: { kind, digest } }), two);
    assert.ok(verifySignature('frost-secp256k1-tr', publicKeyOf(known, tweak), digest, signature), kind);
  }
});

test('given a FROST key and a path, when two nodes sign, then it is under the key of that path, and finish knows it', async (t) => {
  const cluster = await testCluster(t);
  for (const scheme of ['frost-ed25519', 'frost-secp256k1-tr'] as const) {
    const key = await makeKey(cluster, cluster.create({ scheme }));
    const known = await publicOf(cluster, 'node-1', key);
    const digest = random(32);
    const payload =
      scheme === 'frost-ed25519'
        ? ({ kind: 'message', message: digest } as const)
        : ({ kind: 'bip340-digest', digest } as const);
    const path = [1, 0x7fff_ffff];
    const signature = await signWith(cluster, cluster.sign({ key, payload, path }), two);
    assert.ok(verifySignature(scheme, publicKeyOf(known, 'none', path), digest, signature));
    assert.ok(!verifySignature(scheme, publicKeyOf(known, 'none'), digest, signature));
  }
});

test('given a delivery that is repeated, when it comes again, then the stored answer comes back', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const request = cluster.sign({ key });
  const { session, challenges, evidence, outputs } = await carry(cluster, request, two, 2);
  const again = async (route: 'attest' | 'round', body: Uint8Array): Promise<void> => {
    const [one, other] = await Promise.all([
      call(cluster, 'node-1', route, body),
      call(cluster, 'node-1', route, body),
    ]);
    assert.ok(equalBytes(one, other));
  };
  await again('attest', attestBody('node-1', challenges));
  await again('round', firstBody('node-1', session, evidence));
  await again('round', roundBody(session, 2, forNode('node-1', outputs.get(1) ?? [])));
});

test('T02: given one session, when attest is asked twice, then one evidence exists and it fits no other session', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const first = await carry(cluster, cluster.sign({ key }), two, 1);
  await assert.rejects(
    carry(cluster, cluster.sign({ key }), two, 2, {
      evidence: (_node, honest) =>
        honest.map((one) => first.evidence.find((e) => e.node === one.node) ?? one),
    }),
    refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
  );
});

test('given a request that was carried out, when it is opened again, then it is replayed', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const request = cluster.sign({ key });
  await signWith(cluster, request, two);
  await assert.rejects(openAll(cluster, request, two), refusal('node/request-replayed'));
  // The third node took no part and did not hear of it: alone it can not sign.
  await assert.rejects(openAll(cluster, request, ['node-1', 'node-3']), refusal('node/request-replayed'));
});

test('given a key whose activation was answered, when its request is opened again, then it is replayed', async (t) => {
  const cluster = await testCluster(t);
  const request = cluster.create();
  await makeKey(cluster, request);
  await assert.rejects(openAll(cluster, request, cluster.names), refusal('node/request-replayed'));
});

test('given a node that fell out in a session, when the same request goes to others, then it is signed', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const request = cluster.sign({ key });
  await carry(cluster, request, two, 1);
  assert.equal((await signWith(cluster, request, ['node-1', 'node-3'])).length, 64);
});

test('given a restarted node, when it is ready again, then it signs with the key that it held', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  await cluster.restart('node-2');
  assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
});

test('given a wrong signature or a session of another kind, when reported as signed, then nothing is done', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const request = cluster.sign({ key });
  const carried = await carry(cluster, request, two, 2);
  const { session } = carried;
  const finish = (signature: Uint8Array): Promise<Uint8Array> =>
    call(cluster, 'node-1', 'finish', sessionFinish.encode({ outcome: 'signed', session, signature }));
  await assert.rejects(finish(random(64)), refusal('session/bad-outcome'));
  const signature = await signatureOf(cluster, request, carried);
  await finish(signature);
  await finish(signature);
  assert.equal(cluster.node('node-1').node.sessionCounts().finished, 2);

  const early = await carry(cluster, cluster.sign({ key }), two, 1);
  await assert.rejects(
    call(
      cluster,
      'node-1',
      'finish',
      sessionFinish.encode({ outcome: 'signed', session: early.session, signature }),
    ),
    refusal('session/wrong-state'),
  );
  const made = await carry(cluster, cluster.create(), cluster.names, 4);
  await assert.rejects(
    call(
      cluster,
      'node-1',
      'finish',
      sessionFinish.encode({ outcome: 'signed', session: made.session, signature }),
    ),
    refusal('session/bad-outcome'),
  );
});

test('T12: given a session that its relay ended, when a round comes for it, then it stays ended by that name', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const aborted = sessionFinish.encode({ outcome: 'aborted', session, code: 'coordinator/node-gone' });
  await call(cluster, 'node-1', 'finish', aborted);
  await call(cluster, 'node-1', 'finish', aborted);
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []))),
    refusal('session/failed', { code: 'session/aborted' }),
  );
  // node-2 still holds its nonces and would answer: its share alone is no signature.
  assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
});

test('T35: given a silent peer, when others sign meanwhile, then they finish, and the silent session ends by itself', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const silent = await carry(cluster, cluster.sign({ key }), two, 1);
  assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
  cluster.clock.advance(30_001);
  const { node } = cluster.node('node-1');
  const body = roundBody(silent.session, 2, forNode('node-1', silent.outputs.get(1) ?? []));
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('session/failed', { code: 'session/expired' }),
  );
  assert.equal(node.sessionCounts().open, 0);
  assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
});

test('T43: given a peer that never opened, when the time for the challenges is over, then the session takes no place', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { node } = cluster.node('node-1');
  await call(cluster, 'node-1', 'open', openBody(cluster, cluster.sign({ key }), two));
  assert.equal(node.sessionCounts().open, 1);
  // The clock of the tests runs on beside its jumps.
  cluster.clock.advance(maxOpenMs / 2);
  node.sessions().table.sweep();
  assert.equal(node.sessionCounts().open, 1);
  cluster.clock.advance(maxOpenMs / 2);
  node.sessions().table.sweep();
  assert.equal(node.sessionCounts().open, 0);
});

test('given a session of one relay, when another client names it, then it does not exist', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { session, challenges, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const other = 'somebody-else';
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  await assert.rejects(call(cluster, 'node-1', 'round', body, other), refusal('session/unknown'));
  await assert.rejects(
    call(cluster, 'node-1', 'attest', attestBody('node-1', challenges), other),
    refusal('session/unknown'),
  );
  await call(cluster, 'node-1', 'round', body);
});
