/** A relay and nodes that cheat. After each attempt the same nodes sign honestly. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { makeNodeIdentity } from '../../enclave/channel/index.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { evidenceAnswer, evidenceAsk } from '../../wire/messages/node.ts';
import {
  claimsBytes,
  sessionAttest,
  sessionEvidence,
  sessionOutput,
  type Challenge,
  type Envelope,
} from '../../wire/messages/session.ts';
import { flipped, lie } from '../testing/cheat.ts';
import { random, testCluster, type ClusterOptions, type TestCluster } from '../testing/cluster.ts';
import {
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
  type Taps,
} from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';

const two = ['node-1', 'node-2'];

async function withKey(
  t: TestContext,
  options: ClusterOptions = {},
): Promise<{ cluster: TestCluster; key: string }> {
  const cluster = await testCluster(t, options);
  return { cluster, key: await makeKey(cluster) };
}
const signs = async (cluster: TestCluster, key: string): Promise<void> => {
  assert.equal((await signWith(cluster, cluster.sign({ key }), two)).length, 64);
};
const replaced = (challenges: readonly Challenge[], node: string, change: Partial<Challenge>): Challenge[] =>
  challenges.map((one) => (one.node === node ? { ...one, ...change } : one));

test('given the own challenge with any field changed, when told back, then it is refused and nothing changes', async (t) => {
  const { cluster, key } = await withKey(t);
  const challenges = await openAll(cluster, cluster.sign({ key }), two);
  const other = makeNodeIdentity({ now: cluster.clock.now });
  const own = challenges.find(({ node }) => node === 'node-1');
  assert.ok(own !== undefined);
  for (const change of [
    { boot: random(16) },
    { nonce: random(32) },
    { identity: other.publicBytes },
    { node: 'node-3' },
  ]) {
    // The call names the session by its true nonce: only the list is changed.
    const lied = replaced(challenges, 'node-1', change);
    await assert.rejects(
      call(cluster, 'node-1', 'attest', sessionAttest.encode({ nonce: own.nonce, challenges: lied })),
      refusal('session/bad-challenges'),
      Object.keys(change).join(),
    );
  }
  for (const list of [
    [...challenges].reverse(),
    [...challenges, ...challenges.slice(0, 1)],
    replaced(challenges, 'node-2', { nonce: own.nonce }),
    replaced(challenges, 'node-2', { boot: own.boot }),
    replaced(challenges, 'node-2', { identity: own.identity }),
    replaced(challenges, 'node-2', { node: 'node-3' }),
  ]) {
    await assert.rejects(
      call(cluster, 'node-1', 'attest', attestBody('node-1', list)),
      refusal('session/bad-challenges'),
    );
  }
  await call(cluster, 'node-1', 'attest', attestBody('node-1', challenges));
  await assert.rejects(
    call(
      cluster,
      'node-1',
      'attest',
      attestBody('node-1', replaced(challenges, 'node-2', { boot: random(16) })),
    ),
    refusal('round/slot-taken'),
  );
  await signs(cluster, key);
});

test('T36: given each field of a peer changed in the challenges of one node, when it attests, then the peer is refused', async (t) => {
  const { cluster, key } = await withKey(t);
  const other = makeNodeIdentity({ now: cluster.clock.now });
  for (const change of [{ boot: random(16) }, { nonce: random(32) }, { identity: other.publicBytes }]) {
    await assert.rejects(
      carry(cluster, cluster.sign({ key }), two, 2, {
        challenges: (node, honest) => (node === 'node-1' ? replaced(honest, 'node-2', change) : honest),
      }),
      // One side looks for its own session id in the evidence and does not find it.
      refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
      Object.keys(change).join(),
    );
  }
  await signs(cluster, key);
});

for (const field of ['identity', 'boot'] as const) {
  test(`T09: given another ${field} in all challenges than in the evidence, when it arrives, then the second instance is refused`, async (t) => {
    const { cluster, key } = await withKey(t);
    const twin = makeNodeIdentity({ now: cluster.clock.now });
    const challenges = await openAll(cluster, cluster.sign({ key }), two);
    const lied = replaced(
      challenges,
      'node-2',
      field === 'identity' ? { identity: twin.publicBytes } : { boot: twin.boot },
    );
    const { session } = sessionEvidence.decode(
      await call(cluster, 'node-1', 'attest', attestBody('node-1', lied)),
    );
    const { node } = cluster.node('node-2');
    const { manifest, hash } = node.manifest();
    const evidence = await node.attester.makeEvidence({
      nonce: session,
      publicKey: node.gate.identityBytes,
      role: 'session',
      userData: claimsBytes.encode({
        v: 2,
        role: 'session',
        cluster: manifest.cluster,
        node: 'node-2',
        boot: node.gate.boot,
        manifest: hash,
        since: 1,
        mark: 1,
        boots: 1,
        witnessed: new Map(),
      }),
    });
    await assert.rejects(
      call(cluster, 'node-1', 'round', firstBody('node-1', session, [{ node: 'node-2', evidence }])),
      (error: unknown) =>
        isSymbolonError(error, 'gate/peer-refused') &&
        error.facts.peer === 'node-2' &&
        error.facts.code === 'gate/other-identity' &&
        error.facts.reason.includes(`field=${field}`),
    );
    await signs(cluster, key);
  });
}

test('T36: given two nodes told different participants, when they go on, then neither gives a commitment', async (t) => {
  const { cluster, key } = await withKey(t);
  const request = cluster.sign({ key });
  const [one] = await openAll(cluster, request, ['node-1'], { participants: () => ['node-1', 'node-2'] });
  const [two2] = await openAll(cluster, request, ['node-2'], { participants: () => ['node-2', 'node-3'] });
  const [three] = await openAll(cluster, request, ['node-3'], { participants: () => ['node-2', 'node-3'] });
  assert.ok(one !== undefined && two2 !== undefined && three !== undefined);
  await assert.rejects(
    call(cluster, 'node-2', 'attest', attestBody('node-2', [one, two2])),
    refusal('session/bad-challenges'),
  );
  const a = sessionEvidence.decode(
    await call(cluster, 'node-1', 'attest', attestBody('node-1', [one, two2])),
  );
  const b = sessionEvidence.decode(
    await call(cluster, 'node-2', 'attest', attestBody('node-2', [two2, three])),
  );
  await assert.rejects(
    call(cluster, 'node-1', 'round', firstBody('node-1', a.session, [b])),
    refusal('gate/peer-refused', { peer: 'node-2', code: 'evidence/nonce-mismatch' }),
  );
  await signs(cluster, key);
});

test('T36: given two nodes told different messages, when they go on, then neither gives a commitment', async (t) => {
  const { cluster, key } = await withKey(t);
  const [one] = await openAll(cluster, cluster.sign({ key }), ['node-1'], { participants: () => two });
  const [other] = await openAll(
    cluster,
    cluster.sign({ key, payload: { kind: 'message', message: random(7) } }),
    ['node-2'],
    { participants: () => two },
  );
  assert.ok(one !== undefined && other !== undefined);
  const attested: CarriedEvidence[] = [];
  const sessions: Uint8Array[] = [];
  for (const node of two) {
    const answer = sessionEvidence.decode(
      await call(cluster, node, 'attest', attestBody(node, [one, other])),
    );
    attested.push({ node, evidence: answer.evidence });
    sessions.push(answer.session);
  }
  for (const [i, node] of two.entries()) {
    await assert.rejects(
      call(cluster, node, 'round', firstBody(node, sessions[i] ?? random(32), attested)),
      refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
    );
  }
  await signs(cluster, key);
});

test('T02: given evidence of another peer or another session, when round 1 is delivered, then the peer is refused', async (t) => {
  const { cluster, key } = await withKey(t);
  const channel = async (node: string, nonce: Uint8Array): Promise<Uint8Array> =>
    evidenceAnswer.decode(await call(cluster, node, 'evidence', evidenceAsk.encode({ nonce }))).evidence;
  const cases: readonly [
    string,
    (session: Uint8Array, honest: Uint8Array) => Promise<Uint8Array>,
    ErrorCode,
  ][] = [
    ['of a channel over the session id', (session) => channel('node-2', session), 'evidence/claim-mismatch'],
    ['of another node', (session) => channel('node-3', session), 'evidence/claim-mismatch'],
    [
      'with one byte changed',
      (_s, honest) => Promise.resolve(flipped(honest, honest.length - 1)),
      'evidence/bad-signature',
    ],
    ['cut short', (_s, honest) => Promise.resolve(honest.slice(0, -1)), 'evidence/malformed'],
    ['of random bytes', () => Promise.resolve(random(500)), 'evidence/malformed'],
  ];
  for (const [what, make, code] of cases) {
    const challenges = await openAll(cluster, cluster.sign({ key }), two);
    const [own, peer] = await Promise.all(
      two.map(async (node) =>
        sessionEvidence.decode(await call(cluster, node, 'attest', attestBody(node, challenges))),
      ),
    );
    assert.ok(own !== undefined && peer !== undefined);
    const evidence = await make(own.session, peer.evidence);
    await assert.rejects(
      call(cluster, 'node-1', 'round', firstBody('node-1', own.session, [{ node: 'node-2', evidence }])),
      (error: unknown) => {
        refusal('gate/peer-refused', { peer: 'node-2' })(error);
        assert.ok(error instanceof Error && error.message.includes('evidence/'), what);
        if (code !== 'evidence/malformed') {
          assert.ok(error.message.includes(code), `${what}: ${error.message}`);
        }
        return true;
      },
    );
    await assert.rejects(
      call(cluster, 'node-1', 'round', firstBody('node-1', own.session, [peer])),
      refusal('session/failed', { code: 'gate/peer-refused', peer: 'node-2' }),
    );
  }
  const { refusals } = cluster.node('node-1').node;
  assert.equal(refusals.entries.length, cases.length);
  await signs(cluster, key);
});

test('given evidence that is missing, doubled or of a stranger, when round 1 is delivered, then it may be delivered again', async (t) => {
  const { cluster, key } = await withKey(t);
  const { session, evidence } = await carryAttest(cluster, key);
  const peer = evidence.find(({ node }) => node === 'node-2');
  assert.ok(peer !== undefined);
  for (const list of [[], [peer, peer], [{ ...peer, node: 'node-3' }]]) {
    await assert.rejects(
      call(cluster, 'node-1', 'round', firstBody('node-1', session, list)),
      refusal('round/unexpected-input'),
    );
  }
  await call(cluster, 'node-1', 'round', firstBody('node-1', session, evidence));
  await signs(cluster, key);
});

async function carryAttest(
  cluster: TestCluster,
  key: string,
): Promise<{ session: Uint8Array; evidence: CarriedEvidence[] }> {
  const challenges = await openAll(cluster, cluster.sign({ key }), two);
  const attested = await Promise.all(
    two.map(async (node) =>
      sessionEvidence.decode(await call(cluster, node, 'attest', attestBody(node, challenges))),
    ),
  );
  return {
    session: attested[0]?.session ?? random(32),
    evidence: attested.map(({ node, evidence }) => ({ node, evidence })),
  };
}

test('given round 2 with something changed on the way, when delivered, then it is refused and the true one is taken', async (t) => {
  const { cluster, key } = await withKey(t);
  const foreign = await carry(cluster, cluster.sign({ key }), two, 1);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const honest = forNode('node-1', outputs.get(1) ?? []);
  const [envelope] = honest;
  assert.ok(envelope !== undefined);
  const strange = makeNodeIdentity({ now: cluster.clock.now });
  const deliver = (envelopes: readonly Envelope[], round = 2, id = session): Promise<Uint8Array> =>
    call(cluster, 'node-1', 'round', roundBody(id, round, envelopes));
  const wrong: readonly [string, readonly Envelope[], ErrorCode][] = [
    ['nothing', [], 'round/unexpected-input'],
    ['twice', [envelope, envelope], 'round/unexpected-input'],
    ['from a stranger', [{ ...envelope, from: 'node-3' }], 'round/unexpected-input'],
    ['from itself', [{ ...envelope, from: 'node-1' }], 'round/unexpected-input'],
    ['addressed', [{ ...envelope, to: 'node-1' }], 'round/unexpected-input'],
    [
      'payload changed',
      [{ ...envelope, payload: flipped(envelope.payload, 5) }],
      'channel/envelope-signature',
    ],
    [
      'signature changed',
      [{ ...envelope, signature: flipped(envelope.signature) }],
      'channel/envelope-signature',
    ],
    ['transcript changed', [{ ...envelope, transcript: strange.public.tls }], 'channel/envelope-signature'],
    ['round changed', [{ ...envelope, round: 2 }], 'channel/envelope-signature'],
    ['of another session', forNode('node-1', foreign.outputs.get(1) ?? []), 'channel/envelope-session'],
  ];
  for (const [what, envelopes, code] of wrong) {
    await assert.rejects(deliver(envelopes), refusal(code), what);
  }
  await assert.rejects(deliver(honest, 3), refusal('round/out-of-order', { expected: 2, got: 3 }));
  await assert.rejects(deliver(honest, 16), refusal('round/out-of-order'));
  await assert.rejects(deliver(honest, 2, random(32)), refusal('session/unknown'));
  const { envelopes } = sessionOutput.decode(await deliver(honest));
  assert.equal(envelopes.length, 1);
  await assert.rejects(deliver(honest, 3), refusal('round/out-of-order'));
  await signs(cluster, key);
});

test('T16: given a node that signs two commitments, when both reach one node, then it is named and the session ends', async (t) => {
  const { cluster, key } = await withKey(t);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const [envelope] = forNode('node-1', outputs.get(1) ?? []);
  assert.ok(envelope !== undefined);
  const second = lie(cluster, { from: 'node-2', session, round: 1, payload: flipped(envelope.payload, 20) });
  await call(cluster, 'node-1', 'round', roundBody(session, 2, [envelope]));
  // What only the relay changed blames nobody and changes nothing.
  await assert.rejects(
    call(
      cluster,
      'node-1',
      'round',
      roundBody(session, 2, [{ ...envelope, payload: flipped(envelope.payload) }]),
    ),
    refusal('round/slot-taken'),
  );
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, [second])),
    refusal('round/equivocation', { peer: 'node-2', round: 1 }),
  );
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, [envelope])),
    refusal('session/failed', { code: 'round/equivocation', peer: 'node-2' }),
  );
  await signs(cluster, key);
});

test('T16: given both messages of an equivocating node in one delivery, when read, then it is named', async (t) => {
  const { cluster, key } = await withKey(t);
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  const [envelope] = forNode('node-1', outputs.get(1) ?? []);
  assert.ok(envelope !== undefined);
  const second = lie(cluster, { from: 'node-2', session, round: 1, payload: flipped(envelope.payload, 20) });
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 2, [envelope, second])),
    refusal('round/equivocation', { peer: 'node-2' }),
  );
  await signs(cluster, key);
});

/** Runs a key creation in which node-2 tells node-3 another message in `round`; gives the error. */
async function splitKeygen(cluster: TestCluster, round: number): Promise<unknown> {
  let session: Uint8Array | undefined;
  const taps: Taps = {
    envelopes: (node, at, honest) => {
      if (at !== round + 1 || node !== 'node-3') {
        return honest;
      }
      return honest.map((one) => {
        session = one.session;
        return one.from === 'node-2' && one.to === undefined
          ? lie(cluster, {
              from: 'node-2',
              session,
              round,
              payload: flipped(one.payload, one.payload.length - 1),
              transcript: one.transcript,
            })
          : one;
      });
    },
  };
  try {
    await carry(cluster, cluster.create(), cluster.names, 4, taps);
  } catch (error) {
    return error;
  }
  return assert.fail('the key was made');
}

for (const [round, what] of [
  [1, 'commitment'],
  [2, 'opening'],
  [3, 'confirmation'],
] as const) {
  test(`T16: given a different ${what} told to one node, when a key is made, then nobody stores it`, async (t) => {
    const { cluster, key } = await withKey(t);
    const error = await splitKeygen(cluster, round);
    assert.ok(
      error instanceof Error && /split|cheat|saw other|can not send/.test(error.message),
      String(error),
    );
    for (const name of cluster.names) {
      const { active, pending } = cluster.node(name).node.keyCounts();
      assert.equal(active, 1, name);
      // In round 3 the two nodes that were told the truth had already heard of each other; none of it is ever active.
      assert.ok(pending <= (round === 3 ? 1 : 0), `${name} in round ${round}`);
    }
    await signs(cluster, key);
  });
}

test('T17: given a node that deals a bad share, when a key is made, then the receiver names the dealer', async (t) => {
  const cluster = await testCluster(t);
  await assert.rejects(
    carry(cluster, cluster.create(), cluster.names, 4, {
      envelopes: (node, round, honest) =>
        round === 3 && node === 'node-3'
          ? honest.map((one) =>
              one.from === 'node-2' && one.to !== undefined
                ? lie(cluster, {
                    from: 'node-2',
                    to: 'node-3',
                    session: one.session,
                    round: 2,
                    payload: random(32),
                    transcript: one.transcript,
                  })
                : one,
            )
          : honest,
    }),
    refusal('round/peer-cheated', { peer: 'node-2', round: 2 }),
  );
  assert.equal(cluster.node('node-3').node.keyCounts().pending, 0);
  await makeKey(cluster);
});

test('given a pairwise message for another node, when delivered, then it is refused and the true one is taken', async (t) => {
  const cluster = await testCluster(t);
  const { session, outputs } = await carry(cluster, cluster.create(), cluster.names, 2);
  const all = outputs.get(2) ?? [];
  const mixed = all.filter(({ from, to }) => from !== 'node-1' && (to === undefined || to !== 'node-1'));
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 3, mixed)),
    refusal('round/unexpected-input'),
  );
  const swapped = forNode('node-1', all).map((one) =>
    one.to === undefined
      ? one
      : {
          ...(all.find(({ from, to }) => from === one.from && to !== 'node-1' && to !== undefined) ?? one),
          to: 'node-1',
        },
  );
  await assert.rejects(
    call(cluster, 'node-1', 'round', roundBody(session, 3, swapped)),
    refusal('channel/envelope-signature'),
  );
  await call(cluster, 'node-1', 'round', roundBody(session, 3, forNode('node-1', all)));
});

test('given a node that runs another program, when it would take part, then the others name the PCR and go on', async (t) => {
  const cluster = await testCluster(t, {
    programOf: (name) => new Uint8Array(32).fill(name === 'node-3' ? 0x66 : 0x11),
  });
  const key = await makeKey(cluster, cluster.create({ nodes: two }));
  await assert.rejects(
    carry(cluster, cluster.create(), cluster.names, 1),
    refusal('gate/peer-refused', { peer: 'node-3', code: 'evidence/measurement-mismatch' }),
  );
  const [entry] = cluster.node('node-1').node.refusals.entries;
  assert.equal(entry?.peer, 'node-3');
  assert.match(entry.detail, /pcr=0 wanted=[0-9a-f]{96} got=[0-9a-f]{96}/);
  assert.ok(
    cluster.node('node-1').lines.some(({ event, peer }) => event === 'peer-refused' && peer === 'node-3'),
  );
  await signs(cluster, key);
});

test('T20: given a node with shares of another generation, when it would sign, then the session ids differ', async (t) => {
  const { cluster, key } = await withKey(t);
  const keystore = cluster.node('node-2').node.keystore();
  const openKey = keystore.open.bind(keystore);
  const mocked = t.mock.method(keystore, 'open', async (id: string) => {
    const found = await openKey(id);
    return found.kind === 'active'
      ? { ...found, info: { ...found.info, generation: found.info.generation + 1 } }
      : found;
  });
  await assert.rejects(
    carry(cluster, cluster.sign({ key }), two, 2),
    refusal('gate/peer-refused', { code: 'evidence/nonce-mismatch' }),
  );
  mocked.mock.restore();
  await signs(cluster, key);
});

test('T08: given evidence that ends before the last round, when it is delivered, then no share leaves', async (t) => {
  let end = Infinity;
  const { cluster, key } = await withKey(t, {
    manifest: (one) => {
      end = Date.now() + 20_000;
      return { ...one, measurements: one.measurements.map((m) => ({ ...m, notAfter: end })) };
    },
  });
  const { session, outputs } = await carry(cluster, cluster.sign({ key }), two, 1);
  cluster.clock.advance(20_001);
  const body = roundBody(session, 2, forNode('node-1', outputs.get(1) ?? []));
  await assert.rejects(
    call(cluster, 'node-1', 'round', body),
    refusal('gate/evidence-over', { peer: 'node-2' }),
  );
  await assert.rejects(call(cluster, 'node-1', 'round', body), refusal('session/failed'));
});
