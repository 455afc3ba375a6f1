import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { raw, readJson } from '../test/threshold/files.ts';
import { indices } from '../test/threshold/run.ts';
import { toHex } from '../wire/ids.ts';
import { ed25519Group } from './group/ed25519.ts';
import { secp256k1Group } from './group/secp256k1.ts';
import { evaluate, evaluateInExponent, lagrangeAt, lagrangeCoefficient } from './polynomial.ts';

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
    const coefficients = [vectors.groupSecretKey, vectors.coefficient].map(raw);
    const shares = Object.entries(vectors.shares);
    for (const [party, share] of shares) {
      assert.equal(toHex(evaluate(group, coefficients, Number(party))), share);
    }
    const joined = [1, 3].reduce<Uint8Array>((sum, party) => {
      const weight = group.encodeScalar(lagrangeCoefficient(group, [1, 3], party));
      return group.scalars.add(sum, group.scalars.multiply(raw(vectors.shares[String(party)] ?? ''), weight));
    }, new Uint8Array(32));
    assert.equal(toHex(joined), vectors.groupSecretKey);
    assert.equal(toHex(group.encode(group.baseProduct(joined))), vectors.groupPublicKey);
  });

  const scalars = (least: bigint, min: number, max: number): fc.Arbitrary<bigint[]> =>
    fc.array(fc.bigInt({ min: least, max: group.order - 1n }), { minLength: min, maxLength: max });
  const plain = (coefficients: readonly bigint[], x: number): bigint =>
    coefficients.reduceRight((sum, one) => group.reduce(sum * BigInt(x) + one), 0n);
  const secret = (coefficients: readonly bigint[]): Uint8Array[] =>
    coefficients.map((one) => group.encodeScalar(one));

  test(`${group.name}: a secret polynomial has the values of plain integer arithmetic, and its coefficients stay`, () => {
    fc.assert(
      fc.property(scalars(0n, 0, 7), fc.integer({ min: 1, max: 32 }), (coefficients, x) => {
        const lent = secret(coefficients);
        assert.equal(group.decodeScalar(evaluate(group, lent, x)), plain(coefficients, x));
        assert.deepEqual(lent, secret(coefficients));
      }),
    );
  });

  test(`${group.name}: a polynomial evaluated in the exponent is the commitment to its value`, () => {
    fc.assert(
      fc.property(scalars(1n, 1, 4), fc.integer({ min: 1, max: 32 }), (coefficients, x) => {
        const commitments = coefficients.map((one) => group.publicBaseProduct(one));
        const value = group.publicBaseProduct(plain(coefficients, x));
        assert.ok(group.equals(evaluateInExponent(group, commitments, x), value));
      }),
      { numRuns: 10 },
    );
  });

  test(`${group.name}: any t values of a polynomial of degree t - 1 give its value at every other point`, () => {
    fc.assert(
      fc.property(
        scalars(0n, 1, 7),
        fc.shuffledSubarray(indices(32), { minLength: 7, maxLength: 7 }),
        fc.integer({ min: 0, max: 32 }),
        (coefficients, all, x) => {
          const set = all.slice(0, coefficients.length);
          const at = (point: number): bigint =>
            set.reduce((sum, i) => sum + plain(coefficients, i) * lagrangeAt(group, set, i, point), 0n);
          assert.equal(group.reduce(at(x)), plain(coefficients, x));
          assert.equal(group.reduce(at(0)), coefficients[0]);
          assert.equal(lagrangeCoefficient(group, set, set[0] ?? 0), lagrangeAt(group, set, set[0] ?? 0, 0));
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
    assert.throws(() => lagrangeAt(ed25519Group, set, index, 5), TypeError);
  }
});
