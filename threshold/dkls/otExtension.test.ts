import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flipped } from '../../test/threshold/dealer.ts';
import { dealPairings } from '../../test/threshold/pairings.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { openPairing, type PairingKeys } from '../pairing/pairingKeys.ts';
import { bitOf } from '../pairing/select.ts';
import { blocks } from '../pairing/puncturedPrf.ts';
import { foldProof, foldWeights, maskedBinding, stretchKey } from './binding.ts';
import { nativeBits } from './nativeKernel.ts';
import {
  choiceBytes,
  columnBytes,
  extendAsAlice,
  extendAsBob,
  maskedBytes,
  otRows,
  shiftRows,
  type Extension,
} from './otExtension.ts';
import { referenceBits } from './referenceKernel.ts';
import { streamBytes, stretchSeeds } from './stretch.ts';

const keysOf = (index: number, peer: number, seed = 'extension'): PairingKeys => {
  const pairing = dealPairings(seed, index, [peer]).get(peer);
  assert.ok(pairing !== undefined);
  return openPairing(pairing.secret);
};
const bobKeys = keysOf(1, 2);
const aliceKeys = keysOf(2, 1);
const row = (raw: Uint8Array, i: number, size: number): Uint8Array => raw.subarray(i * size, (i + 1) * size);
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] ?? 0));

interface Run {
  readonly binding: Uint8Array;
  readonly vector: Uint8Array;
  readonly bob: ReturnType<typeof extendAsBob>;
}
function bobRun(seed: string, bits = nativeBits): Run {
  const random = insecureSeeded(seed);
  const binding = random(32);
  const salt = random(16);
  const vector = random(columnBytes);
  return { binding, vector, bob: extendAsBob(bits, binding, bobKeys.bobLeaves, vector, salt) };
}

test('Q^j = T^j + beta_j * nabla in every row of many extensions', () => {
  for (let run = 0; run < 40; run += 1) {
    const { binding, vector, bob } = bobRun(`rows/${run}`);
    const alice = extendAsAlice(nativeBits, binding, aliceKeys, bob.extension);
    assert.ok(alice !== undefined);
    assert.deepEqual(alice.bound, bob.bound);
    const shifted = shiftRows(alice.rows, aliceKeys.nabla);
    for (let j = 0; j < otRows; j += 1) {
      const q = row(alice.rows, j, 16);
      const t = row(bob.rows, j, 16);
      const chosen = bitOf(vector, j) === 1;
      assert.deepEqual(t, chosen ? xor(q, aliceKeys.nabla) : q);
      assert.deepEqual(row(shifted, j, 16), xor(q, aliceKeys.nabla));
      assert.notDeepEqual(t, chosen ? q : row(shifted, j, 16));
    }
  }
});

test('the native and the reference kernel make the same message and rows', () => {
  const [native, reference] = [bobRun('kernels', nativeBits), bobRun('kernels', referenceBits)];
  assert.deepEqual(native, reference);
  const { binding, bob } = native;
  assert.deepEqual(
    extendAsAlice(nativeBits, binding, aliceKeys, bob.extension),
    extendAsAlice(referenceBits, binding, aliceKeys, bob.extension),
  );
});

test('M4: any bit changed in any field, and in the binding, is refused', () => {
  const { binding, bob } = bobRun('flips');
  const { extension } = bob;
  const refuses = (change: Partial<Extension>): void => {
    assert.equal(extendAsAlice(nativeBits, binding, aliceKeys, { ...extension, ...change }), undefined);
  };
  const random = insecureSeeded('flips/places');
  for (let run = 0; run < 100; run += 1) {
    const [low = 0, high = 0] = random(2);
    const place = (low + 256 * high) % (8 * maskedBytes);
    refuses({ masked: flipped(extension.masked, place) });
    refuses({ salt: flipped(extension.salt, place % 128) });
    refuses({ fold: flipped(extension.fold, place % 128) });
    refuses({ proof: flipped(extension.proof, place % 256) });
  }
  for (const field of ['masked', 'salt', 'fold', 'proof'] as const) {
    refuses({ [field]: new Uint8Array(extension[field].length) });
    refuses({ [field]: bobRun('flips/other').bob.extension[field] });
  }
  assert.equal(extendAsAlice(nativeBits, flipped(binding), aliceKeys, extension), undefined);
  assert.equal(extendAsAlice(nativeBits, binding, keysOf(2, 1, 'other'), extension), undefined);
  assert.equal(extendAsAlice(nativeBits, binding, keysOf(2, 3), extension), undefined);
  assert.ok(extendAsAlice(nativeBits, binding, aliceKeys, extension) !== undefined);
});

/**
 * A Bob who adds `error` to x in one block and proves it as if nabla had the bits `guess` there: what figure 10 of the corrected
 * ePrint 2015/546 leaves a cheater. Everything else he does right, and with knowledge of all his seeds.
 */
function cheatingBob(
  seed: string,
  block: number,
  error: Uint8Array,
  guess: readonly [number, number],
): Run['bob'] & { binding: Uint8Array } {
  const { binding, vector, bob } = bobRun(seed);
  const { salt } = bob.extension;
  const masked = bob.extension.masked.slice();
  masked.set(xor(row(masked, block, columnBytes), error), block * columnBytes);
  const bound = maskedBinding(binding, salt, masked);
  const weights = foldWeights(bound);
  const layout = { rowBytes: columnBytes, dataBytes: choiceBytes };
  const fold = (rows: Uint8Array): Uint8Array => referenceBits.foldRows(rows, weights, layout);
  const streams = stretchSeeds(stretchKey(binding, salt), bobKeys.bobLeaves);
  const leaf = (b: number, y: number): Uint8Array =>
    new Uint8Array(streams.buffer, (4 * b + y) * streamBytes, columnBytes);
  const rows = Array.from({ length: blocks }, (_, b) => [
    fold(xor(leaf(b, 2), leaf(b, 3))),
    fold(xor(leaf(b, 1), leaf(b, 3))),
  ]);
  const wrong = fold(error);
  const folds = rows.flatMap((two, b) =>
    two.map((one, i) => (b === block && guess[i] === 1 ? xor(one, wrong) : one)),
  );
  const xhat = fold(vector);
  const proof = foldProof(bound, xhat, new Uint8Array(Buffer.concat(folds)));
  return { ...bob, binding, bound, extension: { salt, masked, fold: xhat, proof } };
}

test('M4: a Bob who uses another x in a block passes only where he guesses both bits of nabla: caught 3 times of 4', () => {
  const error = flipped(new Uint8Array(columnBytes), 77);
  for (let block = 0; block < blocks; block += 9) {
    for (const guess of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      const { binding, extension } = cheatingBob(`cheat/${block}`, block, error, guess);
      const right =
        guess[0] === bitOf(aliceKeys.nabla, 2 * block) && guess[1] === bitOf(aliceKeys.nabla, 2 * block + 1);
      assert.equal(extendAsAlice(nativeBits, binding, aliceKeys, extension) !== undefined, right);
    }
  }
});

test('U hides the choices: it is their sum with a stream of which Alice lacks one leaf, another one in each session', () => {
  const same = (seed: string): Uint8Array => {
    const random = insecureSeeded(seed);
    const [binding, salt] = [random(32), random(16)];
    const { extension } = extendAsBob(
      nativeBits,
      binding,
      bobKeys.bobLeaves,
      new Uint8Array(columnBytes),
      salt,
    );
    return extension.masked;
  };
  const [one, other] = [same('stream/1'), same('stream/2')];
  let equal = 0;
  for (let i = 0; i < 8 * maskedBytes; i += 1) {
    equal += bitOf(one, i) === bitOf(other, i) ? 1 : 0;
  }
  // 34,816 fair bits: six standard deviations are 560.
  assert.ok(Math.abs(equal - 4 * maskedBytes) < 560, `${equal} of ${8 * maskedBytes} bits are equal`);
});
