import assert from 'node:assert/strict';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { raw } from '../../test/threshold/files.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { ecdsaSchemes, toHex } from '../../wire/ids.ts';
import { groupOf } from '../scheme.ts';
import { digestOf, nonceCoordinate, verifyEcdsa } from './ecdsa.ts';

const noble = { 'dkls23-secp256k1': secp256k1, 'dkls23-p256': p256 };
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

test('digests: Keccak-256 and SHA-256 of known messages, and 32 bytes as they are', () => {
  assert.equal(
    toHex(digestOf('keccak256', new Uint8Array())),
    'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
  );
  assert.equal(
    toHex(digestOf('keccak256', text('abc'))),
    '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45',
  );
  assert.equal(
    toHex(digestOf('sha256', text('abc'))),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  const given = new Uint8Array(32).fill(9);
  const digest = digestOf('none', given);
  assert.deepEqual(digest, given);
  assert.notEqual(digest, given);
});

test('T14: what is to be signed as it is has exactly 32 bytes', () => {
  for (const length of [0, 20, 31, 33, 64]) {
    assert.throws(
      () => digestOf('none', new Uint8Array(length)),
      (error) => isSymbolonError(error, 'threshold/bad-parameters'),
    );
  }
});

test('T40: the P-256 example of RFC 6979 A.2.5 has a high s: refused, and its other half accepted', () => {
  const key = raw('0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6');
  const r = 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716';
  const s = 0xf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8n;
  const digest = digestOf('sha256', text('sample'));
  const high = raw(r + s.toString(16));
  const { order } = groupOf('dkls23-p256');
  const low = raw(r + (order - s).toString(16).padStart(64, '0'));
  assert.ok(p256.verify(high, digest, key, { prehash: false, lowS: false }));
  assert.equal(verifyEcdsa('dkls23-p256', key, digest, high), false);
  assert.equal(verifyEcdsa('dkls23-p256', key, digest, low), true);
});

for (const scheme of ecdsaSchemes) {
  const curve = noble[scheme];
  const group = groupOf(scheme);
  const secret = insecureSeeded(`ecdsa/${scheme}`)(32);
  const key = curve.getPublicKey(secret);
  const digest = digestOf('sha256', text('x'));
  const signature = curve.sign(digest, secret, { prehash: false, lowS: true });

  test(`${scheme}: what noble signs, this verifies; one bit of anything changed, it does not`, () => {
    assert.ok(verifyEcdsa(scheme, key, digest, signature));
    fc.assert(
      fc.property(fc.nat({ max: 64 + 32 - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const changed = Uint8Array.of(...signature, ...digest);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const [s, d] = [changed.subarray(0, 64), changed.subarray(64)];
        assert.equal(verifyEcdsa(scheme, key, d, s), false);
        assert.equal(curve.verify(s, d, key, { prehash: false, lowS: true }), false);
      }),
      { numRuns: 25 },
    );
  });

  test(`${scheme}: T40: r or s of zero, or not below the order, or a high s, is no signature`, () => {
    const zero = new Uint8Array(32);
    const order = group.encodeScalar(1n).map(() => 0);
    order.set(raw(group.order.toString(16).padStart(64, '0')));
    const r = signature.subarray(0, 32);
    const s = signature.subarray(32);
    const high = group.encodeScalar(group.order - (group.decodeScalar(s) ?? 0n));
    for (const [rr, ss] of [
      [zero, s],
      [r, zero],
      [zero, zero],
      [order, s],
      [r, order],
      [new Uint8Array(32).fill(0xff), s],
      [r, high],
    ] as const) {
      assert.equal(verifyEcdsa(scheme, key, digest, Uint8Array.of(...rr, ...ss)), false);
    }
    // The largest low s is q/2 rounded down, and is not refused for its size.
    const half = group.encodeScalar(group.order >> 1n);
    const edge = Uint8Array.of(...r, ...half);
    assert.equal(
      verifyEcdsa(scheme, key, digest, edge),
      curve.verify(edge, digest, key, { prehash: false, lowS: true }),
    );
  });

  test(`${scheme}: other lengths and other keys are no signature, and no exception`, () => {
    assert.equal(verifyEcdsa(scheme, key, digest, signature.slice(1)), false);
    assert.equal(verifyEcdsa(scheme, key, digest, Uint8Array.of(...signature, 0)), false);
    assert.equal(verifyEcdsa(scheme, key, digest.slice(1), signature), false);
    assert.equal(verifyEcdsa(scheme, key.slice(1), digest, signature), false);
    assert.equal(verifyEcdsa(scheme, new Uint8Array(33), digest, signature), false);
    assert.equal(verifyEcdsa(scheme, new Uint8Array(), new Uint8Array(), new Uint8Array()), false);
    const other = curve.getPublicKey(insecureSeeded('other')(32));
    assert.equal(verifyEcdsa(scheme, other, digest, signature), false);
  });

  test(`${scheme}: a signature whose sum is the identity is none`, () => {
    // u1 * G + u2 * Q = 0 for r = -e / x: what a verifier that forgets the identity would trip over.
    const e = group.reduce(BigInt(`0x${toHex(digest)}`));
    const x = group.reduce(BigInt(`0x${toHex(secret)}`));
    const r = group.reduce(-e * group.publicInvert(x));
    const forged = Uint8Array.of(...group.encodeScalar(r), ...group.encodeScalar(1n));
    assert.equal(verifyEcdsa(scheme, key, digest, forged), false);
  });

  test(`${scheme}: T40: a nonce that is the identity, or whose r is zero, is refused`, () => {
    assert.throws(
      () => nonceCoordinate(group, group.identity),
      (error) => isSymbolonError(error, 'threshold/degenerate-value'),
    );
    const { r, recovery, encoded } = nonceCoordinate(group, group.generator);
    assert.equal(encoded.length, 33);
    assert.equal(r, BigInt(`0x${toHex(encoded.subarray(1))}`));
    assert.equal(recovery, (encoded[0] ?? 0) - 2);
  });
}

test('T40: secp256k1 has a point whose x is the order: r would be zero, and it is refused', () => {
  const group = groupOf('dkls23-secp256k1');
  const point = group.decode(raw(`02${group.order.toString(16)}`));
  assert.ok(point !== undefined);
  assert.throws(
    () => nonceCoordinate(group, point),
    (error) => isSymbolonError(error, 'threshold/degenerate-value'),
  );
});

test('a nonce whose x is not below the order has bit 1 in its recovery id', () => {
  for (const scheme of ecdsaSchemes) {
    const group = groupOf(scheme);
    // The first x above the order that is on a point.
    for (let x = group.order + 1n; ; x += 1n) {
      const point = group.decode(raw(`03${x.toString(16)}`));
      if (point !== undefined) {
        const { r, recovery } = nonceCoordinate(group, point);
        assert.equal(r, x - group.order);
        assert.equal(recovery, 3);
        break;
      }
    }
  }
});
