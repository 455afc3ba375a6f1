/** Nodes that were copied, restored or set up anew: who is refused by whom, and by which name. */
import assert from 'node:assert/strict';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { claimsBytes } from '../../wire/messages/session.ts';
import { toHex } from '../../wire/ids.ts';
import { nodeStatus, type NodeStatus } from '../../wire/messages/node.ts';
import { tieOf } from '../peers/marks.ts';
import { testCluster, type TestCluster } from '../testing/cluster.ts';
import { attestAll, call, firstBody, makeKey, signWith } from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';
import { signSample } from '../testing/sampleManifest.ts';

const withThree = ['node-1', 'node-3'];
const others = ['node-2', 'node-3'];

async function scene(t: TestContext): Promise<{ cluster: TestCluster; key: string }> {
  const cluster = await testCluster(t);
  return { cluster, key: await makeKey(cluster) };
}
const sign = (cluster: TestCluster, key: string, nodes = withThree): Promise<Uint8Array> =>
  signWith(cluster, cluster.sign({ key }), nodes);
const status = async (cluster: TestCluster, node: string): Promise<NonNullable<NodeStatus['evidence']>> => {
  const { evidence } = nodeStatus.decode(await call(cluster, node, 'status', new Uint8Array(0)));
  assert.ok(evidence !== undefined);
  return evidence;
};
/** Takes a session to round 1 of one node, and says how that node judged its peer. */
async function judgedBy(cluster: TestCluster, key: string, verifier: string, peer: string): Promise<unknown> {
  const nodes = [verifier, peer].sort();
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), nodes);
  try {
    await call(cluster, verifier, 'round', firstBody(verifier, session, evidence));
    return undefined;
  } catch (error) {
    return error;
  }
}
const isRefused = (error: unknown, peer: string, code: ErrorCode): void => {
  refusal('gate/peer-refused', { peer, code })(error);
};

test('T09: given a clone of a running node, when the first went on signing, then the second is refused by name, and told', async (t) => {
  const { cluster, key } = await scene(t);
  const copy = await cluster.clone('node-3');
  await sign(cluster, key);
  await sign(cluster, key);
  await sign(cluster, key);
  const first = cluster.node('node-3');
  const twin = await copy.boot();
  cluster.use(twin);
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/behind-mark');
  const [entry] = cluster.node('node-1').node.refusals.entries;
  assert.equal(entry?.code, 'gate/behind-mark');
  assert.match(entry.detail, /mark=\d+ witnessed=\d+/);
  assert.deepEqual((await status(cluster, 'node-1')).refused, [{ code: 'gate/behind-mark', count: 1 }]);

  // The clone hears from the same peer that somebody has gone further under its name, and does not sign with it.
  isRefused(await judgedBy(cluster, key, 'node-3', 'node-1'), 'node-1', 'gate/behind-itself');
  const { behind, mark } = await status(cluster, 'node-3');
  assert.equal(behind?.peer, 'node-1');
  assert.equal(behind.mark, mark);
  assert.ok(behind.witnessed > mark);
  assert.ok(
    twin.lines.some(({ event, witnessed }) => event === 'node-behind' && witnessed === behind.witnessed),
  );
  cluster.use(first);
  await sign(cluster, key);
  assert.equal((await status(cluster, 'node-3')).behind, undefined);
});

test('T09: given a clone that signs first, when the original comes back, then the original is refused, whatever it signed elsewhere', async (t) => {
  const { cluster, key } = await scene(t);
  const first = cluster.node('node-3');
  const twin = await (await cluster.clone('node-3')).boot();
  cluster.use(twin);
  // To node-1 this looks like a restart.
  await sign(cluster, key);
  cluster.use(first);
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/behind-mark');
  // With a node that has not met the clone it goes on counting, past the clone: its boot began too low all the same.
  for (let i = 0; i < 5; i += 1) {
    await sign(cluster, key, others);
  }
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/behind-mark');
  cluster.use(twin);
  await sign(cluster, key);
});

test('T09: given two boots of one copied state, when the second comes, then two instances are named', async (t) => {
  const { cluster, key } = await scene(t);
  const one = await cluster.clone('node-3');
  const two = await cluster.clone('node-3');
  await cluster.node('node-3').node.stop();
  cluster.use(await one.boot());
  assert.equal(await judgedBy(cluster, key, 'node-1', 'node-3'), undefined);
  cluster.use(await two.boot());
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/two-instances');
});

test('T09: given a snapshot of a node restored after more signatures, when it comes back, then its peers refuse it, and go on without it', async (t) => {
  const { cluster, key } = await scene(t);
  const store = join(cluster.folder, 'node-3', 'store');
  const snapshot = join(cluster.folder, 'snapshot');
  await sign(cluster, key);
  await cp(store, snapshot, { recursive: true });
  for (let i = 0; i < 3; i += 1) {
    await sign(cluster, key);
    await sign(cluster, key, others);
  }
  await cluster.restart('node-3', async () => {
    await rm(store, { recursive: true });
    await cp(snapshot, store, { recursive: true });
  });
  // However often it is started, its state does not get younger.
  for (let i = 0; i < 12; i += 1) {
    for (const verifier of ['node-1', 'node-2']) {
      isRefused(await judgedBy(cluster, key, verifier, 'node-3'), 'node-3', 'gate/behind-mark');
    }
    await cluster.restart('node-3');
  }
  await sign(cluster, key, ['node-1', 'node-2']);
});

test('T09: given a peer that was refused, when this node starts again, then it still refuses it', async (t) => {
  const { cluster, key } = await scene(t);
  const copy = await cluster.clone('node-3');
  for (let i = 0; i < 3; i += 1) {
    await sign(cluster, key);
  }
  cluster.use(await copy.boot());
  await cluster.restart('node-1');
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/behind-mark');
});

test('given restarts of every node, killed or stopped, when they sign again, then nobody is refused', async (t) => {
  const { cluster, key } = await scene(t);
  for (const name of ['node-1', 'node-3', 'node-3', 'node-1']) {
    await sign(cluster, key);
    // What a node that is killed leaves: no file is closed, nothing is written at the end.
    const copy = await cluster.clone(name);
    await cluster.node(name).node.stop();
    cluster.use(await copy.boot());
    await sign(cluster, key);
  }
  for (const name of cluster.names) {
    assert.deepEqual((await status(cluster, name)).refused, []);
    assert.equal((await status(cluster, name)).behind, undefined);
  }
});

test('given two sessions of one boot, when the older evidence is judged after the newer, then both are accepted', async (t) => {
  const { cluster, key } = await scene(t);
  const begin = async (): Promise<() => Promise<Uint8Array>> => {
    const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), withThree);
    return () => call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence));
  };
  const older = await begin();
  await sign(cluster, key);
  const newer = await begin();
  await newer();
  await older();
});

test('T09: given evidence of a boot that has ended since, when the relay delivers it late, then it is refused and the new boot signs', async (t) => {
  const { cluster, key } = await scene(t);
  const { session, evidence } = await attestAll(cluster, cluster.sign({ key }), withThree);
  await cluster.restart('node-3');
  await sign(cluster, key);
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence)),
    refusal('gate/peer-refused', { peer: 'node-3', code: 'gate/behind-mark' }),
  );
  await sign(cluster, key);
});

test('T09: given evidence of the same boot made after a higher mark was seen, when its mark is lower, then it is refused', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  const { manifest } = cluster.node('node-1').node.manifest();
  const entry = manifest.nodes.find(({ name }) => name === 'node-3') ?? assert.fail();
  // As if node-3 had shown more: memory that was put back to an earlier moment would look like this.
  const memory = cluster.node('node-1').node.peers();
  const { marks } = memory.modules;
  const known = marks.witnesses().get(toHex(tieOf(entry))) ?? assert.fail();
  marks.witness(tieOf(entry), { ...known, mark: known.mark + 10 });
  isRefused(await judgedBy(cluster, key, 'node-1', 'node-3'), 'node-3', 'gate/behind-mark');
});

test('T09: given a node that lost its store, when it is set up anew under the same name, then it is refused until the manifest says that it is a new one', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  await sign(cluster, key, others);
  await cluster.restart('node-3', () => rm(join(cluster.folder, 'node-3', 'store'), { recursive: true }));
  // Sessions that need none of the lost shares.
  const pair = cluster.ask({ action: 'pair', nodes: withThree });
  const first = async (request: Uint8Array): Promise<unknown> => {
    const { session, evidence } = await attestAll(cluster, request, withThree);
    return call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence)).catch(
      (error: unknown) => error,
    );
  };
  isRefused(await first(pair), 'node-3', 'gate/behind-mark');
  // The governance names one register more of it: another entry, another beginning.
  const shown = insecureShown(cluster);
  const next = signSample({
    ...cluster.manifest,
    version: 2,
    nodes: cluster.manifest.nodes.map((node) =>
      node.name === 'node-3' ? { ...node, pcrs: new Map([...node.pcrs, shown]) } : node,
    ),
  });
  for (const name of cluster.names) {
    await call(cluster, name, 'putManifest', next);
  }
  const renewed: TestCluster = { ...cluster, signed: next };
  const { session, evidence } = await attestAll(
    renewed,
    cluster.ask({ action: 'pair', nodes: withThree }),
    withThree,
  );
  await call(renewed, 'node-1', 'round', firstBody('node-1', session, evidence));
});

/** A register of the image that every node shows. */
function insecureShown(cluster: TestCluster): readonly [number, Uint8Array] {
  const [measurement] = cluster.manifest.measurements;
  const [first] = measurement?.pcrs ?? assert.fail();
  return first ?? assert.fail();
}

test('T11: given a node whose journal is broken, when its evidence is asked for, then it says that it does not know where it is, and its peers refuse that', async (t) => {
  const { cluster, key } = await scene(t);
  const { node } = await cluster.restart('node-3', () =>
    writeFile(join(cluster.folder, 'node-3', 'store', 'replay.journal'), 'broken', { mode: 0o600 }),
  );
  assert.equal(node.phase.phase, 'frozen');
  const { boots, since, mark } = claimsBytes.decode(node.claims('session'));
  assert.deepEqual([boots, since, mark], [0, 0, 0]);
  assert.equal(
    nodeStatus.decode(await call(cluster, 'node-3', 'status', new Uint8Array(0))).evidence,
    undefined,
  );
  await sign(cluster, key, ['node-1', 'node-2']);
});

test('given nodes that sign with each other, when their evidence is asked for, then it carries what they have seen', async (t) => {
  const { cluster, key } = await scene(t);
  await sign(cluster, key);
  const { node } = cluster.node('node-1');
  const before = (await status(cluster, 'node-1')).mark;
  await sign(cluster, key);
  const { mark, peers } = await status(cluster, 'node-1');
  assert.equal(mark, before + 1);
  assert.deepEqual(peers.map(({ node: name }) => name).sort(), others);
  assert.deepEqual([...node.peers().modules.marks.witnesses().keys()].length, 2);
});
