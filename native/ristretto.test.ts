import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ristretto255, ristretto255_hasher as hasher } from '@noble/curves/ed25519.js';
import { toHex } from '../wire/ids.ts';
import {
  areElements,
  baseProducts,
  differences,
  elementsFromHashes,
  products,
  ristrettoBytes,
  ristrettoWideBytes,
  scalarsFromWide,
  sums,
} from './ristretto.ts';

const { Point } = ristretto255;
const count = 5;
const wide = (label: string, n = count): Uint8Array =>
  new Uint8Array(
    Buffer.concat(Array.from({ length: n }, (_, i) => createHash('sha512').update(`${label}/${i}`).digest())),
  );
const split = (all: Uint8Array, size: number = ristrettoBytes): Uint8Array[] =>
  Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const little = (raw: Uint8Array): bigint => BigInt(`0x${toHex(raw.slice().reverse())}`);
const littleBytes = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse());
const identity = new Uint8Array(ristrettoBytes);

test('elements of hashes, scalars, products, sums and differences are the ones of noble', () => {
  const hashes = wide('hash');
  const elements = elementsFromHashes(hashes);
  const points = split(hashes, ristrettoWideBytes).map((hash) => hasher.deriveToCurve?.(hash) ?? Point.ZERO);
  assert.deepEqual(
    split(elements).map(toHex),
    points.map((point) => point.toHex()),
  );
  const scalars = scalarsFromWide(wide('scalar'));
  const values = split(wide('scalar'), ristrettoWideBytes).map((raw) => little(raw) % Point.Fn.ORDER);
  assert.deepEqual(split(scalars).map(little), values);
  const bases = values.map((value) => Point.BASE.multiply(value));
  assert.equal(toHex(baseProducts(scalars)), bases.map((point) => point.toHex()).join(''));
  const wanted = points.map((point, i) => point.multiply(values[i] ?? 1n));
  assert.equal(toHex(products(elements, scalars)), wanted.map((point) => point.toHex()).join(''));
  const other = baseProducts(scalars);
  assert.equal(
    toHex(sums(elements, other)),
    points.map((point, i) => point.add(bases[i] ?? point).toHex()).join(''),
  );
  assert.equal(
    toHex(differences(elements, other)),
    points.map((point, i) => point.subtract(bases[i] ?? point).toHex()).join(''),
  );
});

test('one element or one scalar is taken for all of the other', () => {
  const elements = elementsFromHashes(wide('hash'));
  const scalars = scalarsFromWide(wide('scalar'));
  const one = elements.slice(0, 32);
  const secret = scalars.slice(0, 32);
  const repeated = (raw: Uint8Array): Uint8Array => joined(Array.from({ length: count }, () => raw));
  assert.deepEqual(products(one, scalars), products(repeated(one), scalars));
  assert.deepEqual(products(elements, secret), products(elements, repeated(secret)));
  assert.deepEqual(products(one, secret).length, 32);
});

/** RFC 9496 appendix A.2, and more: encodings that are no elements. */
const bad: readonly (readonly [string, string])[] = [
  ['not canonical', '00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
  ['not canonical', 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['not canonical', 'f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['not canonical', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['negative', '0100000000000000000000000000000000000000000000000000000000000000'],
  ['negative', '01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['negative', 'ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20'],
  ['no square root', '26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371'],
  ['no square root', '4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f'],
  ['negative x y', '3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e'],
  ['y is zero', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['the identity', '0000000000000000000000000000000000000000000000000000000000000000'],
  // The generator, and the identity, with the high bit that RFC 9496 section 4.3.1 refuses.
  ['the high bit', 'e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2df6'],
  ['the high bit', '0000000000000000000000000000000000000000000000000000000000000080'],
];
for (const [what, hex] of bad) {
  test(`T17: no element of ristretto255 (${what}): ${hex.slice(0, 8)}`, () => {
    const raw = new Uint8Array(Buffer.from(hex, 'hex'));
    const good = elementsFromHashes(wide('hash', 2));
    const scalar = littleBytes(3n);
    assert.equal(areElements(raw), false);
    assert.equal(areElements(joined([good, raw])), false);
    assert.equal(areElements(joined([raw, good])), false);
    assert.throws(() => products(raw, scalar), TypeError);
    assert.throws(() => products(joined([good, raw]), scalar), TypeError);
    assert.throws(() => sums(raw, good.slice(0, 32)), TypeError);
    assert.throws(() => sums(good.slice(0, 32), raw), TypeError);
    assert.throws(() => differences(raw, good.slice(0, 32)), TypeError);
    assert.throws(() => differences(good.slice(0, 32), raw), TypeError);
  });
}

test('RFC 9496 A.1: small multiples of the generator, each an element', () => {
  const first = [
    'e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76',
    '6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919',
    '94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259',
  ];
  const multiples = baseProducts(joined([1n, 2n, 3n].map(littleBytes)));
  assert.deepEqual(split(multiples).map(toHex), first);
  assert.equal(areElements(multiples), true);
});

test('an element minus itself is the identity, which is taken nowhere', () => {
  const element = baseProducts(littleBytes(7n));
  const minus = differences(baseProducts(littleBytes(2n)), baseProducts(littleBytes(9n)));
  assert.deepEqual(differences(element, element), identity);
  assert.deepEqual(sums(element, minus), identity);
  assert.equal(areElements(identity), false);
});

test('a secret that is zero or not below the order is refused', () => {
  const order = Point.Fn.ORDER;
  const element = baseProducts(littleBytes(7n));
  for (const value of [0n, order, order + 1n, 2n ** 255n, 2n ** 255n + 1n, 2n ** 256n - 1n]) {
    assert.throws(() => baseProducts(littleBytes(value)), TypeError);
    assert.throws(() => baseProducts(joined([littleBytes(1n), littleBytes(value)])), TypeError);
    assert.throws(() => products(element, littleBytes(value)), TypeError);
  }
  const last = littleBytes(order - 1n);
  assert.deepEqual(sums(products(element, last), element), identity);
});
