import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { bigRandom, modulusBytes, seeded, smallPrimes, weakModulus } from './testing.ts';
import { isWeakRsa } from './weakRsa.ts';

describe('moduli of the generator of CVE-2017-15361', () => {
  test('given moduli of its form, then each is found', () => {
    const below = seeded(15361);
    for (let run = 0; run < 50; run += 1) {
      const modulus = weakModulus(below);
      assert.equal(modulus.toString(2).length, 2048);
      assert.ok(isWeakRsa(modulusBytes(modulus)));
    }
  });

  test('given such a modulus, when it leaves the form for any one of the 38 primes, then it is not taken for one', () => {
    const weak = weakModulus(seeded(1));
    const odd = smallPrimes.slice(1);
    assert.equal(odd.length, 38);
    assert.deepEqual([odd[0], odd.at(-1)], [3, 167]);
    for (const prime of odd) {
      // Steps by the product of all other primes change the remainder of this one alone.
      const step = smallPrimes.reduce((all, one) => (one === prime ? all : all * BigInt(one)), 1n);
      let outside = weak;
      while (isPowerModulo(outside, BigInt(prime))) {
        outside -= step;
      }
      assert.notEqual(outside, weak);
      assert.equal(isWeakRsa(modulusBytes(outside)), false, `${prime}`);
    }
  });

  test('given thousands of other moduli, then none is taken for one', () => {
    const below = seeded(2017);
    for (let run = 0; run < 5_000; run += 1) {
      assert.equal(isWeakRsa(modulusBytes(bigRandom(below, 256) | 1n | (1n << 2047n))), false);
    }
  });

  test('given a key of OpenSSL, or no modulus, then it is not taken for one', () => {
    const { n = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
      format: 'jwk',
    });
    assert.equal(isWeakRsa(Buffer.from(n, 'base64url')), false);
    assert.equal(isWeakRsa(new Uint8Array()), false);
  });
});

/** By trying the powers of 65537 one after the other. */
function isPowerModulo(value: bigint, prime: bigint): boolean {
  let power = 1n;
  for (let i = 0n; i < prime; i += 1n) {
    if (power === value % prime) {
      return true;
    }
    power = (power * 65537n) % prime;
  }
  return false;
}
