/** Polynomials over the scalars, and their commitments: the arithmetic of Shamir and Feldman sharing. */
import type { Element, Group, SecretScalar } from './group/group.ts';

/** f(x) for the secret coefficients of f, constant term first. `x` is public. The result is the caller's to wipe. */
export function evaluate(group: Group, coefficients: readonly SecretScalar[], x: number): SecretScalar {
  const at = group.encodeScalar(BigInt(x));
  // Horner's rule; what lies between two steps is as secret as the coefficients.
  return coefficients.reduceRight((sum, coefficient) => {
    const product = group.scalars.multiply(sum, at);
    const next = group.scalars.add(product, coefficient);
    sum.fill(0);
    product.fill(0);
    return next;
  }, new Uint8Array(32));
}

/** The commitment to f(x) for the commitments to the coefficients of f: the sum of x^k * A_k. All public. */
export function evaluateInExponent(group: Group, commitments: readonly Element[], x: number): Element {
  let power = 1n;
  return group.publicSum(
    commitments.map((commitment) => {
      const term = [commitment, power] as const;
      power = group.reduce(power * BigInt(x));
      return term;
    }),
  );
}

/**
 * The Lagrange coefficient of `index` at the point `x`, over the distinct non-zero `indices` that contain it: the weight
 * of f(index) in f(x). All public.
 * @throws TypeError where `indices` has zero, a repeated index, or not `index`: the callers have checked that.
 */
export function lagrangeAt(group: Group, indices: readonly number[], index: number, x: number): bigint {
  if (!indices.includes(index) || indices.includes(0) || new Set(indices).size !== indices.length) {
    throw new TypeError('interpolation over wrong indices');
  }
  let numerator = 1n;
  let denominator = 1n;
  for (const other of indices) {
    if (other !== index) {
      numerator = group.reduce(numerator * BigInt(x - other));
      denominator = group.reduce(denominator * BigInt(index - other));
    }
  }
  return group.reduce(numerator * group.publicInvert(denominator));
}

/**
 * RFC 9591 section 4.2: the Lagrange coefficient of `index` at zero.
 * @throws TypeError as {@link lagrangeAt}.
 */
export const lagrangeCoefficient = (group: Group, indices: readonly number[], index: number): bigint =>
  lagrangeAt(group, indices, index, 0);
