/** ECDSA over three real nodes: pairings that make themselves, signatures with and without presignatures, and failures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { deriveKey, digestOf } from '../threshold/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { fromHex, toHex } from '../wire/ids.ts';
import { coordinatorOver, rig, type Rig, type RigOptions } from './testing/cluster.ts';
import {
  assertEcdsa,
  cheating,
  ecdsaKey,
  message,
  pairing,
  patient,
  signRequest,
  until,
} from './testing/ecdsa.ts';

const bytes = (text: string | undefined): Uint8Array => fromHex(text ?? '') ?? new Uint8Array();
const statesOf = (made: Rig): string[] => made.coordinator.pairings().map(({ state }) => state);
const isPaired = (made: Rig): boolean => statesOf(made).every((state) => state === 'ready');
const ready = (made: Rig, key: string): number =>
  made.coordinator
    .status()
    .keys.first.filter(({ id }) => id === key)
    .flatMap(({ presignatures }) => presignatures)
    .reduce((sum, { count }) => sum + count, 0);

/** A cluster that is paired, with an ECDSA key. */
async function paired(
  t: Parameters<typeof rig>[0],
  options: RigOptions = {},
): Promise<{ readonly made: Rig; readonly key: string }> {
  const made = await rig(t, {
    manifest: pairing,
    limits: patient,
    presign: { perKey: 0 },
    ...options,
  });
  await until('paired', () => isPaired(made));
  return { made, key: await ecdsaKey(made) };
}

test('given new nodes, when they are up, then they are paired in one session and an ECDSA key signs in three rounds', async (t) => {
  const { made, key } = await paired(t);
  assert.deepEqual(
    made.lines.filter(({ event }) => event === 'paired').map(({ facts }) => facts['nodes']),
    [made.cluster.names],
  );
  const answer = await made.coordinator.sign(signRequest(made, key));
  assertEcdsa(made, answer);
  assert.deepEqual(
    answer.rounds?.map(({ step }) => step),
    ['open', 'attest', 'round 1', 'round 2', 'round 3', 'aggregate'],
  );
  assert.deepEqual([answer.presigned, answer.path], [false, 'm']);
  // The recovery id leads back to the key.
  const { publicKey } = made.coordinator.keyBody(made.coordinator.keys.get(key));
  const recovered = secp256k1.Signature.fromBytes(bytes(answer.signature), 'compact')
    .addRecoveryBit(answer.recovery ?? -1)
    .recoverPublicKey(digestOf('keccak256', message));
  assert.equal(recovered.toHex(true), publicKey);
  assert.equal(answer.publicKey, publicKey);
});

test('a derived key signs, and its address is of the key that signed', async (t) => {
  const { made, key } = await paired(t);
  const answer = await made.coordinator.sign(signRequest(made, key, [0, 5]));
  assertEcdsa(made, answer);
  assert.equal(answer.path, 'm/0/5');
  const { decoded } = made.coordinator.keys.get(key);
  assert.equal(answer.publicKey, toHex(deriveKey(decoded, [0, 5]).publicKey));
  assert.notEqual(answer.publicKey, toHex(decoded.groupPublicKey));
  for (const chain of ['evm', 'cosmos']) {
    const derived = made.coordinator.address(key, { chain, path: [0, 5] });
    assert.equal(derived.publicKey, answer.publicKey);
    assert.notEqual(derived.address, made.coordinator.address(key, { chain }).address);
  }
});

test('given a key that was used, when nothing else is to be done, then presignatures are made, and the next signature takes one round', async (t) => {
  const { made, key } = await paired(t, { presign: { perKey: 2 } });
  await made.coordinator.sign(signRequest(made, key));
  await until('presigned', () => ready(made, key) === 2);
  const steps: string[] = [];
  made.onStep = (step) => steps.push(step);
  const answers = [
    await made.coordinator.sign(signRequest(made, key)),
    await made.coordinator.sign(signRequest(made, key, [7])),
  ];
  for (const answer of answers) {
    assertEcdsa(made, answer);
    assert.equal(answer.presigned, true);
    assert.deepEqual(answer.failed, []);
    assert.deepEqual(
      answer.rounds?.map(({ step }) => step),
      ['open', 'attest', 'round 1', 'aggregate'],
    );
  }
  await until('filled again', () => ready(made, key) === 2);
  assert.match(made.coordinator.metricsText(), new RegExp(`symbolon_presignatures\\{key="${key}"\\} 2`));
  assert.match(made.coordinator.metricsText(), /symbolon_ecdsa_signatures_total\{presigned="yes"\} 2/);
  await made.coordinator.nodes.refresh();
  const held = made.coordinator.status().nodes.map(({ presignatures }) => presignatures);
  assert.deepEqual(held.sort(), [0, 2, 2]);
});

test('a key that is named in the configuration has presignatures before its first signature; with 0 there are none', async (t) => {
  const { made, key } = await paired(t);
  await made.coordinator.sign(signRequest(made, key));
  await made.coordinator.stop();
  const again = await coordinatorOver(t, made.cluster, made.addresses, {
    store: made.store,
    limits: patient,
    presign: { perKey: 1, keys: [key] },
  });
  const pools = (): number => again.coordinator.status().keys.first[0]?.presignatures[0]?.count ?? 0;
  await until('presigned', () => pools() === 1);
  assert.equal(made.lines.filter(({ event }) => event === 'presigning-failed').length, 0);
  assert.equal(ready(made, key), 0);
});

test('T12: given a node that was started again, then its presignatures are gone and the signature is made without, at once', async (t) => {
  const { made, key } = await paired(t, { presign: { perKey: 1 } });
  await made.coordinator.sign(signRequest(made, key));
  await until('presigned', () => ready(made, key) === 1);
  const [pool] = made.coordinator.status().keys.first[0]?.presignatures ?? [];
  const gone = pool?.nodes[0] ?? '';
  made.cut(gone);
  await made.restore(gone);
  await made.coordinator.nodes.refresh();
  const answer = await made.coordinator.sign(signRequest(made, key));
  assertEcdsa(made, answer);
  assert.deepEqual([answer.presigned, answer.failed], [false, []]);
});

test('given a coordinator that starts again, then it uses the presignatures that the nodes hold', async (t) => {
  const { made, key } = await paired(t, { presign: { perKey: 2 } });
  await made.coordinator.sign(signRequest(made, key));
  await until('presigned', () => ready(made, key) === 2);
  await made.coordinator.stop();
  const again = await coordinatorOver(t, made.cluster, made.addresses, {
    store: made.store,
    limits: patient,
    presign: { perKey: 0 },
  });
  const pools = (): number => again.coordinator.status().keys.first[0]?.presignatures[0]?.count ?? 0;
  await until('read from the nodes', () => pools() === 2);
  const answer = await again.coordinator.sign(signRequest(made, key));
  assert.equal(answer.presigned, true);
});

test('T13: given a presignature that is used up elsewhere, when it is named, then the nodes refuse it and the signature is made without', async (t) => {
  const { made, key } = await paired(t, { presign: { perKey: 1 } });
  await made.coordinator.sign(signRequest(made, key));
  await until('presigned', () => ready(made, key) === 1);
  const other = await coordinatorOver(t, made.cluster, made.addresses, {
    store: made.store,
    limits: patient,
    presign: { perKey: 0 },
  });
  const pools = (): number => other.coordinator.status().keys.first[0]?.presignatures[0]?.count ?? 0;
  await until('read from the nodes', () => pools() === 1);
  assert.equal((await other.coordinator.sign(signRequest(made, key))).presigned, true);
  const blamed: string[] = [];
  made.onStep = () => {
    blamed.push(...made.cluster.names.filter((name) => made.coordinator.nodes.isBlamed(name)));
  };
  const answer = await made.coordinator.sign(signRequest(made, key));
  assertEcdsa(made, answer);
  assert.equal(answer.presigned, false);
  assert.deepEqual(
    answer.failed?.map(({ step, code }) => [step, code]),
    [['open', 'presignature/absent']],
  );
  // It is nobody's fault: none of them is put last for it.
  assert.deepEqual(blamed, []);
});

for (const step of ['open', 'attest', 'round 1', 'round 2', 'round 3']) {
  test(`given a node that is gone in step "${step}", when an ECDSA signature is asked for, then the others make it`, async (t) => {
    const { made, key } = await paired(t);
    let gone = '';
    made.onStep = (now, participants) => {
      if (now === step && gone === '') {
        gone = participants[0] ?? '';
        made.cut(gone);
      }
    };
    const answer = await made.coordinator.sign(signRequest(made, key));
    assertEcdsa(made, answer);
    assert.ok(gone !== '' && answer.participants?.includes(gone) === false);
    assert.deepEqual(
      answer.failed?.map((one) => [one.node, one.step]),
      [[gone, step]],
    );
  });
}

test('given a node that signs with another share, when nobody can tell who lied, then the others sign, and it is not asked again', async (t) => {
  const cheat = cheating();
  const { made, key } = await paired(t, { modules: cheat.modules });
  Object.assign(cheat, { node: 'node-2', left: 99, how: 'share' });
  made.coordinator.nodes.blame('node-1');
  let failed = 0;
  for (let i = 0; i < 4; i += 1) {
    const answer = await made.coordinator.sign(signRequest(made, key));
    assertEcdsa(made, answer);
    assert.deepEqual(answer.participants, ['node-1', 'node-3']);
    for (const failure of answer.failed ?? []) {
      assert.deepEqual([failure.code, failure.node], ['threshold/wrong-key-sum', '']);
      failed += 1;
    }
  }
  assert.ok(failed >= 1 && failed <= 2, `${failed} sessions failed`);
  assert.deepEqual(
    made.cluster.names.map((name) => made.coordinator.nodes.isBlamed(name)),
    [false, true, false],
  );
});

test('T15: given a node that cheats in the multiplication, then the pairing is poisoned, the two are not asked together, it is said, and an order of the operator alone renews it', async (t) => {
  const cheat = cheating();
  const { made, key } = await paired(t, { modules: cheat.modules });
  Object.assign(cheat, { node: 'node-2', left: 1 });
  made.coordinator.nodes.blame('node-3');
  const first = await made.coordinator.sign(signRequest(made, key));
  assertEcdsa(made, first);
  assert.deepEqual(
    first.failed?.map(({ node, accused, step }) => [node, accused, step]),
    [['node-1', 'node-2', 'round 3']],
  );
  await until('shown', () => statesOf(made).includes('poisoned'));
  const shown = made.coordinator.pairings().find(({ state }) => state === 'poisoned');
  assert.deepEqual(shown?.nodes, ['node-1', 'node-2']);
  assert.match(shown.note, /symbolon pair --renew/);
  assert.match(made.coordinator.metricsText(), /symbolon_pairings\{state="poisoned"\} 1/);
  assert.equal(made.coordinator.status().canSign, 'degraded');
  // Also where the third node would be the last to be asked.
  made.coordinator.nodes.blame('node-3');
  const second = await made.coordinator.sign(signRequest(made, key));
  assert.deepEqual(second.failed, []);
  assert.ok(second.participants?.includes('node-3'));
  // Without the third node these two are left, and they are not asked.
  made.cut('node-3');
  await made.coordinator.nodes.refresh();
  assert.equal(made.coordinator.status().canSign, 'no');
  await assert.rejects(made.coordinator.sign(signRequest(made, key)), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/not-enough-nodes'));
    assert.match(error.facts.refused.join(), /node-1 with node-2: their pairing is poisoned/);
    return true;
  });
  assert.ok(!made.lines.some(({ event }) => event === 'pairing-failed'));
  const nodes = ['node-1', 'node-2'];
  await assert.rejects(
    made.coordinator.pair(made.cluster.ask({ action: 'pair', nodes })),
    (error: unknown) => {
      assert.ok(isSymbolonError(error, 'coordinator/ceremony-failed'));
      assert.equal(error.facts.code, 'pairing/poisoned');
      return true;
    },
  );
  const renewed = await made.coordinator.pair(made.cluster.ask({ action: 'pair.renew', nodes }));
  assert.deepEqual(
    renewed.pairings?.map(({ state }) => state),
    ['ready'],
  );
  assertEcdsa(made, await made.coordinator.sign(signRequest(made, key)));
});

test('T15: given a node that cheats while presignatures are made, then others are made without that pair', async (t) => {
  const cheat = cheating();
  const { made, key } = await paired(t, { modules: cheat.modules, presign: { perKey: 1 } });
  // The signature itself goes to two that the cheater is not in.
  made.coordinator.nodes.blame('node-2');
  await made.coordinator.sign(signRequest(made, key));
  Object.assign(cheat, { node: 'node-2', left: 1 });
  made.coordinator.nodes.absolve(['node-2']);
  made.coordinator.nodes.blame('node-3');
  await until('presigned', () => ready(made, key) === 1);
  await until('cheated', () => cheat.left === 0 && statesOf(made).includes('poisoned'));
  const sets = made.coordinator.status().keys.first[0]?.presignatures.map(({ nodes }) => nodes.join(' '));
  assert.ok(!(sets ?? []).includes('node-1 node-2'));
});

test('T25: given a coordinator that may not pair, then nothing is paired, the refusal says why, and an order of the operator pairs', async (t) => {
  const made = await rig(t, { limits: { ...patient, signMs: 4_000 } });
  const key = await ecdsaKey(made);
  assert.equal(made.coordinator.status().pairsItself, false);
  await assert.rejects(made.coordinator.sign(signRequest(made, key)), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/not-enough-nodes'));
    assert.match(error.facts.refused.join(), /node-1 with node-2: they have no pairing yet/);
    return true;
  });
  assert.deepEqual(new Set(statesOf(made)), new Set(['absent']));
  const request = made.cluster.ask({ action: 'pair', nodes: [...made.cluster.names] });
  const done = await made.coordinator.pair(request);
  assert.ok(done.pairings?.every(({ state }) => state === 'ready'));
  assert.deepEqual(await made.coordinator.pair(request), done);
  assertEcdsa(made, await made.coordinator.sign(signRequest(made, key)));
});

test('given a node that comes late, when it is up, then it is paired with each of the others', async (t) => {
  const made = await rig(t, { manifest: pairing, limits: patient, start: false });
  made.cut('node-3');
  await made.coordinator.load();
  await made.coordinator.start();
  await until('two are paired', () => statesOf(made).filter((state) => state === 'ready').length === 1);
  await made.restore('node-3');
  await until('all are paired', () => isPaired(made));
});

test('given a request that comes before the pairings, then it waits for them', async (t) => {
  const made = await rig(t, { manifest: pairing, limits: patient, start: false });
  await made.coordinator.load();
  // What it does by itself begins with its start.
  await made.coordinator.nodes.start();
  const key = await ecdsaKey(made);
  assert.deepEqual(new Set(statesOf(made)), new Set(['absent']));
  const started = made.coordinator.start();
  assertEcdsa(made, await made.coordinator.sign(signRequest(made, key)));
  await started;
});

test('a P-256 key signs, and has no address', async (t) => {
  const { made } = await paired(t);
  const key = await ecdsaKey(made, { scheme: 'dkls23-p256', purpose: 'cold' });
  const answer = await made.coordinator.sign(
    made.cluster.sign({ key, purpose: 'cold', payload: { kind: 'ecdsa-keccak256', message } }),
  );
  assertEcdsa(made, answer);
  assert.equal(made.coordinator.keyBody(made.coordinator.keys.get(key)).address, null);
  assert.throws(
    () => made.coordinator.address(key, {}),
    (error: unknown) => isSymbolonError(error, 'coordinator/no-such-address'),
  );
});
