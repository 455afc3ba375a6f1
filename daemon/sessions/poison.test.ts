/** A peer whose multiplication fails a check: the pairing is poisoned, and everything that used it ends (T15). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecdsaProduct } from '../../threshold/dkls/messages.ts';
import { extensionMessage } from '../../threshold/dkls/multiplicationMessages.ts';
import type { RoundOutput, RunPlan } from '../../threshold/index.ts';
import { nodeFiles } from '../files/atomic.ts';
import { bent, withPairwise, type Cheats } from '../testing/cheatingRunner.ts';
import {
  call,
  carry,
  forNode,
  openAll,
  pairNodes,
  presign,
  presignaturesOf,
  roundBody,
  signWith,
} from '../testing/relay.ts';
import { ecdsaPayload, ecdsaScene, ecdsaSigns, statusOf, two } from '../testing/ecdsaScene.ts';
import { refusal } from '../testing/refusal.ts';

type Bend = (payload: Uint8Array) => Uint8Array;
const inRound =
  (round: number, change: Bend): NonNullable<Cheats['output']> =>
  (plan: RunPlan, at: number, output: RoundOutput) =>
    plan.kind === 'ecdsa-sign' && at === round ? withPairwise(output, 1, change) : output;
const bentProduct: Bend = (raw) => {
  const message = ecdsaProduct.decode(raw);
  return ecdsaProduct.encode({ ...message, product: bent(message.product, -1) });
};
const bentMask: Bend = (raw) => {
  const message = ecdsaProduct.decode(raw);
  return ecdsaProduct.encode({
    ...message,
    psi: message.psi,
    gammaU: message.gammaV,
    gammaV: message.gammaU,
  });
};
const bentExtension: Bend = (raw) => {
  const message = extensionMessage.decode(raw);
  return extensionMessage.encode({ ...message, masked: bent(message.masked, 40) });
};

for (const [what, round, change] of [
  ['OT extension', 1, bentExtension],
  ['multiplication message', 2, bentProduct],
  ['products shown in the exponent', 2, bentMask],
] as const) {
  test(`T15: given a peer whose ${what} fails its check, when it is found, then the pairing is poisoned for good, by one and the same code`, async (t) => {
    const { cluster, key, cheat } = await ecdsaScene(t);
    const kept = await presign(cluster, key, two);
    const untouched = await presign(cluster, key, ['node-1', 'node-3']);
    const bystander = await carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 1);
    cheat({ output: inRound(round, change) });
    const cheated = refusal('round/peer-cheated', {
      peer: 'node-2',
      code: 'threshold/multiplication-failed',
    });
    await assert.rejects(carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 3), cheated);
    cheat(undefined);

    // Everything else of this pairing ended with it, and nothing of other pairings.
    await assert.rejects(
      call(
        cluster,
        'node-1',
        'round',
        roundBody(bystander.session, 2, forNode('node-1', bystander.outputs.get(1) ?? [])),
      ),
      refusal('session/failed', { code: 'pairing/poisoned', peer: 'node-2' }),
    );
    assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, two), []);
    assert.deepEqual(await presignaturesOf(cluster, 'node-1', key, ['node-1', 'node-3']), [untouched]);
    await ecdsaSigns(cluster, key, ['node-1', 'node-3']);
    assert.ok(cluster.node('node-1').lines.some(({ event }) => event === 'pairing-poisoned'));

    const poisoned = refusal('pairing/poisoned', { peer: 'node-2' });
    const refuses = async (): Promise<void> => {
      const { pairings } = await statusOf(cluster, 'node-1');
      assert.equal(pairings.find(({ peer }) => peer === 'node-2')?.state, 'poisoned');
      await assert.rejects(
        openAll(cluster, cluster.sign({ key, payload: ecdsaPayload }), ['node-1', 'node-2']),
        poisoned,
      );
      await assert.rejects(
        openAll(cluster, cluster.ask({ action: 'presign', key, purpose: 'treasury', nodes: [...two] }), two),
        poisoned,
      );
      await assert.rejects(openAll(cluster, cluster.ask({ action: 'pair', nodes: [...two] }), two), poisoned);
    };
    await refuses();
    await cluster.restart('node-1');
    await refuses();
    await assert.rejects(
      signWith(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, { presignature: () => kept }),
      refusal('presignature/absent'),
    );

    await pairNodes(cluster, two, 'pair.renew');
    const { pairings } = await statusOf(cluster, 'node-1');
    assert.deepEqual(
      pairings.map(({ peer, state, generation }) => [peer, state, generation]),
      [
        ['node-2', 'ready', 2],
        ['node-3', 'ready', 1],
      ],
    );
    await ecdsaSigns(cluster, key);
  });
}

test('T15: given a disk that does not take the poison, when a check fails, then nothing is told before, and the node freezes', async (t) => {
  let full = false;
  const { cluster, key, cheat } = await ecdsaScene(t, {
    modules: (name, modules) =>
      name === 'node-1'
        ? {
            ...modules,
            files: nodeFiles((step) => {
              if (full && step.path.includes('pairings')) {
                throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
              }
              return undefined;
            }),
          }
        : modules,
  });
  // The note that pairings are in use is on the disk since then.
  await ecdsaSigns(cluster, key);
  cheat({ output: inRound(2, bentProduct) });
  full = true;
  await assert.rejects(
    carry(cluster, cluster.sign({ key, payload: ecdsaPayload }), two, 3),
    refusal('store/write-failed'),
  );
  const { node } = cluster.node('node-1');
  assert.equal(node.phase.phase, 'frozen');
  assert.equal(node.sessionCounts().open, 0);
});
