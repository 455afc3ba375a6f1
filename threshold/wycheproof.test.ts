/**
 * Verification of signatures against a selection of the vectors of Project Wycheproof, and against the families that its
 * vectors are taken from, made here for both curves: small r and s, x of R above the order, sums that double a point or
 * cancel out.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { raw, readJson } from '../test/threshold/files.ts';
import type { EcdsaScheme } from '../wire/ids.ts';
import { verifyEcdsa } from './dkls/ecdsa.ts';
import { bytesOfInteger, integerOf } from './group/integers.ts';
import { suiteOf } from './scheme.ts';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly key: string;
  readonly msg: string;
  readonly sig: string;
  readonly result: 'valid' | 'invalid';
}
const vectors = readJson('test/vectors/wycheproof.json') as Readonly<Record<string, readonly Vector[]>>;

const big = (value: bigint): Uint8Array => bytesOfInteger(value, false);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const curves = [
  ['dkls23-secp256k1', secp256k1, 'ecdsa_secp256k1_sha256_p1363_test.json'],
  ['dkls23-p256', p256, 'ecdsa_secp256r1_sha256_p1363_test.json'],
] as const satisfies readonly (readonly [EcdsaScheme, typeof p256, string])[];

for (const [scheme, curve, file] of curves) {
  const { Point } = curve;
  const order = Point.Fn.ORDER;
  const half = order >> 1n;

  for (const { tcId, comment, key, msg, sig, result } of vectors[file] ?? []) {
    test(`T40: ${scheme}: Wycheproof ${tcId}, ${comment}: ${result}`, () => {
      const digest = new Uint8Array(createHash('sha256').update(raw(msg)).digest());
      const publicKey = Point.fromHex(key).toBytes(true);
      const signature = raw(sig);
      const s = signature.length === 64 ? integerOf(signature.subarray(32), false) : 0n;
      const valid = result === 'valid';
      assert.equal(verifyEcdsa(scheme, publicKey, digest, signature), valid && s <= half);
      if (valid) {
        // Only low s is taken; the other one of the two is the low one then.
        const other = joined(signature.subarray(0, 32), big(order - s));
        assert.equal(verifyEcdsa(scheme, publicKey, digest, other), s > half);
      }
    });
  }

  /** The key under which (r, s) holds for a digest, where R is the point of the nonce: (sR - zG) / r. */
  const keyFor = (R: typeof Point.BASE, s: bigint, z: bigint): typeof Point.BASE => {
    const inverse = Point.Fn.inv(R.x % order);
    return R.multiplyUnsafe(Point.Fn.create(s * inverse)).add(
      Point.BASE.multiplyUnsafe(Point.Fn.create(-z * inverse)),
    );
  };
  const atX = (from: bigint): typeof Point.BASE => {
    for (let x = from; ; x += 1n) {
      try {
        return Point.fromBytes(joined(Uint8Array.of(2), big(x)));
      } catch {
        // No point has this x: the next one.
      }
    }
  };

  test(`T40: ${scheme}: extreme r, s and digests verify where the equation says so, low s only`, () => {
    const nonces = [atX(1n), atX(1n).negate(), atX(order + 1n), Point.BASE, atX(2n ** 128n)];
    const ss = [1n, 2n, half, half - 1n, Point.Fn.inv(2n ** 100n), Point.Fn.inv(3n), 2n ** 127n - 1n];
    const digests = [0n, 1n, order - 1n, order, order + 1n, 2n ** 256n - 1n, 2n ** 255n];
    for (const [i, R] of nonces.entries()) {
      for (const [k, value] of ss.entries()) {
        const s = value > half ? order - value : value;
        const z = digests[(i + k) % digests.length] ?? 0n;
        const key = keyFor(R, s, z);
        const [publicKey, r] = [key.toBytes(true), big(R.x % order)];
        const what = `nonce ${i}, s ${k}`;
        assert.equal(verifyEcdsa(scheme, publicKey, big(z), joined(r, big(s))), true, what);
        assert.equal(verifyEcdsa(scheme, publicKey, big(z), joined(r, big(order - s))), false, what);
        assert.equal(verifyEcdsa(scheme, publicKey, big(z ^ 2n), joined(r, big(s))), false, what);
        assert.equal(verifyEcdsa(scheme, publicKey, big(z), joined(r, big(s + order))), false, what);
        const negative = key.negate().toBytes(true);
        assert.equal(verifyEcdsa(scheme, negative, big(z), joined(r, big(s))), z % order === 0n, what);
      }
    }
  });

  test(`T40: ${scheme}: r and s of 0, n and their neighbours are refused under every kind of key`, () => {
    const edges = [0n, order, order + 1n, Point.Fp.ORDER, Point.Fp.ORDER + 1n, 2n ** 256n - 1n];
    for (const key of [Point.BASE, Point.BASE.negate(), Point.BASE.multiply(5n)]) {
      for (const z of [0n, 1n, order]) {
        for (const edge of edges.filter((value) => value < 2n ** 256n)) {
          for (const good of [1n, Point.BASE.x]) {
            for (const signature of [
              joined(big(edge), big(good)),
              joined(big(good), big(edge)),
              joined(big(edge), big(edge)),
            ]) {
              assert.equal(verifyEcdsa(scheme, key.toBytes(true), big(z), signature), false);
            }
          }
        }
      }
    }
  });

  test(`T40: ${scheme}: a sum that doubles a point verifies, one that cancels out does not`, () => {
    for (const u of [1n, 7n, 2n ** 130n]) {
      // Both factors are u, so that uG + uQ is 2uG for Q = G, and the identity for Q = -G.
      const r = Point.BASE.multiply(2n * u).x % order;
      const s = Point.Fn.create(r * Point.Fn.inv(u));
      const [digest, low] = s > half ? [order - r, order - s] : [r, s];
      const sign = s > half ? Point.Fn.create(-1n) : 1n;
      // With -s the factor of G is z / -s: the digest is turned over to keep it, and the key for the other factor.
      const same = Point.BASE.multiplyUnsafe(sign);
      assert.equal(verifyEcdsa(scheme, same.toBytes(true), big(digest), joined(big(r), big(low))), true);
      const opposite = same.negate();
      assert.equal(verifyEcdsa(scheme, opposite.toBytes(true), big(digest), joined(big(r), big(low))), false);
    }
  });
}

for (const { tcId, comment, key, msg, sig, result } of vectors['ed25519_test.json'] ?? []) {
  test(`frost-ed25519: Wycheproof ${tcId}, ${comment}: ${result}`, () => {
    const { verify } = suiteOf('frost-ed25519');
    assert.equal(verify(raw(key), raw(msg), raw(sig)), result === 'valid');
  });
}
