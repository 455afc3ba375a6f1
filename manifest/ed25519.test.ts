import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { fromHex } from '../wire/ids.ts';
import { sampleSeed } from '../daemon/testing/sampleManifest.ts';
import { isStrongPublicKey, publicKeyOfSeed, signEd25519, verifyEd25519 } from './ed25519.ts';

const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? assert.fail('not hexadecimal');

test('given RFC 8032 section 7.1 test 3, when signed, then key and signature are the ones of the RFC', () => {
  const seed = bytesOf('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7');
  const key = bytesOf('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
  const signature = bytesOf(
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  );
  const message = bytesOf('af82');
  assert.deepEqual(publicKeyOfSeed(seed), key);
  assert.deepEqual(signEd25519(seed, message), signature);
  assert.ok(verifyEd25519(key, message, signature));
  assert.ok(!verifyEd25519(key, bytesOf('af83'), signature));
  assert.ok(!verifyEd25519(key, message, signature.subarray(1)));
  assert.ok(!verifyEd25519(key.subarray(1), message, signature));
});

test('given every point of small order as another library computes them, when asked, then none is strong', () => {
  // [L]P for a random point P is a point of small order; some of many tries reach all eight.
  const found = new Set<string>();
  const order = ed25519.Point.Fn.ORDER;
  for (let i = 0; i < 400 && found.size < 8; i += 1) {
    try {
      const point = ed25519.Point.fromBytes(new Uint8Array(randomBytes(32)), true);
      const small = point.multiplyUnsafe(order - 1n).add(point);
      found.add(small.toHex());
      assert.ok(small.isSmallOrder());
      assert.ok(!isStrongPublicKey(small.toBytes()), small.toHex());
    } catch (error) {
      // Half of all byte strings are no point.
      if (error instanceof assert.AssertionError) {
        throw error;
      }
    }
  }
  assert.equal(found.size, 8);
});

test('given encodings at and above the field prime, when asked, then none is strong', () => {
  for (const last of [0x7f, 0xff]) {
    for (let first = 0xed; first <= 0xff; first += 1) {
      assert.ok(!isStrongPublicKey(Uint8Array.of(first, ...new Uint8Array(30).fill(0xff), last)));
    }
  }
  assert.ok(!isStrongPublicKey(new Uint8Array(31)));
});

test('given ordinary keys, when asked, then all are strong', () => {
  for (let fill = 0; fill < 64; fill += 1) {
    assert.ok(isStrongPublicKey(publicKeyOfSeed(sampleSeed(fill))));
  }
});
