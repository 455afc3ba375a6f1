import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { raw, readJson } from '../test/threshold/files.ts';
import { indices } from '../test/threshold/run.ts';
import { toHex } from '../wire/ids.ts';
import { ed25519Group } from './group/ed25519.ts';
import { secp256k1Group } from './group/secp256k1.ts';
import { evaluate, evaluateInExponent, lagrangeCoefficient } from './polynomial.ts';

interface Sharing {
  readonly groupSecretKey: string;
  readonly groupPublicKey: string;
  readonly coefficient: string;
  readonly shares: Readonly<Record<string, string>>;
}

for (const [group, file] of [
  [ed25519Group, 'frost-rfc9591-ed25519.json'],
  [secp256k1Group, 'frost-rfc9591-secp256k1.json'],
] as const) {
  test(`RFC 9591 appendix E: the shares of ${group.name} come of the polynomial, and give the secret back`, () => {
    const vectors = readJson(`test/vectors/${file}`) as Sharing;
    const coefficients = [vectors.groupSecretKey, vectors.coefficient].map(
      (hex) => group.decodeScalar(raw(hex)) ?? 0n,
    );
    const shares = Object.entries(vectors.shares);
    for (const [party, share] of shares) {
      assert.equal(toHex(group.encodeScalar(evaluate(group, coefficients, Number(party)))), share);
    }
    const joined = [1, 3].reduce((sum, party) => {
      const share = group.decodeScalar(raw(vectors.shares[String(party)] ?? '')) ?? 0n;
      return group.reduce(sum + share * lagrangeCoefficient(group, [1, 3], party));
    }, 0n);
    assert.equal(joined, coefficients[0]);
    assert.equal(toHex(group.encode(group.baseProduct(joined))), vectors.groupPublicKey);
  });

  test(`${group.name}: a polynomial evaluated in the exponent is the commitment to its value`, () => {
    const scalar = fc.bigInt({ min: 1n, max: group.order - 1n });
    fc.assert(
      fc.property(
        fc.array(scalar, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 32 }),
        (coefficients, x) => {
          const commitments = coefficients.map((one) => group.baseProduct(one));
          const value = evaluate(group, coefficients, x);
          assert.ok(group.equals(evaluateInExponent(group, commitments, x), group.publicBaseProduct(value)));
        },
      ),
      { numRuns: 5 },
    );
  });

  test(`${group.name}: any t values of a polynomial of degree t - 1 give its constant term`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 0n, max: group.order - 1n }), { minLength: 1, maxLength: 7 }),
        fc.shuffledSubarray(indices(32), { minLength: 7, maxLength: 7 }),
        (coefficients, all) => {
          const set = all.slice(0, coefficients.length);
          const joined = set.reduce(
            (sum, x) => sum + evaluate(group, coefficients, x) * lagrangeCoefficient(group, set, x),
            0n,
          );
          assert.equal(group.reduce(joined), coefficients[0]);
        },
      ),
    );
  });
}

test('T17: interpolation over zero, a repeated index or without the own one is a mistake of the program', () => {
  for (const [set, index] of [
    [[0, 1], 1],
    [[1, 1, 2], 1],
    [[1, 2], 3],
  ] as const) {
    assert.throws(() => lagrangeCoefficient(ed25519Group, set, index), TypeError);
  }
});
