/** A relay and a node that cheat in ECDSA and in pairing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { sessionFinish, type Envelope } from '../../wire/messages/session.ts';
import { inlineRunner } from '../work/inline.ts';
import { bent } from '../testing/cheatingRunner.ts';
import { flipped, lie } from '../testing/cheat.ts';
import { random, testCluster } from '../testing/cluster.ts';
import {
  call,
  carry,
  finishAll,
  forNode,
  makeKey,
  openAll,
  pairNodes,
  roundBody,
  signWith,
} from '../testing/relay.ts';
import { ecdsaPayload, ecdsaScene, ecdsaSigns, statusOf, two } from '../testing/ecdsaScene.ts';
import { refusal } from '../testing/refusal.ts';

test('given messages of an ECDSA session changed on the way, when delivered, then each is refused and the true ones are taken', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const foreign = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1);
  const { session, outputs } = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1);
  const honest = forNode('node-1', outputs.get(1) ?? []);
  assert.equal(honest.length, 2);
  const [broadcast, pairwise] = honest;
  assert.ok(broadcast !== undefined && broadcast.to === undefined && pairwise?.to === 'node-1');
  const deliver = (envelopes: readonly Envelope[]): Promise<Uint8Array> =>
    call(cluster, 'node-1', 'round', roundBody(session, 2, envelopes));
  const others = forNode('node-1', foreign.outputs.get(1) ?? []);
  const wrong: readonly (readonly [string, readonly Envelope[], ErrorCode])[] = [
    ['no pairwise message', [broadcast], 'round/unexpected-input'],
    ['no broadcast', [pairwise], 'round/unexpected-input'],
    ['a pairwise message twice', [broadcast, pairwise, pairwise], 'round/unexpected-input'],
    ['one for another node', [broadcast, { ...pairwise, to: 'node-3' }], 'round/unexpected-input'],
    [
      'one changed',
      [broadcast, { ...pairwise, payload: flipped(pairwise.payload, 900) }],
      'channel/envelope-signature',
    ],
    ['T18: those of another session of the same key', others, 'channel/envelope-session'],
    ['one of another session', [broadcast, ...others.slice(1)], 'channel/envelope-session'],
  ];
  for (const [what, envelopes, code] of wrong) {
    await assert.rejects(deliver(envelopes), refusal(code), what);
  }
  await deliver(honest);
  const stray = forNode('node-1', outputs.get(1) ?? []);
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 3, stray)),
    refusal('channel/envelope-round'),
  );
  await ecdsaSigns(cluster, key);
});

test('T16: given another commitment told to one of three signers, when they go on, then the session ends and no pairing is to blame', async (t) => {
  const { cluster } = await ecdsaScene(t);
  const key = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1', threshold: 3 }));
  for (const round of [1, 2]) {
    const error = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), cluster.names, 3, {
      envelopes: (node, at, honest) =>
        at === round + 1 && node === 'node-3'
          ? honest.map((one) =>
              one.from === 'node-2' && one.to === undefined
                ? lie(cluster, {
                    from: 'node-2',
                    session: one.session,
                    round,
                    payload: bent(one.payload, -30),
                    transcript: one.transcript,
                  })
                : one,
            )
          : honest,
    }).then(
      () => assert.fail('signed'),
      (refused: unknown) => refused,
    );
    assert.ok(
      error instanceof Error && /split|cheat|saw other|can not send/.test(error.message),
      String(error),
    );
    for (const name of cluster.names) {
      const { pairings } = await statusOf(cluster, name);
      assert.ok(
        pairings.every(({ state }) => state === 'ready'),
        `${name} round ${round}`,
      );
    }
  }
  await ecdsaSigns(cluster, key, cluster.names);
});

test('given nodes without pairings, when they are to sign with ECDSA, then the missing one is named and no attempt is counted', async (t) => {
  const cluster = await testCluster(t);
  const key = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1' }));
  const request = cluster.sign({ key, payload: ecdsaPayload });
  for (let i = 0; i < 10; i += 1) {
    await assert.rejects(openAll(cluster, request, two), refusal('pairing/absent'));
  }
  await pairNodes(cluster, two);
  assert.equal((await signWith(cluster, request, two)).length, 64);
  // One end may have lost its own: the order is carried out although both look whole.
  await pairNodes(cluster, two);
  assert.equal((await signWith(cluster, cluster.sign({ key, payload: ecdsaPayload }), two)).length, 64);
  // node-3 has none yet: the order for all three makes all of them anew.
  await pairNodes(cluster);
  await ecdsaSigns(cluster, key, ['node-2', 'node-3']);
});

test('given pairings made anew while a session uses the old ones, when it goes on, then it has ended, and new ones work', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const { session, outputs } = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1);
  await pairNodes(cluster, two, 'pair.renew');
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []))),
    refusal('session/failed', { code: 'session/aborted' }),
  );
  await ecdsaSigns(cluster, key);
});

test('given pairings of two ends that differ, when they sign, then it is told without an accusation', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const request = cluster.ask({ action: 'pair.renew', nodes: [...two] });
  // node-2 never hears of round 3: its end stays the old one.
  const carried = await carry(cluster, request, two, 2);
  await call(
    cluster,
    'node-1',
    'round',
    roundBody(carried.session, 3, forNode('node-1', carried.outputs.get(2) ?? [])),
  );
  await assert.rejects(
    carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 3),
    refusal('threshold/other-pairing'),
  );
  await pairNodes(cluster, two, 'pair.renew');
  await ecdsaSigns(cluster, key);
});

test('T16: given another last word of one node, when pairings are compared at the end, then it is named', async (t) => {
  const { cluster } = await ecdsaScene(t);
  const carried = await carry(cluster, cluster.ask({ action: 'pair.renew', nodes: [...two] }), two, 3);
  const [honest] = forNode('node-1', carried.outputs.get(3) ?? []);
  assert.ok(honest !== undefined);
  const liar = lie(cluster, {
    from: 'node-2',
    session: carried.session,
    round: 3,
    payload: bent(honest.payload, -1),
    transcript: honest.transcript,
  });
  const { session } = carried;
  await assert.rejects(
    call(cluster, 'node-1', 'finish', sessionFinish.encode({ outcome: 'done', session, envelopes: [liar] })),
    refusal('round/split-view', { peer: 'node-2', round: 3 }),
  );
  await assert.rejects(
    call(
      cluster,
      'node-2',
      'finish',
      sessionFinish.encode({ outcome: 'signed', session, signature: random(64) }),
    ),
    refusal('session/bad-outcome'),
  );
  await finishAll(cluster, { ...carried, participants: ['node-2'] });
});

test('given a session that signs, when it is reported as done, then that is no end of such a session', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const { session, outputs } = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 3);
  const envelopes = forNode('node-1', outputs.get(3) ?? []);
  await assert.rejects(
    call(cluster, 'node-1', 'finish', sessionFinish.encode({ outcome: 'done', session, envelopes })),
    refusal('session/bad-outcome'),
  );
});

test('T35: given a session that ends while a step is under way, when the step comes out, then nothing of it leaves', async (t) => {
  const held: { until?: Promise<void> } = {};
  const cluster = await testCluster(t, {
    modules: (name, modules) =>
      name === 'node-1'
        ? {
            ...modules,
            makeRunner: () => {
              const inner = inlineRunner(random);
              return {
                ...inner,
                begin: (plan) => {
                  const handle = inner.begin(plan);
                  return {
                    ...handle,
                    step: async (round, input) => {
                      const output = await handle.step(round, input);
                      await held.until;
                      return output;
                    },
                  };
                },
              };
            },
          }
        : modules,
  });
  await pairNodes(cluster);
  const key = await makeKey(cluster, cluster.create({ scheme: 'dkls23-secp256k1' }));
  const { session, outputs } = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1);
  let go = (): void => undefined;
  held.until = new Promise((resolve) => {
    go = resolve;
  });
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  const first = call(cluster, 'node-1', 'round', body);
  const again = call(cluster, 'node-1', 'round', body);
  const aborted = sessionFinish.encode({ outcome: 'aborted', session, code: 'coordinator/node-gone' });
  await call(cluster, 'node-1', 'finish', aborted);
  go();
  await assert.rejects(first, refusal('session/wrong-state'));
  await assert.rejects(again, refusal('session/wrong-state'));
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('session/failed', { code: 'session/aborted' }),
  );
  await ecdsaSigns(cluster, key);
});
