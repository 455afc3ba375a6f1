/** Polynomials over the scalars, and their commitments: the arithmetic of Shamir and Feldman sharing. */
import type { Element, Group } from './group/group.ts';

/** f(x) for the coefficients of f, constant term first. `x` is public, the coefficients may be secret. */
export function evaluate(group: Group, coefficients: readonly bigint[], x: number): bigint {
  const at = BigInt(x);
  return coefficients.reduceRight((sum, coefficient) => group.reduce(sum * at + coefficient), 0n);
}

/** The commitment to f(x) for the commitments to the coefficients of f (Horner's rule; all public). */
export function evaluateInExponent(group: Group, commitments: readonly Element[], x: number): Element {
  return commitments.reduceRight(
    (sum, commitment) => group.add(smallProduct(group, sum, x), commitment),
    group.identity,
  );
}

/** A small public integer times an element: at most two additions for each bit of `n`. */
function smallProduct(group: Group, element: Element, n: number): Element {
  let out = group.identity;
  for (let bit = 31 - Math.clz32(n); bit >= 0; bit -= 1) {
    out = group.add(out, out);
    if (((n >>> bit) & 1) === 1) {
      out = group.add(out, element);
    }
  }
  return out;
}

/**
 * RFC 9591 section 4.2: the Lagrange coefficient of `index` at zero, over the distinct non-zero `indices` that contain
 * it. All public.
 * @throws TypeError where `indices` has zero, a repeated index, or not `index`: the callers have checked that.
 */
export function lagrangeCoefficient(group: Group, indices: readonly number[], index: number): bigint {
  if (!indices.includes(index) || indices.includes(0) || new Set(indices).size !== indices.length) {
    throw new TypeError('interpolation over wrong indices');
  }
  let numerator = 1n;
  let denominator = 1n;
  for (const other of indices) {
    if (other !== index) {
      numerator = group.reduce(numerator * BigInt(other));
      denominator = group.reduce(denominator * BigInt(other - index));
    }
  }
  return group.reduce(numerator * group.publicInvert(denominator));
}
