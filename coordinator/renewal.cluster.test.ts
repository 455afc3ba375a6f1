/** Refresh and reshare over three real nodes: what stays, who signs meanwhile, and what is left after failures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSymbolonError } from '../wire/errors/index.ts';
import { fromHex, type Scheme } from '../wire/ids.ts';
import { publicKeyOf, verifySignature } from '../threshold/index.ts';
import type { Coordinator } from './coordinator.ts';
import { coordinatorOver, rig, type Rig } from './testing/cluster.ts';
import { assertEcdsa, pairing, patient, signRequest, until } from './testing/ecdsa.ts';
import { memoryStore } from './testing/memoryStore.ts';

const all = ['node-1', 'node-2', 'node-3'];

async function withKey(made: Rig, change: Parameters<Rig['cluster']['create']>[0] = {}): Promise<string> {
  const { key } = await made.coordinator.createKey(made.cluster.create(change));
  assert.ok(key?.state === 'active');
  return key.id;
}
const refreshRequest = (made: Rig, key: string, generation = 1): Uint8Array =>
  made.cluster.ask({ action: 'key.refresh', key, purpose: 'treasury', generation });
const reshareRequest = (
  made: Rig,
  key: string,
  change: { readonly dealers: string[]; readonly nodes: string[]; readonly threshold?: number },
): Uint8Array => {
  const { generation, public: raw, label } = made.coordinator.keys.get(key);
  return made.cluster.ask({
    action: 'key.reshare',
    key,
    purpose: 'treasury',
    label,
    generation,
    public: raw,
    threshold: 2,
    ...change,
  });
};
const body = (made: Rig, key: string, coordinator: Coordinator = made.coordinator) =>
  coordinator.keyBody(coordinator.keys.get(key));
/** Generation that each node has active. */
const generations = (coordinator: Coordinator, key: string): (number | undefined)[] =>
  all.map((name) => {
    const info = coordinator.nodes.view(name)?.keys.get(key);
    return info?.state === 'active' ? info.generation : undefined;
  });

/** Has every set of two sign that may. */
async function assertSigns(
  made: Rig,
  key: string,
  coordinator: Coordinator = made.coordinator,
): Promise<readonly string[]> {
  const { scheme, decoded } = coordinator.keys.get(key);
  if (scheme === 'dkls23-secp256k1') {
    const answer = await coordinator.sign(signRequest(made, key));
    assertEcdsa(made, answer);
    return answer.participants ?? [];
  }
  const answer = await coordinator.sign(made.cluster.sign({ key }));
  const signature = fromHex(answer.signature ?? '') ?? new Uint8Array();
  assert.ok(verifySignature(scheme, publicKeyOf(decoded, 'none'), Uint8Array.of(1, 2, 3), signature));
  return answer.participants ?? [];
}

for (const scheme of ['frost-ed25519', 'dkls23-secp256k1'] as const satisfies readonly Scheme[]) {
  test(`T41: given a ${scheme} key, when it is refreshed, then key, id and addresses stay and all nodes have new shares`, async (t) => {
    const made = await rig(t, { manifest: pairing, limits: patient, presign: { perKey: 1 } });
    const key = await withKey(made, { scheme });
    await assertSigns(made, key);
    const before = body(made, key);
    const request = refreshRequest(made, key);
    const done = await made.coordinator.renewKey('key.refresh', key, request);
    const { public: raw, generation, ...rest } = body(made, key);
    const { public: rawBefore, generation: one, ...restBefore } = before;
    assert.deepEqual(rest, restBefore);
    assert.deepEqual([one, generation], [1, 2]);
    assert.notEqual(raw, rawBefore);
    assert.deepEqual(done.key, body(made, key));
    assert.deepEqual(generations(made.coordinator, key), [2, 2, 2]);
    assert.deepEqual(await made.store.renewals(), []);
    await assertSigns(made, key);
    // The same request again is the same answer, and no third generation.
    assert.deepEqual(await made.coordinator.renewKey('key.refresh', key, request), done);
    await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key, 2));
    assert.equal(body(made, key).generation, 3);
    await assertSigns(made, key);
  });

  test(`given a ${scheme} key, when it is reshared, then the new holders sign, a dealer that leaves has nothing, and the address stays`, async (t) => {
    const made = await rig(t, { manifest: pairing, limits: patient, presign: { perKey: 1 } });
    const key = await withKey(made, { scheme, nodes: ['node-1', 'node-2'] });
    await assertSigns(made, key);
    const { address } = body(made, key);
    const done = await made.coordinator.renewKey(
      'key.reshare',
      key,
      reshareRequest(made, key, { dealers: ['node-1', 'node-2'], nodes: ['node-2', 'node-3'] }),
    );
    assert.deepEqual(done.key?.nodes, ['node-2', 'node-3']);
    assert.equal(done.key.address, address);
    assert.deepEqual(done.key.waitingFor, []);
    assert.deepEqual(generations(made.coordinator, key), [undefined, 2, 2]);
    assert.deepEqual(await assertSigns(made, key), ['node-2', 'node-3']);
    // And to all three, of whom any two sign.
    await made.coordinator.renewKey(
      'key.reshare',
      key,
      reshareRequest(made, key, { dealers: ['node-2', 'node-3'], nodes: all }),
    );
    assert.deepEqual(generations(made.coordinator, key), [3, 3, 3]);
    made.cut('node-2');
    assert.deepEqual(await assertSigns(made, key), ['node-1', 'node-3']);
  });
}

test('given a holder that left without taking part, when the key is reshared to it again, then it signs with its new share', async (t) => {
  const made = await rig(t, { limits: patient });
  const key = await withKey(made);
  const two = ['node-1', 'node-2'];
  await made.coordinator.renewKey(
    'key.reshare',
    key,
    reshareRequest(made, key, { dealers: two, nodes: two }),
  );
  // It has its old share still, which is of no use.
  assert.deepEqual(generations(made.coordinator, key), [2, 2, 1]);
  assert.deepEqual(await assertSigns(made, key), two);
  await made.coordinator.renewKey(
    'key.reshare',
    key,
    reshareRequest(made, key, { dealers: two, nodes: all }),
  );
  assert.deepEqual(generations(made.coordinator, key), [3, 3, 3]);
  made.cut('node-1');
  assert.deepEqual(await assertSigns(made, key), ['node-2', 'node-3']);
});

test('T12: given a refresh, then presignatures of the old shares are gone and new ones are made', async (t) => {
  const made = await rig(t, { manifest: pairing, limits: patient, presign: { perKey: 1 } });
  const key = await withKey(made, { scheme: 'dkls23-secp256k1' });
  await assertSigns(made, key);
  const count = (): number => made.coordinator.status().keys.first[0]?.presignatures[0]?.count ?? 0;
  await until('presigned', () => count() === 1);
  await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key));
  await until('presigned again', () => count() === 1);
  const answer = await made.coordinator.sign(signRequest(made, key));
  assertEcdsa(made, answer);
  assert.deepEqual([answer.presigned, answer.failed], [true, []]);
});

for (const step of ['open', 'attest', 'round 1', 'round 2', 'round 3']) {
  test(`T21: given a node that is gone in step "${step}" of a refresh, then the old shares sign, and the same request does it later`, async (t) => {
    const made = await rig(t, { limits: patient });
    const key = await withKey(made);
    let gone = false;
    made.onStep = (now) => {
      if (now === step && !gone) {
        gone = true;
        made.cut('node-3');
      }
    };
    const request = refreshRequest(made, key);
    await assert.rejects(made.coordinator.renewKey('key.refresh', key, request), (error: unknown) => {
      assert.ok(isSymbolonError(error, 'coordinator/ceremony-failed'));
      assert.deepEqual([error.facts.node, error.facts.step], ['node-3', step]);
      return true;
    });
    await assertSigns(made, key);
    assert.equal(body(made, key).generation, 1);
    await made.restore('node-3');
    await made.coordinator.nodes.refresh();
    await made.coordinator.renewKey('key.refresh', key, request);
    assert.deepEqual(generations(made.coordinator, key), [2, 2, 2]);
    await assertSigns(made, key);
  });
}

test('T20: given a node that is gone before the confirmations come, then the others sign with the new shares, and it gets them when it is back', async (t) => {
  const made = await rig(t, { limits: { ...patient, createMs: 1_500 } });
  const key = await withKey(made);
  // The node has stored its share and is cut off before anything more is said to it.
  const client = made.coordinator.nodes.client('node-3');
  const activate = client.activate.bind(client);
  client.activate = (...given) => {
    made.cut('node-3');
    return activate(...given);
  };
  const done = await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key));
  assert.deepEqual(done.key?.waitingFor, ['node-3']);
  assert.deepEqual([done.key.generation, done.key.next?.generation], [2, 2]);
  assert.deepEqual(await assertSigns(made, key), ['node-1', 'node-2']);
  await assert.rejects(
    made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key, 2)),
    (error: unknown) => {
      assert.ok(isSymbolonError(error, 'coordinator/key-changing'));
      assert.deepEqual(error.facts.waiting, ['node-3']);
      return true;
    },
  );
  client.activate = activate;
  await made.restore('node-3');
  await until('delivered', () => made.coordinator.status().keys.first[0]?.next === null);
  await made.coordinator.nodes.refresh();
  assert.deepEqual(generations(made.coordinator, key), [2, 2, 2]);
});

test('given signatures all the while, when a key is refreshed twice, then every one of them is made', async (t) => {
  const made = await rig(t, { limits: patient });
  const key = await withKey(made);
  let refreshing = true;
  const signing = Array.from({ length: 3 }, async () => {
    let signed = 0;
    while (refreshing) {
      await assertSigns(made, key);
      signed += 1;
    }
    return signed;
  });
  await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key, 1));
  await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key, 2));
  refreshing = false;
  assert.ok((await Promise.all(signing)).every((signed) => signed > 0));
  assert.deepEqual(generations(made.coordinator, key), [3, 3, 3]);
});

test('given a coordinator that ends right after it stored a renewal, when the next one starts, then it delivers it and makes no other', async (t) => {
  const made = await rig(t, { limits: patient });
  const key = await withKey(made);
  for (const name of all) {
    made.coordinator.nodes.client(name).activate = () => new Promise(() => undefined);
  }
  const request = refreshRequest(made, key);
  void made.coordinator.renewKey('key.refresh', key, request).catch(() => undefined);
  for (const end = performance.now() + 20_000; (await made.store.renewals()).length === 0;) {
    assert.ok(performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const again = await coordinatorOver(t, made.cluster, made.addresses, {
    store: made.store,
    limits: patient,
  });
  await until('delivered', () => body(made, key, again.coordinator).next === null);
  assert.deepEqual(generations(again.coordinator, key), [2, 2, 2]);
  const { key: same } = await again.coordinator.renewKey('key.refresh', key, request);
  assert.equal(same?.generation, 2);
  await assertSigns(made, key, again.coordinator);
});

for (const kind of ['another coordinator with an empty store', 'one with the store of before'] as const) {
  test(`given confirmations that only one node has, when ${kind} comes, then the rest get them from that node`, async (t) => {
    const made = await rig(t, { limits: patient });
    const key = await withKey(made);
    const before = memoryStore();
    for (const stored of await made.store.keys()) {
      await before.addKeys([stored]);
    }
    for (const name of ['node-2', 'node-3']) {
      made.coordinator.nodes.client(name).activate = () => new Promise(() => undefined);
    }
    void made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key)).catch(() => undefined);
    await until('one node has it', () => generations(made.coordinator, key)[0] === 2);
    // Those that have the old shares still sign, and it is said why the first one does not.
    const [now] = made.coordinator.status().keys.first;
    assert.deepEqual([now?.generation, now?.next, now?.canSign], [1, 2, true]);
    assert.deepEqual(
      now?.without.map(({ node, code }) => [node, code]),
      [['node-1', 'session/wrong-generation']],
    );
    assert.deepEqual(await assertSigns(made, key), ['node-2', 'node-3']);
    const store = kind === 'one with the store of before' ? before : memoryStore();
    const again = await coordinatorOver(t, made.cluster, made.addresses, { store, limits: patient });
    await until('mended', () => generations(again.coordinator, key).every((one) => one === 2));
    await until('known', () => again.coordinator.keys.find(key)?.generation === 2);
    await assertSigns(made, key, again.coordinator);
    assert.equal((await store.keys())[0]?.generation, 2);
    assert.ok(again.lines.some(({ event }) => event === 'mended'));
  });
}

test('given a coordinator that does not know of a refresh yet, when it signs, then nodes that are ahead are not at fault', async (t) => {
  const made = await rig(t, { limits: patient });
  const key = await withKey(made);
  const blind = await coordinatorOver(t, made.cluster, made.addresses, {
    limits: { ...patient, polling: { pollMs: 600_000, backOffMs: [50, 200] } },
  });
  assert.equal(blind.coordinator.keys.get(key).generation, 1);
  await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key));
  assert.deepEqual(generations(blind.coordinator, key), [1, 1, 1]);
  await assertSigns(made, key, blind.coordinator);
  assert.equal(blind.coordinator.keys.get(key).generation, 2);
  assert.ok(all.every((name) => !blind.coordinator.nodes.isBlamed(name)));
});

test('given a dealer that leaves and is gone for ever, then the new holders sign, and the key can be renewed again', async (t) => {
  const made = await rig(t, { limits: { ...patient, createMs: 2_500 } });
  const key = await withKey(made, { nodes: ['node-1', 'node-2'] });
  made.coordinator.nodes.client('node-1').activate = () => {
    made.cut('node-1');
    return new Promise(() => undefined);
  };
  const done = await made.coordinator.renewKey(
    'key.reshare',
    key,
    reshareRequest(made, key, { dealers: ['node-1', 'node-2'], nodes: ['node-2', 'node-3'] }),
  );
  assert.deepEqual([done.key?.generation, done.key?.waitingFor], [2, ['node-1']]);
  assert.deepEqual(await assertSigns(made, key), ['node-2', 'node-3']);
  await until('down', () => made.coordinator.nodes.whyNotReady('node-1') !== undefined);
  const next = await made.coordinator.renewKey('key.refresh', key, refreshRequest(made, key, 2));
  assert.deepEqual([next.key?.generation, next.key?.waitingFor], [3, []]);
  assert.ok(made.lines.some(({ event }) => event === 'departed-not-told'));
});

test('renewals that do not fit are refused by name, and nothing changes', async (t) => {
  const made = await rig(t, { limits: patient });
  const key = await withKey(made);
  const other = await withKey(made, { label: 'other' });
  const refused = async (work: Promise<unknown>, code: string): Promise<void> => {
    await assert.rejects(work, (error: unknown) => {
      assert.ok(isSymbolonError(error));
      assert.equal(error.code, code, error.message);
      return true;
    });
  };
  const { coordinator } = made;
  const renew = (request: Uint8Array, id = key, action: 'key.refresh' | 'key.reshare' = 'key.refresh') =>
    coordinator.renewKey(action, id, request);
  await refused(renew(refreshRequest(made, key, 2)), 'session/wrong-generation');
  await refused(renew(refreshRequest(made, other), key), 'coordinator/request-wrong');
  await refused(renew(made.cluster.sign({ key })), 'coordinator/request-wrong');
  await refused(renew(refreshRequest(made, '0'.repeat(32)), '0'.repeat(32)), 'coordinator/unknown-key');
  const one = reshareRequest(made, key, { dealers: all, nodes: all });
  await refused(renew(one, key, 'key.reshare'), 'coordinator/request-wrong');
  const purpose = made.cluster.ask({ action: 'key.refresh', key, purpose: 'cold', generation: 1 });
  await refused(renew(purpose), 'request/wrong-purpose');
  // Two at once: one of them is told to wait.
  const both = await Promise.allSettled([1, 2].map(() => renew(refreshRequest(made, key))));
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.deepEqual(generations(coordinator, key), [2, 2, 2]);
  assert.deepEqual(generations(coordinator, other), [1, 1, 1]);
  await assertSigns(made, key);
});
