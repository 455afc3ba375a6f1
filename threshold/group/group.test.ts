/** What holds in every group, on the native backend that runs and on the reference that tests hold it against. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from './ed25519.ts';
import type { Element } from './group.ts';
import { p256Group } from './p256.ts';
import { referenceEd25519, referenceP256, referenceSecp256k1 } from './reference.ts';
import { secp256k1Group } from './secp256k1.ts';

const groups = [ed25519Group, secp256k1Group, p256Group, referenceEd25519, referenceSecp256k1, referenceP256];
const noble = { ed25519: ed25519.Point, secp256k1: secp256k1.Point, p256: p256.Point };

test('T39: the product computes with libsodium, libsecp256k1 and OpenSSL', () => {
  assert.deepEqual(
    [ed25519Group, secp256k1Group, p256Group].map(({ name, backend }) => [name, backend]),
    [
      ['ed25519', 'libsodium'],
      ['secp256k1', 'libsecp256k1'],
      ['p256', 'openssl'],
    ],
  );
});

for (const group of groups) {
  const { scalars } = group;
  const called = `${group.name} by ${group.backend}`;
  const random = insecureSeeded(`group/${called}`);
  const draw = (): Element => group.baseProduct(scalars.random(random));
  const scalar = fc.bigInt({ min: 1n, max: group.order - 1n });

  test(`${called}: order and generator are the curve's`, () => {
    const { BASE, Fn } = noble[group.name];
    assert.equal(group.order, Fn.ORDER);
    assert.equal(toHex(group.encode(group.generator)), BASE.toHex(true));
    assert.ok(group.isIdentity(group.identity));
    assert.ok(!group.isIdentity(group.generator));
  });

  test(`${called}: elements go round, one by one and together`, () => {
    const elements = Array.from({ length: 4 }, draw);
    const encoded = elements.map((element) => group.encode(element));
    assert.deepEqual(group.encodeAll(elements), encoded);
    for (const [i, bytes] of encoded.entries()) {
      assert.equal(bytes.length, group.elementBytes);
      const decoded = group.decode(bytes);
      assert.ok(decoded !== undefined && group.equals(decoded, elements[i] ?? group.identity));
    }
  });

  test(`${called}: the identity has no encoding and no secret product`, () => {
    assert.throws(() => group.encode(group.identity), TypeError);
    assert.throws(() => group.encodeAll([group.generator, group.identity]), TypeError);
    assert.throws(() => group.product(group.identity, scalars.random(random)), TypeError);
  });

  test(`${called}: a public scalar is 32 bytes below the order`, () => {
    for (const one of [0n, 1n, group.order - 1n]) {
      assert.equal(group.decodeScalar(group.encodeScalar(one)), one);
    }
    assert.equal(group.decodeScalar(group.encodeScalar(group.order)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(32).fill(0xff)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(31)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(33)), undefined);
    assert.equal(group.reduce(-1n), group.order - 1n);
    assert.equal(group.reduce(group.order * 7n + 3n), 3n);
  });

  test(`${called}: scalar bytes are the ones of noble`, () => {
    fc.assert(
      fc.property(scalar, (one) => {
        assert.equal(toHex(group.encodeScalar(one)), toHex(noble[group.name].Fn.toBytes(one)));
      }),
    );
  });

  test(`${called}: a secret scalar is canonical where a public one is`, () => {
    for (const one of [0n, 1n, group.order - 1n, group.order, group.order + 1n, 2n ** 256n - 1n]) {
      const bytes = group.encodeScalar(one);
      assert.equal(scalars.isCanonical(bytes), one < group.order);
      assert.equal(scalars.isZero(bytes), one === 0n);
    }
    assert.equal(scalars.isCanonical(new Uint8Array(31)), false);
    assert.equal(scalars.isCanonical(new Uint8Array(33)), false);
  });

  test(`${called}: products and sums agree with one another`, () => {
    fc.assert(
      fc.property(fc.array(scalar, { minLength: 1, maxLength: 4 }), (values) => {
        const secrets = values.map((value) => group.encodeScalar(value));
        const points = secrets.map((secret) => group.baseProduct(secret));
        const sum = group.publicSum(points.map((point, i) => [point, values[i] ?? 0n]));
        const total = group.reduce(values.reduce((all, value) => all + value * value, 0n));
        assert.ok(group.equals(sum, group.publicBaseProduct(total)));
        const [point = group.identity] = points;
        const [secret = new Uint8Array()] = secrets;
        const [value = 0n] = values;
        assert.ok(group.equals(group.product(point, secret), group.publicSum([[point, value]])));
        assert.equal(group.reduce(value * group.publicInvert(value)), 1n);
      }),
      { numRuns: 5 },
    );
  });

  test(`${called}: the identity and opposite elements add up as they must`, () => {
    const a = draw();
    const minus = group.negate(a);
    assert.ok(group.isIdentity(group.publicSum([])));
    assert.ok(group.isIdentity(group.add(a, minus)));
    assert.ok(group.isIdentity(group.add(group.identity, group.identity)));
    assert.ok(group.equals(group.add(a, group.identity), a));
    assert.ok(group.equals(group.add(group.identity, a), a));
    assert.ok(group.equals(group.add(a, a), group.publicSum([[a, 2n]])));
    assert.ok(group.isIdentity(group.negate(group.identity)));
    assert.ok(group.equals(group.negate(minus), a));
    assert.ok(!group.equals(a, minus));
    assert.ok(!group.equals(a, group.identity));
    assert.ok(group.isIdentity(group.publicBaseProduct(0n)));
    assert.ok(group.isIdentity(group.publicSum([[a, 0n]])));
    assert.ok(group.isIdentity(group.publicSum([[group.identity, 5n]])));
    assert.ok(
      group.isIdentity(
        group.publicSum([
          [a, 3n],
          [minus, 3n],
        ]),
      ),
    );
    assert.ok(
      group.equals(
        group.publicSum([
          [a, 3n],
          [minus, 3n],
          [group.identity, 9n],
          [group.generator, 1n],
        ]),
        group.generator,
      ),
    );
  });

  test(`${called}: an element of another group is a mistake of the program`, () => {
    for (const other of groups.filter((one) => one !== group && one.name !== group.name)) {
      assert.throws(() => group.add(group.generator, other.generator), TypeError);
      assert.throws(() => group.encode(other.generator), TypeError);
      assert.throws(() => group.publicSum([[other.generator, 1n]]), TypeError);
      assert.throws(() => group.product(other.generator, scalars.random(random)), TypeError);
      assert.throws(() => group.isIdentity(other.identity), TypeError);
    }
    assert.throws(() => group.encode({} as Element), TypeError);
    assert.throws(() => group.equals(group.generator, new Uint8Array(64) as unknown as Element), TypeError);
  });

  test(`${called}: secrets that are no scalars are refused`, () => {
    const good = scalars.random(random);
    for (const bad of [
      group.encodeScalar(group.order),
      new Uint8Array(32).fill(0xff),
      good.subarray(1),
      new Uint8Array([...good, 0]),
      new Uint8Array(),
    ]) {
      assert.throws(() => scalars.add(good, bad), TypeError);
      assert.throws(() => scalars.add(bad, good), TypeError);
      assert.throws(() => scalars.subtract(good, bad), TypeError);
      assert.throws(() => scalars.multiply(bad, good), TypeError);
      assert.throws(() => scalars.negate(bad), TypeError);
      assert.throws(() => scalars.invert(bad), TypeError);
      assert.throws(() => group.baseProduct(bad), TypeError);
      assert.throws(() => group.product(group.generator, bad), TypeError);
    }
    const zero = new Uint8Array(32);
    assert.throws(() => scalars.invert(zero), TypeError);
    assert.throws(() => group.baseProduct(zero), TypeError);
    assert.throws(() => group.product(group.generator, zero), TypeError);
    for (const length of [0, 32, 47, 49, 56, 63, 65, 72]) {
      assert.throws(() => scalars.fromWide(new Uint8Array(length)), TypeError);
    }
  });

  test(`T40: ${called} draws a scalar from 48 bytes, reduces all of them, and wipes them`, () => {
    const drawn: Uint8Array[] = [];
    const secret = scalars.random((length) => {
      assert.equal(length, 48);
      const bytes = new Uint8Array(48).fill(0xff);
      drawn.push(bytes);
      return bytes;
    });
    assert.equal(group.decodeScalar(secret), (2n ** 384n - 1n) % group.order);
    assert.deepEqual(drawn, [new Uint8Array(48)]);
  });

  test(`${called}: a zero scalar is drawn again`, () => {
    let calls = 0;
    const secret = scalars.random((length) => {
      calls += 1;
      return new Uint8Array(length).fill(calls === 1 ? 0 : 1);
    });
    assert.equal(calls, 2);
    assert.ok(!scalars.isZero(secret));
  });

  test(`${called}: a source of randomness that gives too little is refused`, () => {
    assert.throws(
      () => scalars.random((length) => new Uint8Array(length - 1)),
      (error) => isSymbolonError(error, 'threshold/bad-randomness') && error.facts.got === 47,
    );
  });
}
