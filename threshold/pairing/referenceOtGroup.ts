/**
 * The reference backend of the base OTs: ristretto255 of noble curves. Tests hold the native backend against it; no process
 * of the product runs it, because BigInt arithmetic on secrets is not constant-time (T39).
 */
import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { bytesOfInteger, integerOf } from '../group/integers.ts';
import { otPointBytes, otScalarBytes, otWideBytes, type OtGroup } from './otGroup.ts';

const { Point } = ristretto255;
type Point = InstanceType<typeof Point>;
const order = Point.Fn.ORDER;

function derive(uniform: Uint8Array): Point {
  // The type of the hasher leaves the map out; it is there for ristretto255.
  const point = ristretto255_hasher.deriveToCurve?.(uniform);
  if (point === undefined) {
    throw new TypeError('no map to the group');
  }
  return point;
}

function pieces(raw: Uint8Array, size: number): Uint8Array[] {
  if (!(raw instanceof Uint8Array) || raw.length === 0 || raw.length % size !== 0) {
    throw new TypeError('not a list of points or scalars');
  }
  return Array.from({ length: raw.length / size }, (_, i) => raw.subarray(i * size, (i + 1) * size));
}

function joined(list: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(list.length * 32);
  list.forEach((piece, i) => {
    out.set(piece, i * 32);
  });
  return out;
}

function decode(raw: Uint8Array): Point | undefined {
  try {
    const point = Point.fromBytes(raw);
    return point.is0() ? undefined : point;
  } catch {
    // noble says by exception that the bytes are no point; the caller names the party that sent them.
    return undefined;
  }
}

function pointsOf(raw: Uint8Array): Point[] {
  return pieces(raw, otPointBytes).map((piece) => {
    const point = decode(piece);
    if (point === undefined) {
      throw new TypeError('not a point');
    }
    return point;
  });
}

function scalarsOf(raw: Uint8Array): bigint[] {
  return pieces(raw, otScalarBytes).map((piece) => {
    const scalar = integerOf(piece, true);
    if (scalar === 0n || scalar >= order) {
      throw new TypeError('not a scalar, or zero');
    }
    return scalar;
  });
}

const combined = (a: Uint8Array, b: Uint8Array, of: (x: Point, y: Point) => Point): Uint8Array => {
  const [left, right] = [pointsOf(a), pointsOf(b)];
  if (left.length !== right.length) {
    throw new TypeError('not as many points as points');
  }
  return joined(left.map((point, i) => of(point, right[i] ?? Point.ZERO).toBytes()));
};

/** The group of the base OTs: the reference backend. */
export const referenceOtGroup: OtGroup = {
  backend: 'noble',
  scalarsFromWide: (wide) =>
    joined(pieces(wide, otWideBytes).map((piece) => bytesOfInteger(integerOf(piece, true) % order, true))),
  pointsFromUniform: (uniform) =>
    joined(pieces(uniform, otWideBytes).map((piece) => derive(piece).toBytes())),
  areValid: (points) => pieces(points, otPointBytes).every((piece) => decode(piece) !== undefined),
  add: (a, b) => combined(a, b, (x, y) => x.add(y)),
  subtract: (a, b) => combined(a, b, (x, y) => x.subtract(y)),
  baseProducts: (scalars) =>
    joined(scalarsOf(scalars).map((scalar) => Point.BASE.multiply(scalar).toBytes())),
  products: (points, scalars) => {
    const [factors, elements] = [scalarsOf(scalars), pointsOf(points)];
    const count = Math.max(factors.length, elements.length);
    if (![1, count].includes(factors.length) || ![1, count].includes(elements.length)) {
      throw new TypeError('not as many points as scalars');
    }
    return joined(
      Array.from({ length: count }, (_, i) => {
        const point = elements[elements.length === 1 ? 0 : i] ?? Point.ZERO;
        return point.multiply(factors[factors.length === 1 ? 0 : i] ?? 1n).toBytes();
      }),
    );
  },
};
