/** Presignatures between real nodes: when they are kept, when they are gone, and that each is used once. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { maxOpenMs } from '../../wire/limits.ts';
import { sessionFinish, type Envelope } from '../../wire/messages/session.ts';
import { nodeFiles } from '../files/atomic.ts';
import { bent } from '../testing/cheatingRunner.ts';
import { lie } from '../testing/cheat.ts';
import { random } from '../testing/cluster.ts';
import {
  call,
  carry,
  forNode,
  makeKey,
  openAll,
  presign,
  presignaturesOf,
  signWith,
} from '../testing/relay.ts';
import { ecdsaPayload, ecdsaScene, ecdsaSigns, statusOf, two } from '../testing/ecdsaScene.ts';
import { refusal } from '../testing/refusal.ts';
import { signSample } from '../testing/sampleManifest.ts';

test('T16: given another last word of one signer, when a presignature is to be kept, then it is gone and the liar is named', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const request = cluster.ask({ action: 'presign', key, purpose: 'treasury', nodes: [...two] });
  const carried = await carry(cluster, request, two, 3);
  const last = forNode('node-1', carried.outputs.get(3) ?? []);
  const [honest] = last;
  assert.ok(honest !== undefined);
  const { session } = carried;
  const finish = (node: string, envelopes: readonly Envelope[]): Promise<Uint8Array> =>
    call(
      cluster,
      node,
      'finish',
      sessionFinish.encode({ outcome: 'done', session, envelopes: [...envelopes] }),
    );
  // Not yet confirmed, not yet there.
  assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, two), []);
  await assert.rejects(
    finish('node-1', forNode('node-2', carried.outputs.get(3) ?? [])),
    refusal('round/unexpected-input'),
  );
  await assert.rejects(
    finish('node-1', [{ ...honest, payload: bent(honest.payload, 0) }]),
    refusal('channel/envelope-signature'),
  );
  const liar = lie(cluster, {
    from: 'node-2',
    session,
    round: 3,
    payload: bent(honest.payload, 0),
    transcript: honest.transcript,
  });
  await assert.rejects(finish('node-1', [liar]), refusal('round/split-view', { peer: 'node-2', round: 3 }));
  await assert.rejects(finish('node-1', last), refusal('session/failed', { code: 'round/split-view' }));
  await finish('node-2', forNode('node-2', carried.outputs.get(3) ?? []));
  assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, two), []);
  assert.equal((await presignaturesOf(cluster, 'node-2', key, two)).length, 1);
  await ecdsaSigns(cluster, key);
});

/** A scene that sees the memory for presignatures of node-1. */
async function watched(t: TestContext) {
  const blocks: Uint8Array[] = [];
  const made = await ecdsaScene(t, {
    modules: (name, modules) => ({
      ...modules,
      secretMemory: (length) => {
        const block = modules.secretMemory(length);
        if (name === 'node-1') {
          blocks.push(block);
        }
        return block;
      },
    }),
  });
  const before = blocks.length;
  /** Whether everything that was put there since is gone. */
  return { ...made, empty: () => blocks.slice(before).every((block) => block.every((byte) => byte === 0)) };
}

test('T12: given a presignature whose session is ended by its relay, when the nodes are asked, then none has it, and its memory is zeros', async (t) => {
  const { cluster, key, empty } = await watched(t);
  const request = cluster.ask({ action: 'presign', key, purpose: 'treasury', nodes: [...two] });
  const { session } = await carry(cluster, request, two, 3);
  assert.ok(!empty());
  const body = sessionFinish.encode({ outcome: 'aborted', session, code: 'coordinator/node-gone' });
  for (const node of two) {
    await call(cluster, node, 'finish', body);
    assert.deepEqual(await presignaturesOf(cluster, node, key, two), []);
  }
  assert.ok(empty());
});

test('T12: given a session that dies before it used its presignature, when it is over, then the presignature is, and its memory is zeros', async (t) => {
  const { cluster, key, empty } = await watched(t);
  const id = await presign(cluster, key, two);
  await openAll(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, { presignature: () => id });
  assert.ok(!empty());
  cluster.clock.advance(maxOpenMs);
  cluster.node('node-1').node.sessions().sweep();
  assert.ok(empty());
});

test('T36: given two presignatures told to the two signers, when they go on, then neither gives a share and both are gone', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const [one, other] = [await presign(cluster, key, two), await presign(cluster, key, two)];
  await assert.rejects(
    carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1, {
      presignature: (node) => (node === 'node-1' ? one : other),
    }),
    refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
  );
  assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, two), [other]);
  assert.deepEqual(await presignaturesOf(cluster, 'node-2', key, two), [one]);
  await ecdsaSigns(cluster, key);
});

test('T12: given a presignature of another set, key or action, when a session names it, then it is not there and nothing is counted', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const id = await presign(cluster, key, two);
  const frost = await makeKey(cluster);
  const second = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1', label: 'second' }));
  const presignature = (): Uint8Array => id;
  const absent = refusal('presignature/absent');
  const open = (request: Uint8Array, nodes: readonly string[]): Promise<unknown> =>
    openAll(cluster, request, nodes, { presignature });
  await assert.rejects(open(cluster.sign({ key, payload: ecdsaPayload }), ['node-1', 'node-3']), absent);
  await assert.rejects(open(cluster.sign({ key: second, payload: ecdsaPayload }), two), absent);
  await assert.rejects(open(cluster.sign({ key: frost }), two), absent);
  await assert.rejects(open(cluster.create({ nodes: [...two] }), two), absent);
  await assert.rejects(
    openAll(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, { presignature: () => random(32) }),
    absent,
  );
  assert.equal(cluster.node('node-1').node.sessionCounts().open, 0);
  // A request that was carried out does not cost a presignature.
  const request = cluster.sign({ key, payload: ecdsaPayload });
  await signWith(cluster, request, two);
  await assert.rejects(open(request, two), refusal('node/request-replayed'));
  assert.equal(
    (await signWith(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, { presignature })).length,
    64,
  );
});

test('T13: given a disk that does not take the mark, when a presignature is used, then no share leaves and it is gone', async (t) => {
  let full = false;
  const { cluster, key } = await ecdsaScene(t, {
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
  const id = await presign(cluster, key, two);
  full = true;
  await assert.rejects(
    carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1, { presignature: () => id }),
    refusal('guard/write-failed'),
  );
  const { node } = cluster.node('node-1');
  assert.equal(node.phase.phase, 'frozen');
  assert.equal(node.presignatureCounts().total, 0);
});

test('T12: given presignatures, when the node starts again or the manifest drops a signer, then they are gone', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const id = await presign(cluster, key, two);
  const other = await presign(cluster, key, ['node-1', 'node-3']);
  await cluster.restart('node-2');
  assert.deepEqual(await presignaturesOf(cluster, 'node-2', key, two), []);
  await assert.rejects(
    openAll(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, { presignature: () => id }),
    refusal('presignature/absent'),
  );
  const { total, pools } = (await statusOf(cluster, 'node-1')).presignatures;
  assert.equal(total, 1 + pools.filter(({ nodes }) => nodes.includes('node-2')).length);
  const nodes = cluster.manifest.nodes.filter(({ name }) => name !== 'node-3');
  await call(cluster, 'node-1', 'putManifest', signSample({ ...cluster.manifest, version: 2, nodes }));
  assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, ['node-1', 'node-3']), []);
  assert.ok(other.length === 32);
});
