import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ristretto255, ristretto255_hasher as hasher } from '@noble/curves/ed25519.js';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { referenceBits, referenceVectors } from '../dkls/referenceKernel.ts';
import { referenceEd25519, referenceP256, referenceSecp256k1 } from './reference.ts';
import { bytesOfInteger, integerOf } from './integers.ts';
import {
  bitAnswer,
  checkAnswers,
  checkBackends,
  groupAnswers,
  knownAnswers,
  ristrettoAnswer,
  vectorAnswer,
} from './selfTest.ts';

test('T39: the native backends of this machine pass the self-test', () => {
  assert.doesNotThrow(checkBackends);
});

const { Point } = ristretto255;
type Ristretto = InstanceType<typeof Point>;
const pieces = (raw: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: raw.length / size }, (_, i) => raw.slice(i * size, (i + 1) * size));
const points = (raw: Uint8Array): Ristretto[] => pieces(raw, 32).map((one) => Point.fromBytes(one));
const values = (raw: Uint8Array): bigint[] => pieces(raw, 32).map((one) => integerOf(one, true));
const encoded = (all: readonly Ristretto[]): Uint8Array =>
  new Uint8Array(Buffer.concat(all.map((point) => point.toBytes())));
const at = <T>(all: readonly T[], i: number): T => {
  const one = all[i];
  assert.ok(one !== undefined);
  return one;
};
const noble: Parameters<typeof ristrettoAnswer>[0] = {
  elementsFromHashes: (hashes) =>
    encoded(pieces(hashes, 64).map((hash) => hasher.deriveToCurve?.(hash) ?? Point.ZERO)),
  scalarsFromWide: (wide) =>
    new Uint8Array(
      Buffer.concat(
        pieces(wide, 64).map((one) => bytesOfInteger(integerOf(one, true) % Point.Fn.ORDER, true)),
      ),
    ),
  baseProducts: (scalars) => encoded(values(scalars).map((scalar) => Point.BASE.multiply(scalar))),
  products: (elements, scalars) =>
    encoded(points(elements).map((point, i) => point.multiply(at(values(scalars), i)))),
  sums: (a, b) => encoded(points(a).map((point, i) => point.add(at(points(b), i)))),
  differences: (a, b) => encoded(points(a).map((point, i) => point.subtract(at(points(b), i)))),
};

test('the known answers of the self-test are the ones of the reference backend', () => {
  const answers = {
    ...groupAnswers(referenceEd25519),
    ...groupAnswers(referenceSecp256k1),
    ...groupAnswers(referenceP256),
    'ed25519 vectors': vectorAnswer(referenceVectors('ed25519')),
    'secp256k1 vectors': vectorAnswer(referenceVectors('secp256k1')),
    'p256 vectors': vectorAnswer(referenceVectors('p256')),
    bits: bitAnswer(referenceBits),
    ristretto255: ristrettoAnswer(noble),
  };
  assert.deepEqual(Object.keys(answers).sort(), Object.keys(knownAnswers).sort());
  for (const [what, answer] of Object.entries(answers)) {
    assert.equal(answer, knownAnswers[what], what);
  }
});

test('T39: a wrong answer, an element that is taken, or a failure on the way is refused by name', () => {
  const cases: readonly (readonly [string, () => Readonly<Record<string, string>>])[] = [
    ['ed25519 product', () => ({ 'ed25519 product': '00' })],
    ['ed25519 twice the prime order', () => ({ 'ed25519 twice the prime order': 'taken' })],
    ['never asked', () => ({ 'never asked': '00' })],
    [
      'not a point',
      () => {
        throw new TypeError('not a point');
      },
    ],
  ];
  for (const [what, ask] of cases) {
    assert.throws(
      () => {
        checkAnswers(ask);
      },
      (error) => isSymbolonError(error, 'native/wrong-answer') && error.facts.what === what,
    );
  }
});
