/**
 * A coordinator that relays evidence as something that it is not: of another node, an old one, for another session, of
 * another role, boot or manifest. It gets nowhere: the node that is lied to gives nothing away and names whose evidence it
 * was. With an age in the manifest and without.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { appraise, policyFor } from '../../enclave/evidence/index.ts';
import { evidenceAnswer, evidenceAsk } from '../../wire/messages/node.ts';
import { claimsBytes, recalledEvidence } from '../../wire/messages/session.ts';
import { random, testCluster, type TestCluster } from '../testing/cluster.ts';
import { attestAll, call, firstBody, makeKey, signWith } from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';
import { signSample } from '../testing/sampleManifest.ts';

const two = ['node-1', 'node-2'];

/** What the relay has collected before the session in which it lies. */
interface Loot {
  readonly cluster: TestCluster;
  readonly key: string;
  /** Evidence of node 2, made for an earlier session with node 1. */
  readonly earlier: Uint8Array;
  /** The same, in a boot of node 2 that has ended. */
  readonly otherBoot: Uint8Array;
}
type Lie = (loot: Loot, session: Uint8Array) => Promise<Uint8Array> | Uint8Array;

const evidenceOf = async (cluster: TestCluster, request: Uint8Array, nodes = two): Promise<Uint8Array> => {
  const { evidence } = await attestAll(cluster, request, nodes);
  return evidence.find(({ node }) => node === 'node-2')?.evidence ?? assert.fail();
};
const channelOf = async (cluster: TestCluster, node: string, nonce: Uint8Array): Promise<Uint8Array> =>
  evidenceAnswer.decode(await call(cluster, node, 'evidence', evidenceAsk.encode({ nonce }))).evidence;
/** Evidence that node 2's own attester made over this session, with claims that differ. */
const claiming = async (
  cluster: TestCluster,
  session: Uint8Array,
  change: Partial<Parameters<typeof claimsBytes.encode>[0]>,
): Promise<Uint8Array> => {
  const { node } = cluster.node('node-2');
  const honest = claimsBytes.decode(node.claims('session'));
  return node.attester.makeEvidence({
    nonce: session,
    publicKey: node.gate.identityBytes,
    userData: claimsBytes.encode({ ...honest, ...change }),
    role: 'session',
  });
};

/** With an age in the manifest a node may recall evidence: then the relay has a recall in its hands, and no document. */
const lies: readonly [trap: string, what: string, code: ErrorCode | 'by nonce or recall', lie: Lie][] = [
  [
    'T02',
    'the evidence of another node for this very session id',
    'evidence/claim-mismatch',
    ({ cluster }, session) => {
      const { node } = cluster.node('node-3');
      return node.attester.makeEvidence({
        nonce: session,
        publicKey: node.gate.identityBytes,
        userData: node.claims('session'),
        role: 'session',
      });
    },
  ],
  [
    'T02',
    'the evidence of the verifier itself',
    'evidence/claim-mismatch',
    ({ cluster }, session) => {
      const { node } = cluster.node('node-1');
      return node.attester.makeEvidence({
        nonce: session,
        publicKey: node.gate.identityBytes,
        userData: node.claims('session'),
        role: 'session',
      });
    },
  ],
  ['T02', 'evidence of an earlier session', 'evidence/nonce-mismatch', ({ earlier }) => earlier],
  [
    'T07',
    'evidence of an earlier session in its other valid bytes',
    'evidence/nonce-mismatch',
    ({ earlier }) => malleated(earlier),
  ],
  [
    'T02',
    'evidence of another session that is open now',
    'by nonce or recall',
    ({ cluster, key }) => evidenceOf(cluster, cluster.sign({ key })),
  ],
  [
    'T02',
    'evidence of a session with another node',
    'by nonce or recall',
    ({ cluster, key }) => evidenceOf(cluster, cluster.sign({ key }), ['node-2', 'node-3']),
  ],
  [
    'T02',
    'channel evidence over the session id',
    'evidence/claim-mismatch',
    ({ cluster }, session) => channelOf(cluster, 'node-2', session),
  ],
  [
    'T02',
    'channel evidence over a nonce of the relay',
    'evidence/claim-mismatch',
    ({ cluster }) => channelOf(cluster, 'node-2', random(32)),
  ],
  ['T02', 'evidence of an earlier boot', 'evidence/nonce-mismatch', ({ otherBoot }) => otherBoot],
  [
    'T09',
    'evidence that claims another boot',
    'gate/other-identity',
    ({ cluster }, session) => claiming(cluster, session, { boot: random(16) }),
  ],
  [
    'T36',
    'evidence that claims another manifest',
    'evidence/claim-mismatch',
    ({ cluster }, session) => claiming(cluster, session, { manifest: random(32) }),
  ],
  [
    'T36',
    'evidence that claims another cluster',
    'evidence/claim-mismatch',
    ({ cluster }, session) => claiming(cluster, session, { cluster: random(16) }),
  ],
];

/** The other valid form of an ECDSA signature: `n - s` in the place of `s` (P-384). */
function malleated(document: Uint8Array): Uint8Array {
  const order = BigInt(
    '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  );
  const s = BigInt(`0x${Buffer.from(document.subarray(-48)).toString('hex')}`);
  const other = Buffer.from((order - s).toString(16).padStart(96, '0'), 'hex');
  return Uint8Array.of(...document.subarray(0, -48), ...other);
}

for (const evidenceMaxAgeMs of [0, 3_600_000]) {
  const age = evidenceMaxAgeMs === 0 ? 'no age' : 'an age';
  test(`T02, T07, T09, T36: given a relay that lies about evidence, with ${age} in the manifest, then it gets nowhere`, async (t) => {
    const cluster = await testCluster(t, { manifest: (one) => ({ ...one, evidenceMaxAgeMs }) });
    const key = await makeKey(cluster);
    const whole = async (): Promise<Uint8Array> => {
      await cluster.restart('node-2');
      const document = await evidenceOf(cluster, cluster.sign({ key }));
      assert.ok(document.length > 1_000, 'a whole document');
      return document;
    };
    const loot: Loot = { cluster, key, otherBoot: await whole(), earlier: await whole() };
    for (const [trap, what, code, lie] of lies) {
      await t.test(
        `${trap}: given ${what} in the place of a peer's, then it is refused and nothing leaves`,
        async () => {
          const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
          const honest = evidence.find(({ node }) => node === 'node-2') ?? assert.fail();
          const lied = await lie(loot, session);
          const recalled = lied.length <= recalledEvidence.maxBytes;
          assert.ok(!recalled || evidenceMaxAgeMs > 0);
          const byNonce = recalled ? 'gate/not-recalled' : 'evidence/nonce-mismatch';
          const wanted = code === 'by nonce or recall' ? byNonce : code;
          await assert.rejects(
            call(
              cluster,
              'node-1',
              'round',
              firstBody('node-1', session, [{ node: 'node-2', evidence: lied }]),
            ),
            refusal('gate/peer-refused', { peer: 'node-2', code: wanted }),
          );
          assert.equal(cluster.node('node-1').node.refusals.entries[0]?.code, wanted);
          // The session is over, for the true evidence too.
          await assert.rejects(
            call(cluster, 'node-1', 'round', firstBody('node-1', session, [honest])),
            refusal('session/failed', { code: 'gate/peer-refused' }),
          );
          assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
        },
      );
    }
  });
}

test('T02: given session evidence of a node, when it is shown for a channel, then it is refused', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
  const { manifest, hash } = cluster.node('node-1').node.manifest();
  const document = evidence[1]?.evidence ?? assert.fail();
  const expected = {
    nonce: session,
    role: 'channel',
    cluster: manifest.cluster,
    node: 'node-2',
    manifest: hash,
  } as const;
  const judged = appraise({ platform: 'dev', document }, policyFor(manifest, 'node-2'), {
    now: cluster.clock.now(),
    expected,
  });
  assert.ok(!judged.ok);
  assert.equal(judged.refusal.code, 'evidence/claim-mismatch');
  assert.ok(
    appraise({ platform: 'dev', document }, policyFor(manifest, 'node-2'), {
      now: cluster.clock.now(),
      expected: { ...expected, role: 'session' },
    }).ok,
  );
});

test('T36: given a node that went on to another manifest, when its evidence is relayed to one that did not, then they do not sign', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const { session } = await attestAll(cluster, cluster.sign({ key }), two);
  await call(cluster, 'node-2', 'putManifest', signSample({ ...cluster.manifest, version: 2 }));
  const { node } = cluster.node('node-2');
  const evidence = await node.attester.makeEvidence({
    nonce: session,
    publicKey: node.gate.identityBytes,
    userData: node.claims('session'),
    role: 'session',
  });
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', session, [{ node: 'node-2', evidence }])),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'evidence/claim-mismatch' }),
  );
});
