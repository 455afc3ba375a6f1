/** What ends a session in its middle: another manifest, an image that is no longer accepted, time; and clocks that lie. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { insecureDevAttester, insecureDevPcrs } from '../../enclave/attester/index.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import { nodeStatus } from '../../wire/messages/node.ts';
import { sessionFinish } from '../../wire/messages/session.ts';
import { join } from 'node:path';
import { program, testCluster, type ClusterOptions, type TestCluster } from '../testing/cluster.ts';
import {
  attestAll,
  call,
  carry,
  firstBody,
  forNode,
  makeKey,
  openAll,
  attestBody,
  roundBody,
  signatureOf,
  signWith,
} from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';
import { signSample } from '../testing/sampleManifest.ts';

const two = ['node-1', 'node-2'];
const other = new Uint8Array(32).fill(0x22);

async function withKey(
  t: TestContext,
  options: ClusterOptions = {},
): Promise<{ cluster: TestCluster; key: string }> {
  const cluster = await testCluster(t, options);
  return { cluster, key: await makeKey(cluster) };
}
const status = async (cluster: TestCluster, node: string) =>
  nodeStatus.decode(await call(cluster, node, 'status', new Uint8Array(0)));

/**
 * A session after round 1: what ends it, and by what name both nodes refuse round 2 and everything after. What is found
 * `atOnce` has ended the session before anything is delivered.
 */
async function endsInTheMiddle(
  cluster: TestCluster,
  key: string,
  end: () => void | Promise<void>,
  code: ErrorCode,
  atOnce = false,
): Promise<void> {
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  await end();
  for (const node of two) {
    const body = roundBody(session, 2, forNode(node, outputs.get(1) ?? []));
    const { lines } = cluster.node(node);
    const isEnded = (): boolean =>
      lines.some((line) => line.event === 'session-failed' && line.code === code);
    assert.equal(isEnded(), atOnce, node);
    if (!atOnce) {
      await assert.rejects(call(cluster, node, 'round', body), refusal(code), node);
    }
    await assert.rejects(call(cluster, node, 'round', body), refusal('session/failed', { code }), node);
    assert.ok(isEnded(), node);
  }
}

for (const evidenceMaxAgeMs of [0, 3_600_000]) {
  const age = evidenceMaxAgeMs === 0 ? 'no age' : 'an age';
  const aged = (one: Manifest): Manifest => ({ ...one, evidenceMaxAgeMs });

  test(`T36: given a manifest that changes in the middle of a session, with ${age} for evidence, when the next round wants to leave, then it does not, and the session ends by name`, async (t) => {
    const { cluster, key } = await withKey(t, { manifest: aged });
    const signed = signSample({ ...cluster.manifest, version: 2 });
    await endsInTheMiddle(
      cluster,
      key,
      async () => {
        for (const node of two) {
          await call(cluster, node, 'putManifest', signed);
        }
      },
      'gate/not-current',
      true,
    );
    assert.equal((await signWith({ ...cluster, signed }, cluster.sign({ key }), two)).length, 64);
  });

  test(`T08: given a measurement whose window ends in the middle of a session, with ${age} for evidence, when the next round wants to leave, then it does not`, async (t) => {
    let end = 0;
    const { cluster, key } = await withKey(t, {
      manifest: (one) => {
        end = Date.now() + 20_000;
        return aged({ ...one, measurements: one.measurements.map((m) => ({ ...m, notAfter: end })) });
      },
    });
    // Remembered evidence, where there may be any.
    await signWith(cluster, cluster.sign({ key }), two);
    await endsInTheMiddle(
      cluster,
      key,
      () => {
        cluster.clock.advance(end - cluster.clock.now() + 1);
      },
      'gate/evidence-over',
    );
  });
}

test('T08: given an image that the next manifest no longer lists, when a session is in its middle, then it ends, and the next one names the image', async (t) => {
  const { cluster, key } = await withKey(t, {
    programOf: (name) => (name === 'node-2' ? other : program),
    manifest: (one) => {
      const [first] = one.measurements;
      const pcrs = first === undefined ? new Map<number, Uint8Array>() : new Map(first.pcrs);
      for (const [pcr, value] of otherImage()) {
        pcrs.set(pcr, value);
      }
      return {
        ...one,
        evidenceMaxAgeMs: 3_600_000,
        measurements: [...one.measurements, { ...(first ?? assert.fail()), name: 'image-2', pcrs }],
      };
    },
  });
  await signWith(cluster, cluster.sign({ key }), two);
  const signed = signSample({
    ...cluster.manifest,
    version: 2,
    measurements: cluster.manifest.measurements.filter(({ name }) => name !== 'image-2'),
  });
  await endsInTheMiddle(
    cluster,
    key,
    async () => {
      for (const node of two) {
        await call(cluster, node, 'putManifest', signed);
      }
    },
    'gate/not-current',
    true,
  );
  await assert.rejects(
    signWith({ ...cluster, signed }, cluster.sign({ key }), two),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'evidence/measurement-mismatch' }),
  );
});

test('T36: given a manifest that changes after the last round left, when the signature is handed in, then the session is heard out', async (t) => {
  const { cluster, key } = await withKey(t);
  const request = cluster.sign({ key });
  const carried = await carry(cluster, request, two, 2);
  const signature = await signatureOf(cluster, request, carried);
  const { session } = carried;
  for (const node of two) {
    await call(cluster, node, 'putManifest', signSample({ ...cluster.manifest, version: 2 }));
    await call(cluster, node, 'finish', sessionFinish.encode({ outcome: 'signed', session, signature }));
    assert.ok(!cluster.node(node).lines.some(({ event }) => event === 'session-failed'));
  }
});

test('T35: given a session whose time is over in its middle, when the next round wants to leave, then it has ended by name', async (t) => {
  const { cluster, key } = await withKey(t);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  cluster.clock.advance(30_001);
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []))),
    refusal('session/failed', { code: 'session/expired' }),
  );
});

/** A cluster in which the parent of node 2 sets its clock by `ms`; its hypervisor tells the true time unless told. */
const skewed = (ms: () => number, attesterToo = false): ClusterOptions => ({
  modules: (name, usual) => {
    if (name !== 'node-2') {
      return usual;
    }
    const now = (): number => usual.now() + ms();
    const dev: NonNullable<typeof usual.attesters.dev> = (config) =>
      insecureDevAttester({ folder: join(config.store.folder, '../attester'), program, now });
    return { ...usual, now, attesters: attesterToo ? { dev } : usual.attesters };
  },
});

test('T37: given a parent that sets the clock of a node, when its platform tells another time, then the node refuses by name and its status has the skew', async (t) => {
  for (const sign of [1, -1]) {
    let ms = 0;
    const { cluster, key } = await withKey(
      t,
      skewed(() => ms),
    );
    // The certificates of the first evidence are older than any of the clocks here, and so is the request.
    cluster.clock.advance(120_000);
    const request = () => cluster.sign({ key, issuedAt: cluster.clock.now() - 100_000 });
    ms = sign * 50_000;
    await signWith(cluster, request(), two);
    const before = (await status(cluster, 'node-2')).evidence?.skewMs ?? assert.fail();
    assert.ok(Math.abs(before + ms) < 5_000, String(before));
    ms = sign * 61_000;
    const challenges = await openAll(cluster, request(), two);
    await assert.rejects(
      call(cluster, 'node-2', 'attest', attestBody('node-2', challenges)),
      refusal('gate/clock-skew', { node: 'node-2', limitMs: 60_000 }),
    );
    const after = (await status(cluster, 'node-2')).evidence;
    assert.ok(Math.abs((after?.skewMs ?? 0) + ms) < 5_000, String(after?.skewMs));
    assert.deepEqual(after?.refused, [{ code: 'gate/clock-skew', count: 1 }]);
    assert.equal((await status(cluster, 'node-1')).evidence?.skewMs, 0);
  }
});

test('T37: given a peer whose platform tells another time than this node has, when its evidence is judged, then it is refused by name, and a smaller skew is told', async (t) => {
  for (const sign of [1, -1]) {
    let ms = 0;
    const { cluster, key } = await withKey(
      t,
      skewed(() => ms, true),
    );
    ms = sign * 50_000;
    // The certificates of the first evidence are older than any of the clocks here, and so is the request.
    cluster.clock.advance(120_000);
    const request = () => cluster.sign({ key, issuedAt: cluster.clock.now() - 100_000 });
    await signWith(cluster, request(), two);
    const peers = (await status(cluster, 'node-1')).evidence?.peers ?? assert.fail();
    const seen = peers.find(({ node }) => node === 'node-2') ?? assert.fail();
    assert.ok(Math.abs(seen.skewMs - ms) < 5_000, String(seen.skewMs));
    ms = sign * 66_000;
    const { session, evidence } = await attestAll(cluster, request(), two);
    await assert.rejects(
      call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence)),
      refusal('gate/peer-refused', {
        peer: 'node-2',
        code: sign === 1 ? 'evidence/from-the-future' : 'gate/clock-skew',
      }),
    );
  }
});

/** The registers by which the other program is known. */
function otherImage(): ReadonlyMap<number, Uint8Array> {
  return new Map(insecureDevPcrs(other, { roleArn: 'any', instanceId: 'any' }).image);
}
