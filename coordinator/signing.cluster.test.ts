/** Signing over three real nodes behind real TLS: what happens when nodes fail, lie or are silent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifySignature } from '../threshold/index.ts';
import { fromHex } from '../wire/ids.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import type { SignatureBody } from './api.ts';
import type { Store } from './store/store.ts';
import { coordinatorOver, rig, type Rig } from './testing/cluster.ts';
import { memoryStore } from './testing/memoryStore.ts';
import { pausableRelay } from './testing/relay.ts';

const message = Uint8Array.of(1, 2, 3);

async function withKey(made: Rig): Promise<string> {
  const { key } = await made.coordinator.createKey(made.cluster.create());
  assert.ok(key !== undefined);
  assert.equal(key.state, 'active');
  return key.id;
}
function assertSigned(made: Rig, answer: SignatureBody): void {
  const key = made.coordinator.keys.get(answer.key);
  const signature = fromHex(answer.signature ?? '') ?? new Uint8Array();
  assert.ok(verifySignature('frost-ed25519', key.decoded.groupPublicKey, message, signature));
}

test('three nodes create a key, and any two sign with it', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  const answer = await made.coordinator.sign(made.cluster.sign({ key }));
  assertSigned(made, answer);
  assert.equal(answer.participants?.length, 2);
  assert.deepEqual(
    answer.rounds?.map(({ step }) => step),
    ['open', 'attest', 'round 1', 'round 2', 'aggregate'],
  );
});

for (const step of ['open', 'attest', 'round 1', 'round 2']) {
  test(`given a node that is gone in step "${step}", when a signature is asked for, then the others make it`, async (t) => {
    const made = await rig(t);
    const key = await withKey(made);
    let gone = '';
    made.onStep = (now, participants) => {
      if (now === step && gone === '') {
        gone = participants[0] ?? '';
        made.cut(gone);
      }
    };
    const answer = await made.coordinator.sign(made.cluster.sign({ key }));
    assertSigned(made, answer);
    assert.ok(gone !== '' && answer.participants?.includes(gone) === false);
    assert.deepEqual(
      answer.failed?.map((one) => [one.node, one.step]),
      [[gone, step]],
    );
    // Down at once, and named in the status.
    assert.ok(made.coordinator.nodes.whyNotReady(gone) !== undefined);
    const second = await made.coordinator.sign(made.cluster.sign({ key }));
    assert.deepEqual(second.failed, []);
  });
}

test('T35: given a silent node, when signatures are asked for, then each is made within its deadline by the others', async (t) => {
  const relay = pausableRelay(t);
  const made = await rig(t, { via: (name, address) => relay.to(name, address) });
  const key = await withKey(made);
  let silent = '';
  made.onStep = (step, participants) => {
    if (step === 'round 1' && silent === '') {
      silent = participants[0] ?? '';
      relay.pause(silent);
    }
  };
  const started = performance.now();
  const [slow, ...others] = await Promise.all(
    [1, 2, 3, 4].map(() => made.coordinator.sign(made.cluster.sign({ key }))),
  );
  assert.ok(performance.now() - started < 3_000);
  for (const answer of [slow, ...others]) {
    assert.ok(answer !== undefined);
    assertSigned(made, answer);
    assert.ok(answer.participants?.includes(silent) === false);
  }
});

test('given no node, when a signature is asked for, then the error names each node and why', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  for (const name of made.cluster.names) {
    made.cut(name);
  }
  await assert.rejects(made.coordinator.sign(made.cluster.sign({ key })), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/not-enough-nodes'));
    assert.equal(error.facts.wanted, 2);
    for (const name of made.cluster.names) {
      assert.match(error.facts.refused.join(' '), new RegExp(name));
    }
    return true;
  });
  const status = made.coordinator.status();
  assert.equal(status.canSign, 'no');
  assert.equal(status.keys.first[0]?.until, null);
});

test('T32: given one node down, then the status says with whom and until when, and that none is to spare', async (t) => {
  const made = await rig(t);
  await withKey(made);
  const before = made.coordinator.status();
  assert.equal(before.canSign, 'yes');
  assert.deepEqual(before.with, made.cluster.names);
  made.cut('node-2');
  await made.coordinator.nodes.refresh();
  const status = made.coordinator.status();
  assert.equal(status.canSign, 'degraded');
  assert.deepEqual(status.with, ['node-1', 'node-3']);
  assert.deepEqual(status.keys.first[0]?.with, ['node-1', 'node-3']);
  const [without] = status.keys.first[0].without;
  assert.equal(without?.node, 'node-2');
  assert.ok((status.until ?? 0) > made.cluster.clock.now());
  assert.ok(status.next !== null && status.next.at >= made.cluster.clock.now());
  const down = status.nodes.find(({ name }) => name === 'node-2');
  assert.equal(down?.state, 'down');
  assert.equal(down.code, 'coordinator/node-unreachable');
  await made.restore('node-2');
  await made.coordinator.nodes.refresh();
  assert.equal(made.coordinator.status().canSign, 'yes');
});

test('given a node with a wrong share, when it takes part, then it is named and the others sign', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  const liar = 'node-2';
  const found = await made.cluster.node(liar).node.keystore().open(key);
  assert.ok(found.kind === 'active');
  const { secret } = found.share;
  secret[0] = (secret[0] ?? 0) ^ 1;
  // Which nodes are asked first depends on how fast they answered: another one is put last, so the liar is asked.
  made.coordinator.nodes.blame('node-1');
  let named = 0;
  for (let i = 0; i < 6; i += 1) {
    const answer = await made.coordinator.sign(made.cluster.sign({ key }));
    assertSigned(made, answer);
    assert.ok(answer.participants?.includes(liar) === false);
    for (const failure of answer.failed ?? []) {
      named += 1;
      assert.equal(failure.node, liar);
      assert.equal(failure.step, 'aggregate');
      assert.equal(failure.code, 'coordinator/node-cheated');
    }
  }
  assert.ok(named > 0);
  assert.match(
    made.coordinator.metricsText(),
    /symbolon_sessions_total\{action="sign",outcome="failed",node="node-2"\}/,
  );
});

test('given a node with another image, then it takes part in nothing and the status shows the differing measurement', async (t) => {
  const made = await rig(t, {
    programOf: (name) => new Uint8Array(32).fill(name === 'node-3' ? 0x66 : 0x11),
  });
  const view = made.coordinator.nodes.view('node-3');
  assert.equal(view?.state, 'refused');
  assert.equal(view.reason?.code, 'evidence/measurement-mismatch');
  assert.match(view.reason.sentence, /[0-9a-f]{96}/);
  await assert.rejects(made.coordinator.createKey(made.cluster.create()), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/not-enough-nodes'));
    assert.match(error.facts.refused.join(), /node-3.*measurement/);
    return true;
  });
});

test('the same request again gets the same answer, and nothing is signed twice', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  const request = made.cluster.sign({ key });
  const [first, joined] = await Promise.all([made.coordinator.sign(request), made.coordinator.sign(request)]);
  assert.deepEqual(joined, first);
  assert.deepEqual(await made.coordinator.sign(request), first);
  assert.deepEqual(await made.coordinator.signature(first.id), first);
  const id = fromHex(first.id) ?? new Uint8Array();
  const other = { kind: 'message', message: Uint8Array.of(9) } as const;
  await assert.rejects(
    made.coordinator.sign(made.cluster.sign({ key, id, payload: other })),
    (error: unknown) => isSymbolonError(error, 'coordinator/request-conflict'),
  );
});

test('given a request that the nodes have done, when the store is lost, then the refusal of the nodes is the answer', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  const request = made.cluster.sign({ key });
  const { participants = [] } = await made.coordinator.sign(request);
  await made.coordinator.stop();
  const again = await coordinatorOver(t, made.cluster, made.addresses);
  // The key itself comes back from the nodes.
  assert.equal(again.coordinator.keys.get(key).state, 'active');
  const idle = made.cluster.names.find((name) => !participants.includes(name));
  assert.ok(idle !== undefined);
  made.cut(idle);
  await assert.rejects(again.coordinator.sign(request), (error: unknown) => {
    assert.ok(
      isSymbolonError(error, 'coordinator/request-refused') ||
        isSymbolonError(error, 'coordinator/not-enough-nodes'),
    );
    assert.match(error.message, /replayed/);
    return true;
  });
});

test('given a coordinator that ends in the middle, when the next one starts, then it takes the job up', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  const request = made.cluster.sign({ key });
  let stopped: Promise<void> | undefined;
  made.onStep = (step) => {
    if (step === 'round 2') {
      stopped ??= made.coordinator.stop(0);
    }
  };
  const first = made.coordinator.sign(request);
  const outcome = await first.catch((error: unknown) => error);
  await stopped;
  const again = await coordinatorOver(t, made.cluster, made.addresses, { store: made.store });
  const answer = await again.coordinator.sign(request);
  assertSigned(made, answer);
  if (!(outcome instanceof SymbolonError)) {
    assert.deepEqual(answer, outcome);
  }
});

test('given an activation that could not be delivered, when coordinator and node are back, then the key becomes active', async (t) => {
  const made = await rig(t, { limits: { createMs: 1_500 } });
  made.onStep = (step) => {
    if (step === 'round 4') {
      setTimeout(() => {
        made.cut('node-3');
      }, 0);
    }
  };
  // The node may go before or after it stored its share: a ceremony that failed is asked for again.
  const request = made.cluster.create();
  const first = await made.coordinator.createKey(request).catch((error: unknown) => error);
  await made.coordinator.stop();
  made.onStep = undefined;
  await made.restore('node-3');
  const again = await coordinatorOver(t, made.cluster, made.addresses, { store: made.store });
  if (!(first instanceof Error)) {
    const { key } = first as { key: { id: string; state: string } };
    assert.equal(key.state, 'pending');
    for (let i = 0; i < 50 && again.coordinator.keys.get(key.id).state !== 'active'; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(again.coordinator.keys.get(key.id).state, 'active');
  } else {
    const { key } = await again.coordinator.createKey(made.cluster.create());
    assert.equal(key?.state, 'active');
  }
});

test('sixteen signatures at once', async (t) => {
  // All nodes share this process: a step takes as long as the machine is busy, and it is not deadlines that are tried.
  const made = await rig(t, { limits: { stepMs: 30_000, signMs: 60_000 } });
  const key = await withKey(made);
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => made.coordinator.sign(made.cluster.sign({ key }))),
  );
  for (const answer of answers) {
    assertSigned(made, answer);
  }
});

test('given a coordinator that ends before its store took the signature, when the next one starts, then the nodes sign again', async (t) => {
  const kept = memoryStore();
  let take: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    take = resolve;
  });
  let reached: (() => void) | undefined;
  const atEnd = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const hanging: Store = {
    ...kept,
    finishJob: async (...given) => {
      if (given[1] === 'done' && (await kept.job(given[0]))?.kind === 'sign') {
        reached?.();
        await gate;
        throw new SymbolonError('coordinator/store-broken', { reason: 'killed' });
      }
      return kept.finishJob(...given);
    },
  };
  const made = await rig(t, { store: hanging });
  const key = await withKey(made);
  const request = made.cluster.sign({ key });
  const first = made.coordinator.sign(request).catch((error: unknown) => error);
  await atEnd;
  // Time enough for a node that was told too early.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const again = await coordinatorOver(t, made.cluster, made.addresses, { store: kept });
  assertSigned(made, await again.coordinator.sign(request));
  take?.();
  assert.ok((await first) instanceof SymbolonError);
});

test('given a coordinator that ends right after it stored a new key, when the next one starts, then no second key is made', async (t) => {
  const kept = memoryStore();
  const dying: Store = {
    ...kept,
    finishJob: () => Promise.reject(new SymbolonError('coordinator/store-broken', { reason: 'killed' })),
  };
  const made = await rig(t, { store: dying });
  const request = made.cluster.create();
  await assert.rejects(made.coordinator.createKey(request), (error: unknown) =>
    isSymbolonError(error, 'coordinator/store-broken'),
  );
  await made.coordinator.stop();
  const again = await coordinatorOver(t, made.cluster, made.addresses, { store: kept });
  const { key } = await again.coordinator.createKey(request);
  assert.equal(key?.state, 'active');
  assert.deepEqual(
    (await kept.keys()).map(({ id }) => id),
    [key.id],
  );
});

test('T35: given a node whose first look does not end, then the coordinator starts without it', async (t) => {
  const made = await rig(t, { limits: { callMs: 500 }, start: false });
  await made.coordinator.load();
  const { nodes } = made.coordinator;
  const start = nodes.start.bind(nodes);
  nodes.start = async () => {
    await start();
    await new Promise(() => undefined);
  };
  const started = performance.now();
  await made.coordinator.start();
  assert.ok(performance.now() - started < 1_500);
  assert.equal(nodes.whyNotReady('node-1'), undefined);
});

test('T35: given a node that fails a session, then the next requests are signed by the others at once', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  // One of the two that are asked first.
  const [liar = ''] = (await made.coordinator.sign(made.cluster.sign({ key }))).participants ?? [];
  const found = await made.cluster.node(liar).node.keystore().open(key);
  assert.ok(found.kind === 'active');
  const { secret } = found.share;
  secret[0] = (secret[0] ?? 0) ^ 1;
  let failed = 0;
  for (let i = 0; i < 8; i += 1) {
    failed += (await made.coordinator.sign(made.cluster.sign({ key }))).failed?.length ?? 0;
  }
  assert.ok(failed <= 1, `${failed} sessions failed`);
});

test('T43: given a session that fails while evidence is collected, then no node holds it any longer', async (t) => {
  const made = await rig(t);
  const key = await withKey(made);
  let gone = '';
  made.onStep = (step, participants) => {
    if (step === 'attest' && gone === '') {
      gone = participants[0] ?? '';
      made.cut(gone);
    }
  };
  await made.coordinator.sign(made.cluster.sign({ key }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = made.cluster.names.filter((name) => name !== gone);
  for (const name of held) {
    assert.equal(made.cluster.node(name).node.sessionCounts().open, 0, name);
  }
});
