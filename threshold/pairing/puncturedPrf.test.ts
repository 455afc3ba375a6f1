import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { flipped } from '../../test/threshold/dealer.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { hashOf } from '../../wire/ids.ts';
import { baseOts, otKeyBytes } from './baseOt.ts';
import {
  aliceLeavesBytes,
  blocks,
  bobLeavesBytes,
  checkSumsBytes,
  correctionsBytes,
  growTrees,
  leafBytes,
  punctureTrees,
  type TreeProof,
} from './puncturedPrf.ts';
import { bitOf } from './select.ts';

const binding = insecureSeeded('trees/binding')(32);
const at = (raw: Uint8Array, i: number, size = leafBytes): Uint8Array =>
  raw.subarray(i * size, (i + 1) * size);
const xor = (...parts: readonly Uint8Array[]): Uint8Array =>
  parts.reduce(
    (sum, part) => sum.map((byte, i) => byte ^ (part[i] ?? 0)),
    new Uint8Array(parts[0]?.length ?? 0),
  );

/** Both keys of each OT, choices, and the keys of the choices. */
function ots(seed: string): { both: Uint8Array; choices: Uint8Array; chosen: Uint8Array } {
  const random = insecureSeeded(seed);
  const both = random(2 * baseOts * otKeyBytes);
  const choices = random(baseOts / 8);
  const chosen = new Uint8Array(baseOts * otKeyBytes);
  for (let i = 0; i < baseOts; i += 1) {
    chosen.set(at(both, 2 * i + bitOf(choices, i)), i * otKeyBytes);
  }
  return { both, choices, chosen };
}
const deltaOf = (nabla: Uint8Array, block: number): number =>
  2 * bitOf(nabla, 2 * block) + bitOf(nabla, 2 * block + 1);

test('Alice has all leaves but the one at Delta, by offset; Delta is the complement of her choices', () => {
  for (let run = 0; run < 20; run += 1) {
    const { both, choices, chosen } = ots(`leaves/${run}`);
    const bob = growTrees(binding, both);
    const alice = punctureTrees(binding, choices, chosen, bob);
    assert.ok(alice !== undefined);
    assert.equal(bob.leaves.length, bobLeavesBytes);
    assert.equal(alice.leaves.length, aliceLeavesBytes);
    assert.deepEqual(
      alice.nabla,
      choices.map((byte) => byte ^ 0xff),
    );
    for (let block = 0; block < blocks; block += 1) {
      const delta = deltaOf(alice.nabla, block);
      for (let d = 1; d < 4; d += 1) {
        assert.deepEqual(at(alice.leaves, 3 * block + d - 1), at(bob.leaves, 4 * block + (delta ^ d)));
      }
      const missing = Buffer.from(at(bob.leaves, 4 * block + delta));
      assert.equal(Buffer.from(alice.leaves).includes(missing), false);
    }
  }
});

test('what the extension makes of the leaves: q_i = t_i + Delta_i * u in every block and row', () => {
  for (let run = 0; run < 20; run += 1) {
    const { both, choices, chosen } = ots(`rows/${run}`);
    const bob = growTrees(binding, both);
    const alice = punctureTrees(binding, choices, chosen, bob);
    assert.ok(alice !== undefined);
    for (let block = 0; block < blocks; block += 1) {
      const l = [0, 1, 2, 3].map((y) => at(bob.leaves, 4 * block + y)) as [Uint8Array, ...Uint8Array[]];
      const [, l1 = l[0], l2 = l[0], l3 = l[0]] = l;
      const [d1, d2, d3] = [0, 1, 2].map((d) => at(alice.leaves, 3 * block + d)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const u = xor(...l);
      const none = new Uint8Array(leafBytes);
      assert.deepEqual(xor(d2, d3), xor(l2, l3, bitOf(alice.nabla, 2 * block) === 1 ? u : none));
      assert.deepEqual(xor(d1, d3), xor(l1, l3, bitOf(alice.nabla, 2 * block + 1) === 1 ? u : none));
    }
  }
});

test('P7: any bit changed in what Bob sends, or in a key of Alice, or the binding, and nothing comes out', () => {
  const { both, choices, chosen } = ots('flips');
  const bob = growTrees(binding, both);
  const sent: TreeProof = bob;
  assert.equal(bob.corrections.length, correctionsBytes);
  assert.equal(bob.checkSums.length, checkSumsBytes);
  const random = insecureSeeded('flips/places');
  const refuses = (change: Partial<TreeProof>): void => {
    assert.equal(punctureTrees(binding, choices, chosen, { ...sent, ...change }), undefined);
  };
  for (let run = 0; run < 200; run += 1) {
    const [low = 0, high = 0] = random(2);
    const place = low + 256 * high;
    refuses({ corrections: flipped(sent.corrections, place % (8 * correctionsBytes)) });
    refuses({ checkSums: flipped(sent.checkSums, place % (8 * checkSumsBytes)) });
    refuses({ proof: flipped(sent.proof, place % 256) });
    const key = flipped(chosen, place % (8 * chosen.length));
    assert.equal(punctureTrees(binding, choices, key, sent), undefined);
  }
  refuses({ corrections: new Uint8Array(correctionsBytes) });
  refuses({ checkSums: new Uint8Array(checkSumsBytes) });
  refuses({ proof: new Uint8Array(32) });
  assert.equal(punctureTrees(flipped(binding), choices, chosen, sent), undefined);
  assert.ok(punctureTrees(binding, choices, chosen, sent) !== undefined);
});

test('P7: trees of another session and trees whose blocks are swapped are refused', () => {
  const { both, choices, chosen } = ots('swap');
  const bob = growTrees(binding, both);
  const swapped = (raw: Uint8Array, size: number): Uint8Array => {
    const out = raw.slice();
    out.set(at(raw, 1, size));
    out.set(at(raw, 0, size), size);
    return out;
  };
  const sent = {
    ...bob,
    corrections: swapped(bob.corrections, 2 * leafBytes),
    checkSums: swapped(bob.checkSums, 32),
  };
  assert.equal(punctureTrees(binding, choices, chosen, sent), undefined);
  assert.equal(punctureTrees(binding, choices, chosen, growTrees(flipped(binding), both)), undefined);
});

test('P7: a Bob who proves wrong corrections passes only where Alice chose the side that he left right', () => {
  const { both, choices, chosen } = ots('guess');
  const bob = growTrees(binding, both);
  for (let block = 0; block < 16; block += 1) {
    for (const side of [0, 1]) {
      const corrections = flipped(bob.corrections, 8 * leafBytes * (2 * block + side));
      // He knows every check value, so he can prove what he likes about them.
      const checks = Array.from({ length: 4 * blocks }, (_, i) => checkValueOf(both, i));
      const proof = createHash('sha256').update(hashOf('symbolon/ot-tree-proof/1', binding));
      proof.update(corrections).update(bob.checkSums).update(Buffer.concat(checks));
      const sent = { corrections, checkSums: bob.checkSums, proof: new Uint8Array(proof.digest()) };
      const alice = punctureTrees(binding, choices, chosen, sent);
      assert.equal(alice !== undefined, bitOf(choices, 2 * block + 1) !== side);
      if (alice !== undefined) {
        const delta = deltaOf(alice.nabla, block);
        assert.deepEqual(at(alice.leaves, 3 * block), at(bob.leaves, 4 * block + (delta ^ 1)));
      }
    }
  }
});

/** The check value of leaf `place` of all blocks, from the keys, in plain steps. */
function checkValueOf(both: Uint8Array, place: number): Uint8Array {
  const [block, y] = [place >> 2, place & 3];
  const node = at(both, 4 * block + (y >> 1));
  const children = createHash('sha256')
    .update(hashOf('symbolon/ot-tree/1', binding))
    .update(Uint8Array.of(block, y >> 1))
    .update(node)
    .digest();
  const wide = createHash('sha512')
    .update(hashOf('symbolon/ot-leaf/1', binding))
    .update(Uint8Array.of(block, y))
    .update(children.subarray(leafBytes * (y & 1), leafBytes * (1 + (y & 1))))
    .digest();
  return wide.subarray(leafBytes, leafBytes + 32);
}
