/** ECDSA over real nodes in one process: pairings, signatures, presignatures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveKey, digestOf, verifyEcdsa } from '../../threshold/index.ts';
import { ecdsaPayload, ecdsaScene, two } from '../testing/ecdsaScene.ts';
import { presign, presignaturesOf, publicOf, signWith } from '../testing/relay.ts';
import { refusal } from '../testing/refusal.ts';

const message = Uint8Array.of(4, 5, 6);

for (const scheme of ['dkls23-secp256k1', 'dkls23-p256'] as const) {
  test(`T14: given a ${scheme} key and messages of every kind, when two nodes sign at a path, then it is over the digest that they made`, async (t) => {
    const { cluster, key } = await ecdsaScene(t, { scheme });
    const digest = digestOf('sha256', Uint8Array.of(7));
    for (const [nodes, path, payload, signed] of [
      [two, [], { kind: 'ecdsa-keccak256', message }, digestOf('keccak256', message)],
      [['node-1', 'node-3'], [0, 5], { kind: 'ecdsa-sha256', message }, digestOf('sha256', message)],
      [['node-2', 'node-3'], [44], { kind: 'ecdsa-digest', digest }, digest],
    ] as const) {
      const asked = path.length === 0 ? {} : { path: [...path] };
      const signature = await signWith(cluster, cluster.sign({ key, payload, ...asked }), nodes);
      const { publicKey } = deriveKey(await publicOf(cluster, 'node-3', key), path);
      assert.ok(verifyEcdsa(scheme, publicKey, signed, signature), nodes.join(' and '));
    }
  });
}

test('T12, T13: given a presignature, when it signs, then it signs once, in one round, for any message and path', async (t) => {
  const { cluster, key } = await ecdsaScene(t);
  const id = await presign(cluster, key, two);
  for (const node of two) {
    assert.deepEqual(await presignaturesOf(cluster, node, key, two), [id]);
  }
  const taps = { presignature: () => id };
  const request = cluster.sign({ key, payload: ecdsaPayload, path: [7] });
  assert.equal((await signWith(cluster, request, two, taps)).length, 64);
  for (const node of two) {
    assert.deepEqual(await presignaturesOf(cluster, node, key, two), []);
  }
  await assert.rejects(
    signWith(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, taps),
    refusal('presignature/absent'),
  );
});
