/** Whether public shares belong to one polynomial: public values only, over any evaluation points. */
import type { Element, Group } from '../group/group.ts';

/**
 * The Lagrange coefficients at `x` over distinct points: the weight of each point's value in the value at `x`. All public.
 * @throws TypeError where two points are equal modulo the order: the callers have checked that.
 */
export function lagrangeWeights(group: Group, points: readonly bigint[], x: bigint): bigint[] {
  return points.map((point, i) => {
    let numerator = 1n;
    let denominator = 1n;
    points.forEach((other, j) => {
      if (j !== i) {
        numerator = group.reduce(numerator * (x - other));
        denominator = group.reduce(denominator * (point - other));
      }
    });
    if (denominator === 0n) {
      throw new TypeError('interpolation over a repeated point');
    }
    return group.reduce(numerator * group.publicInvert(denominator));
  });
}

/**
 * Whether `values[i]` is f(points[i]) * G for one polynomial f of degree below `threshold` with f(0) * G = `constant`. The
 * points are distinct, not zero, and at least `threshold` many.
 */
export function onOnePolynomial(
  group: Group,
  opts: {
    readonly points: readonly bigint[];
    readonly values: readonly Element[];
    readonly threshold: number;
    readonly constant: Element;
  },
): boolean {
  const { points, values, threshold, constant } = opts;
  const base = points.slice(0, threshold);
  const at = (x: bigint): Element =>
    group.publicSum(
      lagrangeWeights(group, base, x).map((weight, i) => [values[i] ?? group.identity, weight]),
    );
  return (
    group.equals(at(0n), constant) &&
    points
      .slice(threshold)
      .every((point, i) => group.equals(at(point), values[threshold + i] ?? group.identity))
  );
}
