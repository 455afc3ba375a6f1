import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { sessionOpen } from '../../wire/messages/session.ts';
import { signRequest } from '../../manifest/index.ts';
import { flipped } from '../testing/cheat.ts';
import { random, testCluster, type TestCluster } from '../testing/cluster.ts';
import { call, carry, makeKey, openBody, requestOf, signWith } from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';

const two = ['node-1', 'node-2'];
const open = (
  cluster: TestCluster,
  request: Uint8Array,
  names: readonly string[] = two,
): Promise<Uint8Array> => call(cluster, 'node-1', 'open', openBody(cluster, request, names));

async function refused(
  cluster: TestCluster,
  code: ErrorCode,
  request: Uint8Array,
  names: readonly string[] = two,
): Promise<void> {
  await assert.rejects(open(cluster, request, names), refusal(code));
  assert.equal(cluster.node('node-1').node.sessionCounts().open, 0, code);
}

async function withKey(t: TestContext): Promise<{ cluster: TestCluster; key: string }> {
  const cluster = await testCluster(t);
  return { cluster, key: await makeKey(cluster) };
}

test('given participants that can not sign together, when a session is opened, then each list is refused', async (t) => {
  const { cluster, key } = await withKey(t);
  const lists: readonly (readonly string[])[] = [
    ['node-2', 'node-1'],
    ['node-1', 'node-1'],
    ['node-2', 'node-3'],
    ['node-1', 'node-2', 'node-3'],
    ['node-1', 'node-9'],
  ];
  for (const names of lists) {
    await refused(cluster, 'session/bad-participants', cluster.sign({ key }), names);
  }
  await refused(cluster, 'session/bad-participants', cluster.create(), two);
  await signWith(cluster, cluster.sign({ key }), two);
});

test('given a key that can not sign here, when a session is opened, then it is refused by name', async (t) => {
  const { cluster, key } = await withKey(t);
  await refused(cluster, 'session/unknown-key', cluster.sign({ key: 'f'.repeat(32) }));
  await carry(cluster, cluster.create(), cluster.names, 4);
  const listed = await cluster.node('node-1').node.keystore().list();
  const pending = listed.find(({ state }) => state === 'pending');
  assert.ok(pending !== undefined);
  const before = cluster.node('node-1').node.sessionCounts().open;
  await assert.rejects(open(cluster, cluster.sign({ key: pending.id })), refusal('session/key-not-active'));
  assert.equal(cluster.node('node-1').node.sessionCounts().open, before);
  await signWith(cluster, cluster.sign({ key }), two);
});

test('T19: given a key of one purpose, when a request names another that its client may use, then it is refused', async (t) => {
  const { cluster, key } = await withKey(t);
  await refused(cluster, 'request/wrong-purpose', cluster.sign({ key, purpose: 'cold' }));
  await refused(
    cluster,
    'request/wrong-payload',
    cluster.sign({ key, payload: { kind: 'bip340-digest', digest: random(32) } }),
  );
  await signWith(cluster, cluster.sign({ key }), two);
});

test('T10: given a request that is not authentic, when refused, then its id is not burned', async (t) => {
  const { cluster, key } = await withKey(t);
  const request = cluster.sign({ key });
  await refused(cluster, 'request/bad-signature', flipped(request, request.length - 1));
  const asked = requestOf(request);
  await refused(cluster, 'request/bad-signature', signRequest(asked, random(32)));
  // The true request with the same id is the first that the guard hears of.
  await signWith(cluster, request, two);
});

test('given the id of a request with another content, when opened, then it is a conflict', async (t) => {
  const { cluster, key } = await withKey(t);
  const request = cluster.sign({ key });
  await signWith(cluster, request, two);
  const { id } = requestOf(request);
  await refused(
    cluster,
    'node/request-id-conflict',
    cluster.sign({ key, id, payload: { kind: 'message', message: random(9) } }),
  );
});

test('given a request out of its time, cluster or manifest, when opened, then it is refused by name', async (t) => {
  const { cluster, key } = await withKey(t);
  const now = cluster.clock.now();
  await refused(
    cluster,
    'request/expired',
    cluster.sign({ key, issuedAt: now - 2_000, expiresAt: now - 1_000 }),
  );
  await refused(
    cluster,
    'request/not-yet-valid',
    cluster.sign({ key, issuedAt: now + 60_000, expiresAt: now + 90_000 }),
  );
  await refused(cluster, 'request/foreign-cluster', cluster.sign({ key, cluster: random(16) }));
  await refused(cluster, 'request/unknown-client', cluster.sign({ key, client: 'nobody' }));
  await assert.rejects(
    call(
      cluster,
      'node-1',
      'open',
      sessionOpen.encode({ request: cluster.sign({ key }), participants: two, manifest: random(32) }),
    ),
    refusal('session/other-manifest'),
  );
  await signWith(cluster, cluster.sign({ key }), two);
});

test('given a request tried too often, when opened once more, then its attempts are used up', async (t) => {
  const { cluster, key } = await withKey(t);
  const request = cluster.sign({ key });
  for (let i = 0; i < 8; i += 1) {
    await open(cluster, request);
  }
  await assert.rejects(open(cluster, request), refusal('guard/attempts-exhausted'));
  await signWith(cluster, cluster.sign({ key }), two);
});

test('T12: given a node that stops while a session is being opened, when its key is there at last, then no session is taken', async (t) => {
  const { cluster, key } = await withKey(t);
  const { node } = cluster.node('node-1');
  const keystore = node.keystore();
  const openKey = keystore.open.bind(keystore);
  const found = await openKey(key);
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  t.mock.method(keystore, 'open', async () => {
    await held;
    return found;
  });
  const opening = open(cluster, cluster.sign({ key }));
  await node.stop();
  go();
  await assert.rejects(opening, refusal('session/aborted'));
  assert.equal(node.sessionCounts().open, 0);
});
