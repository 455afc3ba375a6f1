/** What the curve functions of the addon themselves refuse and check, below the groups that never ask for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 as noble25519 } from '@noble/curves/ed25519.js';
import { p256 as nobleP256 } from '@noble/curves/nist.js';
import { schnorr, secp256k1 as nobleSecp256k1 } from '@noble/curves/secp256k1.js';
import { ed25519, p256, secp256k1 } from './curves.ts';

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const big = (value: bigint): Uint8Array => bytes(value.toString(16).padStart(64, '0'));
const little = (value: bigint): Uint8Array => big(value).reverse();

const weierstrass = [
  ['secp256k1', secp256k1, nobleSecp256k1],
  ['p256', p256, nobleP256],
] as const;
for (const [name, native, noble] of weierstrass) {
  const { BASE, Fn, Fp } = noble.Point;
  const affine = (point: typeof BASE): Uint8Array => joined(big(point.x), big(point.y));
  const base = affine(BASE);
  const identity = new Uint8Array(64);
  const one = big(1n);
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ['not on the curve', joined(big(BASE.x), big(BASE.y + 1n))],
    ['x and y changed over', joined(big(BASE.y), big(BASE.x))],
    ['x not below p', joined(big(Fp.ORDER + 1n), big(BASE.y))],
    ['y not below p', joined(big(BASE.x), new Uint8Array(32).fill(0xff))],
    ['x zero alone', joined(new Uint8Array(32), big(BASE.y))],
    ['y zero alone', joined(big(BASE.x), new Uint8Array(32))],
  ];

  for (const [what, point] of bad) {
    test(`${name}: no call computes with what is no point: ${what}`, () => {
      assert.throws(() => native().publicSum(point, one), TypeError);
      assert.throws(() => native().publicSum(point, big(0n)), TypeError);
      assert.throws(() => native().publicSum(joined(base, point), joined(one, one)), TypeError);
      assert.throws(() => native().add(joined(base, point)), TypeError);
      assert.throws(() => native().add(point), TypeError);
      assert.throws(() => native().negate(point), TypeError);
      if (name === 'secp256k1') {
        assert.throws(() => secp256k1().product(point, one), TypeError);
      } else {
        assert.throws(() => p256().recover(point, big(BASE.x), big(BASE.double().x)), TypeError);
      }
    });
  }

  test(`${name}: a public scalar that is not below the order is refused, whatever its point`, () => {
    for (const scalar of [Fn.ORDER, Fn.ORDER + 1n, 2n ** 256n - 1n]) {
      assert.throws(() => native().publicSum(base, big(scalar)), TypeError);
      assert.throws(() => native().publicSum(affine(BASE.double()), big(scalar)), TypeError);
      assert.throws(() => native().publicSum(identity, big(scalar)), TypeError);
      assert.throws(() => native().publicSum(joined(base, base), joined(one, big(scalar))), TypeError);
    }
  });

  test(`${name}: points and scalars come in equal numbers`, () => {
    assert.throws(() => native().publicSum(joined(base, base), one), TypeError);
    assert.throws(() => native().publicSum(base, joined(one, one)), TypeError);
    assert.throws(() => native().add(base.subarray(1)), TypeError);
  });

  test(`${name}: 64 zero bytes are the identity in public sums`, () => {
    assert.deepEqual(native().add(identity), identity);
    assert.deepEqual(native().add(joined(identity, base, identity)), base);
    assert.deepEqual(native().publicSum(identity, big(5n)), identity);
    assert.deepEqual(native().publicSum(joined(identity, base), joined(one, one)), base);
    assert.deepEqual(native().add(joined(base, native().negate(base))), identity);
  });
}

test('secp256k1: a secret product with the identity is refused', () => {
  assert.throws(() => secp256k1().product(new Uint8Array(64), big(1n)), TypeError);
});

test('p256: two x coordinates that are of no two multiples in a row are refused', () => {
  const { BASE } = nobleP256.Point;
  const base = joined(big(BASE.x), big(BASE.y));
  const x = (k: bigint): Uint8Array => big(BASE.multiply(k).x);
  for (const k of [1n, 2n, 3n, 77n]) {
    const wanted = BASE.multiply(k);
    assert.deepEqual(p256().recover(base, x(k), x(k + 1n)), joined(big(wanted.x), big(wanted.y)));
  }
  assert.throws(() => p256().recover(base, x(5n), x(7n)), TypeError);
  assert.throws(() => p256().recover(base, x(5n), big(0n)), TypeError);
  assert.throws(() => p256().recover(base, big(nobleP256.Point.Fp.ORDER), x(6n)), TypeError);
});

const generator = noble25519.Point.BASE.toBytes();
const notPoints: readonly (readonly [string, Uint8Array])[] = [
  ['not on the curve', bytes(`02${'00'.repeat(31)}`)],
  ['y not below p', little(2n ** 255n - 19n + 3n)],
  ['y not below p, small', little(2n ** 255n - 19n)],
  ['negative zero x', bytes(`01${'00'.repeat(30)}80`)],
  ['negative zero x, y is -1', bytes(`ec${'ff'.repeat(31)}`)],
  ['all bits set', new Uint8Array(32).fill(0xff)],
];
for (const [what, point] of notPoints) {
  test(`ed25519: no public sum computes with what is no canonical point: ${what}`, () => {
    assert.throws(() => ed25519().publicSum(point, little(1n)), TypeError);
    assert.throws(() => ed25519().publicSum(point, little(0n)), TypeError);
    assert.throws(
      () => ed25519().publicSum(joined(generator, point), joined(little(1n), little(1n))),
      TypeError,
    );
    assert.throws(() => ed25519().product(point, little(3n)), TypeError);
    assert.equal(ed25519().isElement(point), false);
  });
}

test('ed25519: a scalar that is not below the order is refused, the top bits are never cut off', () => {
  const order = noble25519.Point.Fn.ORDER;
  for (const scalar of [order, order + 1n, 2n ** 253n, 2n ** 255n + 1n, 2n ** 256n - 1n]) {
    assert.throws(() => ed25519().publicSum(generator, little(scalar)), TypeError);
    assert.throws(() => ed25519().product(generator, little(scalar)), TypeError);
    assert.throws(() => ed25519().baseProduct(little(scalar)), TypeError);
  }
});

test('ed25519: a secret product with the identity or with a point of small order is refused', () => {
  const identity = little(1n);
  const orderTwo = little(2n ** 255n - 20n);
  for (const point of [identity, orderTwo, new Uint8Array(32)]) {
    assert.throws(() => ed25519().product(point, little(3n)), TypeError);
  }
});

test('BIP340 and ECDSA verification: right signatures pass, every changed byte fails', () => {
  const secret = new Uint8Array(32).fill(9);
  const message = new Uint8Array(32).fill(5);
  const schnorrKey = schnorr.getPublicKey(secret);
  const bip340 = schnorr.sign(message, secret, new Uint8Array(32));
  const key = nobleSecp256k1.getPublicKey(secret, true);
  const ecdsa = nobleSecp256k1.sign(message, secret, { prehash: false, lowS: true });
  assert.equal(secp256k1().verifySchnorr(bip340, message, schnorrKey), true);
  assert.equal(secp256k1().verifyEcdsa(ecdsa, message, key), true);
  const flipped = (raw: Uint8Array, i: number): Uint8Array =>
    raw.map((byte, k) => (k === i ? byte ^ 0x40 : byte));
  for (let i = 0; i < 64; i += 1) {
    assert.equal(secp256k1().verifySchnorr(flipped(bip340, i), message, schnorrKey), false, `byte ${i}`);
    assert.equal(secp256k1().verifyEcdsa(flipped(ecdsa, i), message, key), false, `byte ${i}`);
  }
  for (let i = 0; i < 32; i += 1) {
    assert.equal(secp256k1().verifySchnorr(bip340, flipped(message, i), schnorrKey), false);
    assert.equal(secp256k1().verifySchnorr(bip340, message, flipped(schnorrKey, i)), false);
    assert.equal(secp256k1().verifyEcdsa(ecdsa, flipped(message, i), key), false);
    assert.equal(secp256k1().verifyEcdsa(ecdsa, message, flipped(key, i)), false);
  }
});

test('T40: ECDSA verification refuses high s, and r or s zero or not below the order', () => {
  const secret = new Uint8Array(32).fill(9);
  const digest = new Uint8Array(32).fill(5);
  const key = nobleSecp256k1.getPublicKey(secret, true);
  const signature = nobleSecp256k1.sign(digest, secret, { prehash: false, lowS: true });
  const order = nobleSecp256k1.Point.Fn.ORDER;
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const high = big(order - BigInt(`0x${Buffer.from(s).toString('hex')}`));
  // The other s is right by the equation alone: noble takes it where it is told to.
  assert.equal(nobleSecp256k1.verify(joined(r, high), digest, key, { prehash: false, lowS: false }), true);
  const zero = new Uint8Array(32);
  for (const wrong of [
    joined(r, high),
    joined(zero, s),
    joined(r, zero),
    joined(zero, zero),
    joined(big(order), s),
    joined(r, big(order)),
    new Uint8Array(64).fill(0xff),
  ]) {
    assert.equal(secp256k1().verifyEcdsa(wrong, digest, key), false);
  }
});

test('BIP340 verification takes a message of any length', () => {
  const secret = new Uint8Array(32).fill(9);
  const key = schnorr.getPublicKey(secret);
  for (const length of [0, 1, 31, 33, 100, 5_000]) {
    const message = new Uint8Array(length).fill(7);
    const signature = schnorr.sign(message, secret, new Uint8Array(32));
    assert.equal(secp256k1().verifySchnorr(signature, message, key), true, `${length} bytes`);
    assert.equal(secp256k1().verifySchnorr(signature, joined(message, Uint8Array.of(0)), key), false);
  }
});
