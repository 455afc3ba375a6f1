/** New shares of a key over real nodes in one process: refresh for the same holders, reshare for others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dealKey } from '../../test/threshold/run.ts';
import { encodeKeyPublic } from '../../threshold/index.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import type { Scheme } from '../../wire/ids.ts';
import type { RenewRequest } from '../../wire/messages/request.ts';
import { keyActivate, keyAsk, keyConfirmations, type Envelope } from '../../wire/messages/session.ts';
import { bent, cheatingCluster, withPairwise } from '../testing/cheatingRunner.ts';
import { lie } from '../testing/cheat.ts';
import { testCluster, type TestCluster } from '../testing/cluster.ts';
import {
  activateAll,
  call,
  carry,
  forNode,
  makeKey,
  openAll,
  pairNodes,
  presign,
  presignaturesOf,
  publicOf,
  roundBody,
  signWith,
  type Carried,
} from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';

const two = ['node-1', 'node-2'];
const others = ['node-2', 'node-3'];
const purpose = 'treasury';
type ReshareRequest = Extract<RenewRequest, { action: 'key.reshare' }>;

const generationOn = async (cluster: TestCluster, node: string, key: string): Promise<number> =>
  (await publicOf(cluster, node, key)).generation;
const signs = async (cluster: TestCluster, key: string, nodes: readonly string[] = two): Promise<void> => {
  assert.equal((await signWith(cluster, cluster.sign({ key }), nodes)).length, 64);
};
const refresh = (cluster: TestCluster, key: string, generation = 1): Uint8Array =>
  cluster.ask({ action: 'key.refresh', key, purpose, generation });
/** From node-1 and node-2 to node-2 and node-3, unless told. */
async function reshare(
  cluster: TestCluster,
  key: string,
  change: Partial<ReshareRequest> = {},
): Promise<Uint8Array> {
  const known = await publicOf(cluster, 'node-2', key);
  return cluster.ask({
    action: 'key.reshare',
    key,
    purpose,
    generation: known.generation,
    public: encodeKeyPublic(known),
    label: 'main',
    dealers: [...two],
    nodes: [...others],
    threshold: 2,
    ...change,
  });
}
const smallKey = (cluster: TestCluster, scheme: Scheme = 'frost-ed25519'): Promise<string> =>
  makeKey(cluster, cluster.create({ scheme, nodes: [...two] }));

for (const scheme of ['frost-ed25519', 'dkls23-p256'] as const) {
  test(`T41: given a ${scheme} key, when its shares are refreshed, then they are of the next generation of the same key`, async (t) => {
    const cluster = await testCluster(t);
    const key = await makeKey(cluster, cluster.create({ scheme }));
    const before = await publicOf(cluster, 'node-1', key);
    const request = refresh(cluster, key);
    const carried = await carry(cluster, request, cluster.names, 4);
    assert.equal(await generationOn(cluster, 'node-1', key), 1, 'nothing changed before all have stored');
    await activateAll(cluster, carried);
    for (const node of cluster.names) {
      const after = await publicOf(cluster, node, key);
      assert.equal(after.generation, 2);
      assert.deepEqual(after.groupPublicKey, before.groupPublicKey);
      assert.notDeepEqual(after.verifyingShares, before.verifyingShares);
      assert.equal(cluster.node(node).node.sessionCounts().open, 0);
    }
    await assert.rejects(openAll(cluster, request, cluster.names), refusal('session/wrong-generation'));
    await activateAll(cluster, await carry(cluster, refresh(cluster, key, 2), cluster.names, 4));
    assert.equal(await generationOn(cluster, 'node-3', key), 3);
  });
}

test('T20, T21: given a refresh that one holder did not hear the end of, when it signs with another, then it is refused until it is helped', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const carried = await carry(cluster, refresh(cluster, key), cluster.names, 4);
  await signs(cluster, key);
  const confirmations = [...(carried.outputs.get(4) ?? [])];
  for (const node of ['node-1', 'node-3']) {
    await call(cluster, node, 'activate', keyActivate.encode({ key, confirmations }));
  }
  await signs(cluster, key, ['node-1', 'node-3']);
  await assert.rejects(
    signWith(cluster, cluster.sign({ key }), two),
    refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
  );
  await cluster.restart('node-2');
  // The relay lost the confirmations: a holder that has them gives them.
  const ask = keyAsk.encode({ key, generation: 2 });
  const answer = keyConfirmations.decode(await call(cluster, 'node-1', 'confirmations', ask));
  await call(cluster, 'node-2', 'activate', keyActivate.encode({ key, confirmations: answer.confirmations }));
  await signs(cluster, key);
  for (const wrong of [
    { key, generation: 1 },
    { key: 'f'.repeat(32), generation: 1 },
  ]) {
    await assert.rejects(
      call(cluster, 'node-1', 'confirmations', keyAsk.encode(wrong)),
      refusal('store/unknown-key'),
    );
  }
});

test('T12: given sessions and presignatures of a generation, when the next one is active, then they are gone', async (t) => {
  const cluster = await testCluster(t);
  await pairNodes(cluster);
  const key = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1' }));
  const other = await makeKey(cluster);
  const payload = { kind: 'ecdsa-sha256', message: Uint8Array.of(1) } as const;
  const id = await presign(cluster, key, two);
  const running = await carry(cluster, cluster.sign({ key, payload }), two, 1);
  const untouched = await carry(cluster, cluster.sign({ key: other }), two, 1);
  const carried = await carry(cluster, refresh(cluster, key), cluster.names, 4);
  assert.equal((await presignaturesOf(cluster, 'node-1', key, two)).length, 1);
  await activateAll(cluster, carried);
  assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, two), []);
  await assert.rejects(
    openAll(cluster, cluster.sign({ key, payload }), two, { presignature: () => id }),
    refusal('presignature/absent'),
  );
  const next = (of: Carried): Promise<Uint8Array> =>
    call(cluster, 'node-1', 'round', roundBody(of.session, 2, forNode('node-1', of.outputs.get(1) ?? [])));
  await assert.rejects(next(running), refusal('session/failed', { code: 'session/aborted' }));
  await next(untouched);
  assert.equal((await signWith(cluster, cluster.sign({ key, payload }), two)).length, 64);
});

test('T41: given a key of two nodes, when it is reshared to others, then these sign for the same key, and who left does not', async (t) => {
  const cluster = await testCluster(t);
  const key = await smallKey(cluster);
  const before = await publicOf(cluster, 'node-1', key);
  const carried = await carry(cluster, await reshare(cluster, key), cluster.names, 4);
  await signs(cluster, key);
  await activateAll(cluster, carried, others);
  const after = await publicOf(cluster, 'node-3', key);
  assert.deepEqual(after.groupPublicKey, before.groupPublicKey);
  assert.deepEqual([after.generation, after.participants], [2, [2, 3]]);
  await signs(cluster, key, others);
  const departed = (): Promise<void> =>
    assert.rejects(
      openAll(cluster, cluster.sign({ key }), ['node-1'], { participants: () => two }),
      refusal('session/key-not-active', { state: 'departed' }),
    );
  await departed();
  await cluster.restart('node-1');
  await departed();
  assert.ok(cluster.node('node-1').node.keyCounts().active === 0);
  // And back: node-1 holds a share again, with another threshold.
  const back = await reshare(cluster, key, {
    generation: 2,
    public: encodeKeyPublic(after),
    dealers: [...others],
    nodes: [...cluster.names],
    threshold: 3,
  });
  await activateAll(cluster, await carry(cluster, back, cluster.names, 4));
  await signs(cluster, key, cluster.names);
});

test('T20: given a holder that a reshare left out, when it would sign or deal, then it does not, and it can come back', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const without = await reshare(cluster, key, { nodes: [...two] });
  await activateAll(cluster, await carry(cluster, without, two, 4));
  // node-3 heard of nothing: its share of the generation before is still there, and worth nothing.
  assert.equal(await generationOn(cluster, 'node-3', key), 1);
  await assert.rejects(
    openAll(cluster, cluster.sign({ key }), ['node-1'], { participants: () => ['node-1', 'node-3'] }),
    refusal('session/bad-participants'),
  );
  const now = { generation: 2, public: encodeKeyPublic(await publicOf(cluster, 'node-1', key)) };
  const dealing = await reshare(cluster, key, { ...now, dealers: ['node-1', 'node-3'], nodes: [...two] });
  await assert.rejects(
    openAll(cluster, dealing, ['node-3'], { participants: () => cluster.names }),
    refusal('session/wrong-generation', { wanted: 2, got: 1 }),
  );
  const back = await reshare(cluster, key, { ...now, nodes: [...cluster.names] });
  await activateAll(cluster, await carry(cluster, back, cluster.names, 4));
  assert.equal(await generationOn(cluster, 'node-3', key), 3);
  await signs(cluster, key, ['node-1', 'node-3']);
});

test('given a reshare that does not fit the key, when it is opened, then each node that can tell refuses it', async (t) => {
  const cluster = await testCluster(t);
  const key = await smallKey(cluster);
  const foreign = await smallKey(cluster);
  const known = await publicOf(cluster, 'node-1', key);
  const shares = [...known.verifyingShares];
  const swapped = new Map(shares.map(([index], i) => [index, shares[1 - i]?.[1] ?? new Uint8Array()]));
  const refused = async (
    node: string,
    code: ErrorCode,
    change: Partial<ReshareRequest>,
    names: readonly string[] = cluster.names,
  ): Promise<void> => {
    const request = await reshare(cluster, key, change);
    await assert.rejects(
      openAll(cluster, request, [node], { participants: () => names }),
      refusal(code),
      `${node} ${Object.keys(change).join()}`,
    );
  };
  for (const node of cluster.names) {
    const generation = { public: encodeKeyPublic({ ...known, generation: 7 }) };
    await refused(node, 'session/other-key-data', generation);
    await refused(node, 'session/other-key-data', {
      public: encodeKeyPublic(await publicOf(cluster, 'node-1', foreign)),
    });
    await refused(node, 'session/bad-participants', {}, two.includes(node) ? two : others);
    // A dealer without the key finds that out first.
    const notAHolder = node === 'node-3' ? 'session/unknown-key' : 'session/bad-participants';
    await refused(node, notAHolder, { dealers: ['node-1', 'node-3'] });
    await refused(node, 'request/bad-participants', { threshold: 3 });
    await refused(node, 'request/bad-participants', { dealers: ['node-2', 'node-1'] });
    await refused(node, 'request/not-granted', { purpose: 'elsewhere' });
    await refused(node, 'session/other-key-data', { purpose: 'cold' });
  }
  // What a holder to be can't tell, the present holders do: without them nothing is dealt.
  for (const node of two) {
    await refused(node, 'session/other-key-data', {
      public: encodeKeyPublic({ ...known, verifyingShares: swapped }),
    });
    await refused(node, 'session/other-key-data', { label: 'other' });
    await refused(node, 'session/wrong-generation', {
      generation: 2,
      public: encodeKeyPublic({ ...known, generation: 2 }),
    });
  }
  assert.equal(cluster.node('node-1').node.sessionCounts().open, 0);
  await activateAll(cluster, await carry(cluster, await reshare(cluster, key), cluster.names, 4), others);
  await signs(cluster, key, others);
});

test('given a refresh with other nodes than the holders, when it is opened, then it is refused', async (t) => {
  const cluster = await testCluster(t);
  const key = await smallKey(cluster);
  const open = (request: Uint8Array, names: readonly string[]): Promise<unknown> =>
    openAll(cluster, request, ['node-1'], { participants: () => names });
  await assert.rejects(open(refresh(cluster, key), cluster.names), refusal('session/bad-participants'));
  await assert.rejects(open(refresh(cluster, key, 2), two), refusal('session/wrong-generation'));
  const cold = cluster.ask({ action: 'key.refresh', key, purpose: 'cold', generation: 1 });
  await assert.rejects(open(cold, two), refusal('request/wrong-purpose'));
  await assert.rejects(open(refresh(cluster, 'f'.repeat(32)), two), refusal('session/unknown-key'));
});

for (const action of ['key.refresh', 'key.reshare'] as const) {
  const requestOf = (cluster: TestCluster, key: string): Promise<Uint8Array> =>
    action === 'key.refresh' ? Promise.resolve(refresh(cluster, key)) : reshare(cluster, key);

  test(`T17: given a dealer of a ${action} that deals a wrong share, when it is checked, then the receiver names it and nothing is stored`, async (t) => {
    const { cluster, cheat } = await cheatingCluster(t);
    const key = action === 'key.refresh' ? await makeKey(cluster) : await smallKey(cluster);
    cheat({
      output: (_plan, round, output) =>
        round === 2 ? withPairwise(output, 3, (share) => bent(share, 20)) : output,
    });
    await assert.rejects(
      carry(cluster, await requestOf(cluster, key), cluster.names, 4),
      refusal('round/peer-cheated', { peer: 'node-2', code: 'threshold/bad-dealt-share' }),
    );
    cheat(undefined);
    assert.equal(await generationOn(cluster, 'node-1', key), 1);
    await signs(cluster, key);
    const again = await carry(cluster, await requestOf(cluster, key), cluster.names, 4);
    const holders = action === 'key.refresh' ? cluster.names : others;
    await activateAll(cluster, again, holders);
    await signs(cluster, key, others);
  });

  for (const round of [1, 2, 3]) {
    test(`T16: given another message of round ${round} of a ${action} told to one node, when it is compared, then the shares before stay`, async (t) => {
      const cluster = await testCluster(t);
      const key = action === 'key.refresh' ? await makeKey(cluster) : await smallKey(cluster);
      const error = await carry(cluster, await requestOf(cluster, key), cluster.names, 4, {
        envelopes: (node, at, honest) =>
          at === round + 1 && node === 'node-3'
            ? honest.map((one) =>
                one.from === 'node-2' && one.to === undefined
                  ? lie(cluster, {
                      from: 'node-2',
                      session: one.session,
                      round,
                      payload: bent(one.payload, -1),
                      transcript: one.transcript,
                    })
                  : one,
              )
            : honest,
      }).then(
        () => assert.fail('stored'),
        (refused: unknown) => refused,
      );
      assert.ok(
        error instanceof Error && /split|cheat|saw other|can not send/.test(error.message),
        String(error),
      );
      for (const node of two) {
        assert.equal(await generationOn(cluster, node, key), 1);
      }
      await signs(cluster, key);
    });
  }
}

test('T41: given a run that comes out with another key or generation, when its share is to be stored, then it is not', async (t) => {
  const { cluster, cheat } = await cheatingCluster(t);
  const key = await makeKey(cluster);
  const other = dealKey({ scheme: 'frost-ed25519', threshold: 2, participants: [1, 2, 3], seed: 'other' });
  const share = other.get(2);
  assert.ok(share !== undefined);
  const own = await publicOf(cluster, 'node-2', key);
  for (const wrong of [
    { ...share.public, generation: 2 },
    { ...share.public, groupPublicKey: own.groupPublicKey, generation: 1 },
    { ...share.public, groupPublicKey: own.groupPublicKey, generation: 3 },
  ]) {
    cheat({
      result: (_plan, result) =>
        result.kind === 'key-share' ? { ...result, share: { ...result.share, public: wrong } } : result,
    });
    await assert.rejects(
      carry(cluster, refresh(cluster, key), cluster.names, 4),
      refusal('threshold/other-public-key'),
    );
  }
  const listed = await cluster.node('node-2').node.keystore().list();
  assert.deepEqual(
    listed.map(({ id, generation }) => [id, generation]),
    [[key, 1]],
  );
});

test('T24: given confirmations of a session that came to nothing, when they are put together with others, then nothing is activated', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const first = await carry(cluster, refresh(cluster, key), cluster.names, 4);
  const second = await carry(cluster, refresh(cluster, key), cluster.names, 4);
  const mixed = [
    ...(first.outputs.get(4) ?? []).filter(({ from }) => from === 'node-1'),
    ...(second.outputs.get(4) ?? []).filter(({ from }) => from !== 'node-1'),
  ];
  const activate = (confirmations: readonly Envelope[]): Promise<Uint8Array> =>
    call(cluster, 'node-1', 'activate', keyActivate.encode({ key, confirmations: [...confirmations] }));
  await assert.rejects(activate(mixed), refusal('store/activation-refused'));
  await assert.rejects(
    activate((second.outputs.get(4) ?? []).filter(({ from }) => from !== 'node-3')),
    refusal('store/activation-refused'),
  );
  await activate(second.outputs.get(4) ?? []);
  assert.equal(await generationOn(cluster, 'node-1', key), 2);
});

test('T21: given two refreshes that all nodes stored, when their proofs come in different orders, then all end with shares that fit', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster);
  const carried = [
    await carry(cluster, refresh(cluster, key), cluster.names, 4),
    await carry(cluster, refresh(cluster, key), cluster.names, 4),
  ];
  for (const [i, node] of cluster.names.entries()) {
    for (const { outputs } of i === 1 ? [...carried].reverse() : carried) {
      const confirmations = [...(outputs.get(4) ?? [])];
      const body = keyActivate.encode({ key, confirmations });
      // The one that loses may be gone already where its proof comes second.
      await call(cluster, node, 'activate', body).catch((error: unknown) =>
        refusal('store/activation-refused')(error),
      );
    }
  }
  const known = await publicOf(cluster, 'node-1', key);
  assert.equal(known.generation, 2);
  for (const node of cluster.names) {
    assert.deepEqual(await publicOf(cluster, node, key), known);
  }
  await signs(cluster, key, ['node-1', 'node-3']);
  await signs(cluster, key, others);
});
