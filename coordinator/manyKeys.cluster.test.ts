/** Many keys over three real nodes: what is known when, what is asked for, and nodes that lack what the store has. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sampleCluster, sampleKey, withPurpose, type SampleKey } from '../daemon/testing/sampleKey.ts';
import { fileOf } from '../daemon/keystore/records.ts';
import { encodeKeyPublic, verifySignature } from '../threshold/index.ts';
import { fromHex } from '../wire/ids.ts';
import { maxKeyPage, type KeyList } from '../wire/messages/node.ts';
import type { Coordinator } from './coordinator.ts';
import type { Store, StoredKey } from './store/store.ts';
import { coordinatorOver, rig, type Rig } from './testing/cluster.ts';
import { until } from './testing/ecdsa.ts';
import { memoryStore } from './testing/memoryStore.ts';

const first = sampleKey();
/** Two pages and a bit. */
const keys = Array.from({ length: 2 * maxKeyPage + 3 }, (_, i) =>
  i === 0 ? first : withPurpose(first, `many/${i}`),
);
const [one, two] = keys;
assert.ok(one && two);
const some = keys.slice(0, 20);
const quiet = { polling: { pollMs: 600_000, backOffMs: [50, 200] as const } };

/** Nodes without a coordinator, each with these keys. */
async function nodesWith(
  t: Parameters<typeof rig>[0],
  all: readonly SampleKey[],
  has: (node: string, key: SampleKey) => boolean = () => true,
): Promise<Rig> {
  const made = await rig(t, {
    start: false,
    manifest: (manifest) => ({ ...manifest, cluster: sampleCluster }),
  });
  for (const [i, name] of made.cluster.names.entries()) {
    const store = made.cluster.node(name).node.keystore();
    for (const key of all.filter((any) => has(name, any))) {
      await store.putPending(key.pending(i));
      await store.activate(key.id, key.confirmations());
    }
  }
  return made;
}

const storedOf = ({ id, shares, holders, pending }: SampleKey): StoredKey => {
  const { purpose, label } = pending(0);
  const [share] = shares;
  assert.ok(share !== undefined);
  const { scheme, threshold, generation } = share.public;
  const nodes = holders.map(({ name }) => name);
  return {
    ...{ id, scheme, purpose, label, threshold, nodes, generation },
    ...{ createdAt: 1, public: encodeKeyPublic(share.public), state: 'active' },
  };
};
async function storeWith(known: readonly SampleKey[]): Promise<Store> {
  const store = memoryStore();
  await store.addKeys(known.map(storedOf));
  return store;
}
async function assertSigns(made: Rig, coordinator: Coordinator, key: SampleKey): Promise<readonly string[]> {
  const answer = await coordinator.sign(made.cluster.sign({ key: key.id }));
  const { groupPublicKey } = coordinator.keys.get(key.id).decoded;
  const signature = fromHex(answer.signature ?? '') ?? new Uint8Array();
  assert.ok(verifySignature('frost-ed25519', groupPublicKey, Uint8Array.of(1, 2, 3), signature));
  return answer.failed?.map(({ node, code }) => `${node} ${code}`) ?? [];
}
const isRead = (coordinator: Coordinator): boolean =>
  coordinator.status().nodes.every(({ keysRead }) => keysRead);

test('given a lost store and nodes with many keys, then all are taken over in the background, and each page has its own', async (t) => {
  const made = await nodesWith(t, keys);
  const store = memoryStore();
  const { coordinator } = await coordinatorOver(t, made.cluster, made.addresses, { store });
  await until('all known', () => coordinator.keys.size === keys.length && isRead(coordinator));
  const { total, active, canSign } = coordinator.status().keys;
  assert.deepEqual([total, active, canSign], [keys.length, keys.length, keys.length]);
  assert.equal(coordinator.health().canSign, 'yes');
  assert.equal((await store.keys()).length, keys.length);
  const seen: string[] = [];
  for (let after: string | null = ''; after !== null;) {
    const page = coordinator.keyPage(after, 50);
    seen.push(...page.keys.map(({ id }) => id));
    after = page.next;
  }
  assert.deepEqual(seen, keys.map(({ id }) => id).sort());
  await assertSigns(made, coordinator, one);
});

test('given nodes that do not tell their keys, when a coordinator starts with its store, then it signs at once', async (t) => {
  const made = await nodesWith(t, some);
  const { coordinator } = await coordinatorOver(t, made.cluster, made.addresses, {
    store: await storeWith(some),
    start: false,
  });
  for (const name of made.cluster.names) {
    coordinator.nodes.client(name).keysSince = () => new Promise(() => undefined);
  }
  await coordinator.load();
  await coordinator.start();
  assert.equal(isRead(coordinator), false);
  assert.deepEqual(await assertSigns(made, coordinator, one), []);
  assert.equal(coordinator.status().keys.canSign, some.length);
});

test('given a node that lacks a key that the store has, then it is named, the others sign, and it is not asked again', async (t) => {
  const made = await nodesWith(t, some, (node, key) => node !== 'node-1' || key !== one);
  const { coordinator } = await coordinatorOver(t, made.cluster, made.addresses, {
    store: await storeWith(some),
    limits: quiet,
    start: false,
  });
  for (const name of made.cluster.names) {
    coordinator.nodes.client(name).keysSince = () => new Promise(() => undefined);
  }
  await coordinator.load();
  await coordinator.start();
  coordinator.nodes.blame('node-3');
  assert.deepEqual(await assertSigns(made, coordinator, one), ['node-1 session/unknown-key']);
  coordinator.nodes.blame('node-3');
  assert.deepEqual(await assertSigns(made, coordinator, one), []);
  const [shown] = coordinator.status().keys.first;
  assert.deepEqual(
    [shown?.id, shown?.canSign, shown?.without.map(({ node, code }) => `${node} ${code}`)],
    [one.id, true, ['node-1 coordinator/node-lacks-key']],
  );
  assert.equal(coordinator.health().canSign, 'degraded');
  // Of another key nothing was said.
  assert.equal(coordinator.nodes.whyNot('node-1', coordinator.keys.get(two.id)), undefined);
});

test('given a node that was restarted with fewer keys, then it is named for those that it lost, and for no other', async (t) => {
  const made = await nodesWith(t, some);
  const { coordinator } = await coordinatorOver(t, made.cluster, made.addresses, {
    store: await storeWith(some),
  });
  await until('lists read', () => isRead(coordinator));
  made.cut('node-2');
  const { folder } = made.cluster.node('node-2').config.store;
  for (const part of ['record', 'proof'] as const) {
    await rm(join(folder, 'keys', fileOf(one.place(), part)));
  }
  await made.restore('node-2');
  const why = () => coordinator.nodes.whyNot('node-2', coordinator.keys.get(one.id))?.code;
  await until('named', () => why() === 'coordinator/node-lacks-key');
  await until('read again', () => isRead(coordinator));
  const whole = coordinator.status();
  assert.deepEqual([whole.canSign, whole.keys.canSign], ['degraded', some.length]);
  const without = whole.keys.first.flatMap((key) =>
    key.without.map(({ node, code }) => `${key.id} ${node} ${code}`),
  );
  assert.deepEqual(without, [`${one.id} node-2 coordinator/node-lacks-key`]);
  coordinator.nodes.blame('node-3');
  assert.deepEqual(await assertSigns(made, coordinator, one), []);
});

test('given many keys, when one more is made, then its three entries are read and no list', async (t) => {
  const made = await nodesWith(t, some);
  const { coordinator } = await coordinatorOver(t, made.cluster, made.addresses, {
    store: await storeWith(some),
  });
  await until('lists read', () => isRead(coordinator));
  let read = 0;
  const counted = async (answer: Promise<KeyList>): Promise<KeyList> => {
    const { changes } = await answer;
    read += changes.length;
    return answer;
  };
  for (const name of made.cluster.names) {
    const client = coordinator.nodes.client(name);
    const since = client.keysSince.bind(client);
    const named = client.keysNamed.bind(client);
    client.keysSince = (number) => counted(since(number));
    client.keysNamed = (ids) => counted(named(ids));
  }
  const { key } = await coordinator.createKey(made.cluster.create({ label: 'one more' }));
  assert.equal(key?.state, 'active');
  // Three nodes, asked when it was stored and when it is active; a look meanwhile reads the same as a change.
  assert.ok(read >= 6 && read <= 12, `${read} entries were read`);
  await coordinator.sign(made.cluster.sign({ key: key.id }));
});
