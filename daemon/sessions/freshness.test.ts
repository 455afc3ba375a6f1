/** Evidence of an earlier session, taken again: every condition holds, and each of them broken once. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { makeNodeIdentity, signPresence } from '../../enclave/channel/index.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import {
  evidenceNameOf,
  recalledEvidence,
  sessionFinish,
  type Challenge,
} from '../../wire/messages/session.ts';
import type { NodeModules } from '../node.ts';
import { random, testCluster, type TestCluster } from '../testing/cluster.ts';
import {
  attestAll,
  attestBody,
  call,
  carry,
  firstBody,
  forNode,
  makeKey,
  openAll,
  roundBody,
  signWith,
  type CarriedEvidence,
} from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';
import { signSample } from '../testing/sampleManifest.ts';

const two = ['node-1', 'node-2'];
const ageMs = 120_000;

interface Scene {
  readonly cluster: TestCluster;
  readonly key: string;
  /** How often nodes asked their platform for evidence, and judged some. */
  readonly made: () => number;
  readonly judged: () => number;
}
async function scene(t: TestContext, change: Partial<Manifest> = {}): Promise<Scene> {
  let made = 0;
  let judged = 0;
  const counted = (usual: NodeModules): NodeModules => ({
    ...usual,
    makeRunner: (modules) => {
      const runner = usual.makeRunner(modules);
      return {
        ...runner,
        judge: (given, options) => {
          judged += given.length;
          return runner.judge(given, options);
        },
      };
    },
    attesters: {
      dev: async (config) => {
        const attester = await (usual.attesters.dev?.(config) ?? assert.fail());
        return {
          ...attester,
          makeEvidence: (bound) => {
            made += 1;
            return attester.makeEvidence(bound);
          },
        };
      },
    },
  });
  const cluster = await testCluster(t, {
    manifest: (one) => ({ ...one, evidenceMaxAgeMs: ageMs, ...change }),
    modules: (_name, usual) => counted(usual),
  });
  const key = await makeKey(cluster);
  return { cluster, key, made: () => made, judged: () => judged };
}
const momentOf = (cluster: TestCluster) => ({ at: cluster.clock.now(), tick: performance.now() });
const isRecalled = ({ evidence }: CarriedEvidence): boolean => evidence.length < 200;
/** Whose evidence a next session would recall. */
const recalls = async (cluster: TestCluster, key: string, nodes = two): Promise<readonly string[]> => {
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), nodes);
  for (const node of nodes) {
    await call(
      cluster,
      node,
      'finish',
      sessionFinish.encode({ outcome: 'aborted', session, code: 'test/over' }),
    );
  }
  return evidence.filter(isRecalled).map(({ node }) => node);
};
const sign = (cluster: TestCluster, key: string, nodes = two): Promise<Uint8Array> =>
  signWith(cluster, cluster.sign({ key }), nodes);

test('given an age in the manifest, when the same nodes sign again, then no evidence is made or judged, and it is once the age is over', async (t) => {
  const { cluster, key, made, judged } = await scene(t);
  await sign(cluster, key);
  const before = [made(), judged()];
  for (let i = 0; i < 5; i += 1) {
    assert.equal((await sign(cluster, key)).length, 64);
  }
  assert.deepEqual([made(), judged()], before);
  cluster.clock.advance(ageMs);
  await sign(cluster, key);
  assert.deepEqual(
    [made(), judged()],
    before.map((count) => count + 2),
  );
  await sign(cluster, key);
  assert.deepEqual(
    [made(), judged()],
    before.map((count) => count + 2),
  );
});

test('T02: given no age in the manifest, when the same nodes sign again, then evidence is made in each session, and a recall is refused', async (t) => {
  const { cluster, key, made } = await scene(t, { evidenceMaxAgeMs: 0 });
  await sign(cluster, key);
  const before = made();
  const { session, challenges, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
  assert.equal(made(), before + 2);
  assert.ok(challenges.every(({ known }) => known === undefined));
  assert.ok(!evidence.some(isRecalled));
  const recalled = recall(cluster, 'node-2', evidenceNameOf(evidence[1]?.evidence ?? assert.fail()), session);
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', session, [recalled])),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'evidence/malformed' }),
  );
});

test('given other participants, when they sign, then evidence is recalled only where all others have accepted it', async (t) => {
  const { cluster, key } = await scene(t);
  // The key was made by all three, so all know the evidence of all.
  assert.deepEqual(await recalls(cluster, key, ['node-1', 'node-3']), ['node-1', 'node-3']);
  await cluster.restart('node-3');
  await sign(cluster, key, ['node-1', 'node-3']);
  // Node 3 is new to node 2, and node 2 to node 3.
  assert.deepEqual(await recalls(cluster, key, ['node-2', 'node-3']), []);
  await sign(cluster, key, ['node-1', 'node-3']);
});

/** A recall in the name of a node, signed by its true identity. */
function recall(cluster: TestCluster, node: string, name: Uint8Array, session: Uint8Array): CarriedEvidence {
  const presence = cluster.node(node).node.gate.presence(session);
  return { node, evidence: recalledEvidence.encode({ recalled: name, presence }) };
}

/** Node 1 is handed `evidence` for node 2 in a session in which both recall. */
async function refusedRecall(
  cluster: TestCluster,
  key: string,
  lie: (session: Uint8Array, honest: CarriedEvidence) => CarriedEvidence | Promise<CarriedEvidence>,
): Promise<unknown> {
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
  const honest = evidence.find(({ node }) => node === 'node-2') ?? assert.fail();
  assert.ok(isRecalled(honest), 'node-2 does not recall');
  try {
    await call(cluster, 'node-1', 'round', firstBody('node-1', session, [await lie(session, honest)]));
    return undefined;
  } catch (error) {
    return error;
  }
}

test('T02, T07: given a recall that differs in any part, when round 1 is delivered, then the peer is refused by name', async (t) => {
  const { cluster, key } = await scene(t);
  const stranger = makeNodeIdentity({ now: cluster.clock.now });
  const part = ({ evidence }: CarriedEvidence) => recalledEvidence.decode(evidence);
  const changed = (node: string, value: Parameters<typeof recalledEvidence.encode>[0]): CarriedEvidence => ({
    node,
    evidence: recalledEvidence.encode(value),
  });
  await sign(cluster, key);
  const before = await attestAll(cluster, cluster.sign({ key }), two);
  const earlier = before.evidence.find(({ node }) => node === 'node-2') ?? assert.fail();
  const cases: readonly [
    what: string,
    code: ErrorCode,
    lie: (session: Uint8Array, honest: CarriedEvidence) => CarriedEvidence | Promise<CarriedEvidence>,
  ][] = [
    [
      'unknown evidence',
      'gate/not-recalled',
      (_s, honest) => changed('node-2', { ...part(honest), recalled: random(16) }),
    ],
    [
      'the evidence of another node',
      'gate/not-recalled',
      (session) => {
        const known = cluster
          .node('node-1')
          .node.peers()
          .accepted.offers(['node-3'], cluster.node('node-1').node.manifest(), momentOf(cluster));
        return recall(cluster, 'node-2', known.get('node-3')?.name ?? assert.fail(), session);
      },
    ],
    [
      'the presence of an earlier session',
      'gate/not-recalled',
      (_s, honest) => changed('node-2', { ...part(honest), presence: part(earlier).presence }),
    ],
    [
      'the presence of another identity',
      'gate/not-recalled',
      (session, honest) =>
        changed('node-2', { ...part(honest), presence: signPresence(stranger, session, 'node-2') }),
    ],
    [
      'the presence of another node',
      'gate/not-recalled',
      (session, honest) =>
        changed('node-2', { ...part(honest), presence: cluster.node('node-3').node.gate.presence(session) }),
    ],
    [
      'one byte more',
      'evidence/malformed',
      (_s, { evidence }) => ({ node: 'node-2', evidence: Uint8Array.of(...evidence, 0) }),
    ],
  ];
  for (const [what, code, lie] of cases) {
    const error = await refusedRecall(cluster, key, lie);
    assert.throws(
      () => {
        throw error;
      },
      refusal('gate/peer-refused', { peer: 'node-2', code }),
      what,
    );
    // A failed session ends it for those who were in it: the next one makes evidence anew.
    assert.deepEqual(await recalls(cluster, key), [], what);
    await sign(cluster, key);
  }
});

test('T02: given evidence of an earlier session in its full bytes, when it is shown instead of a recall, then it is judged by the nonce', async (t) => {
  const { cluster, key } = await scene(t);
  let kept: CarriedEvidence | undefined;
  await cluster.restart('node-2');
  await signWith(cluster, cluster.sign({ key }), two, {
    evidence: (_node, honest) => {
      kept = honest.find(({ node }) => node === 'node-2') ?? kept;
      return honest;
    },
  });
  assert.ok(kept !== undefined && !isRecalled(kept));
  const error = await refusedRecall(cluster, key, () => kept ?? assert.fail());
  refusal('gate/peer-refused', { peer: 'node-2', code: 'evidence/nonce-mismatch' })(error);
});

test('T36: given a relay that changes what a node offers to take, when they attest, then no commitment leaves', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  const without = (challenges: readonly Challenge[]): Challenge[] =>
    challenges.map(({ node, boot, nonce, identity, known = [] }) => ({
      node,
      boot,
      nonce,
      identity,
      ...(node === 'node-1' ? {} : { known }),
    }));
  await assert.rejects(
    carry(cluster, cluster.sign({ key }), two, 2, {
      challenges: (node, honest) => (node === 'node-2' ? without(honest) : honest),
    }),
    // Node 2 makes evidence over the id that it was led to, node 1 says so; or node 2 finds another id signed.
    (error: unknown) =>
      error instanceof Error && /evidence\/nonce-mismatch|gate\/not-recalled/.test(error.message),
  );
  await sign(cluster, key);
});

test('given a boot that changed on either side, when the nodes sign, then evidence is made anew', async (t) => {
  const { cluster, key } = await scene(t);
  for (const name of two) {
    await sign(cluster, key);
    assert.deepEqual(await recalls(cluster, key), two);
    await sign(cluster, key);
    await cluster.restart(name);
    assert.deepEqual(await recalls(cluster, key), [], name);
  }
});

test('T09: given a recall of a boot that was followed by another, when the relay delivers it late, then it is refused', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
  assert.ok(evidence.every(isRecalled));
  await cluster.restart('node-2');
  await sign(cluster, key);
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence)),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'gate/behind-mark' }),
  );
});

test('given another manifest, when the nodes sign, then nothing accepted under the one before is taken', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  const replaced = async (version: number): Promise<TestCluster> => {
    const signed = signSample({ ...cluster.manifest, version });
    for (const name of cluster.names) {
      await call(cluster, name, 'putManifest', signed);
    }
    return { ...cluster, signed };
  };
  const next = await replaced(2);
  assert.deepEqual(await recalls(next, key), []);
  await sign(next, key);
  // Begun under the one, and late: it ends, and leaves nothing for the other.
  const late = await attestAll(next, cluster.sign({ key }), two);
  assert.ok(late.evidence.every(isRecalled));
  const last = await replaced(3);
  for (const node of two) {
    await assert.rejects(
      call(cluster, node, 'round', firstBody(node, late.session, late.evidence)),
      refusal('session/failed', { code: 'gate/not-current' }),
    );
  }
  assert.deepEqual(await recalls(last, key), []);
  await sign(last, key);
  assert.deepEqual(await recalls(last, key), two);
});

test('T08: given a measurement that ends before the age does, when it has ended, then nothing is recalled and nothing signed', async (t) => {
  let end = 0;
  const cluster = await testCluster(t, {
    manifest: (one) => {
      end = one.issuedAt + 86_400_000 + 60_000;
      return {
        ...one,
        evidenceMaxAgeMs: 3_600_000,
        measurements: one.measurements.map((m) => ({ ...m, notAfter: end })),
      };
    },
  });
  const key = await makeKey(cluster);
  await sign(cluster, key);
  assert.deepEqual(await recalls(cluster, key), two);
  await sign(cluster, key);
  cluster.clock.advance(end - cluster.clock.now());
  await assert.rejects(
    sign(cluster, key),
    refusal('gate/peer-refused', { code: 'evidence/measurement-retired' }),
  );
});

test('given evidence whose age ends in the middle of a session, when the next round wants to leave, then it does not', async (t) => {
  // So short an age that no recall can outlast a whole session.
  const { cluster, key } = await scene(t, { evidenceMaxAgeMs: 20_000 });
  await sign(cluster, key);
  const { session, outputs, evidence } = await carry(cluster, cluster.sign({ key }), two, 1);
  assert.ok(evidence.every(isRecalled));
  cluster.clock.advance(20_000);
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('gate/evidence-over', { peer: 'node-2' }),
  );
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('session/failed', { code: 'gate/evidence-over' }),
  );
});

test('given an offer whose age ends before round 1, when the recall is delivered, then it is refused by name', async (t) => {
  const { cluster, key } = await scene(t, { evidenceMaxAgeMs: 8_000 });
  await sign(cluster, key);
  cluster.clock.advance(3_500);
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), two);
  assert.ok(evidence.every(isRecalled));
  cluster.clock.advance(4_600);
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence)),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'gate/evidence-over' }),
  );
});

test('given a session that failed, when the same nodes sign, then evidence is made anew', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  assert.deepEqual(await recalls(cluster, key), two);
  // The session of `recalls` was ended by its relay.
  assert.deepEqual(await recalls(cluster, key), []);
});

test('given evidence that was accepted, when another session shows other evidence of the node, then only the latest is kept', async (t) => {
  const { cluster, key } = await scene(t);
  const { node } = cluster.node('node-1');
  const named = () => {
    const offers = node.peers().accepted.offers(['node-2', 'node-3'], node.manifest(), momentOf(cluster));
    return offers.get('node-2')?.name ?? assert.fail();
  };
  const first = named();
  await cluster.restart('node-2');
  await sign(cluster, key);
  assert.ok(!equalBytes(first, named()));
  const challenges = await openAll(cluster, cluster.sign({ key }), two);
  assert.deepEqual(
    challenges.map(({ known }) => known?.length),
    [1, 1],
  );
  await call(cluster, 'node-1', 'attest', attestBody('node-1', challenges));
});
