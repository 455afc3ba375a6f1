/**
 * The reference backend: the arithmetic of noble curves behind {@link Group}. Tests hold the native backend against it;
 * no process of the product runs it, because BigInt arithmetic on secrets is not constant-time (T39).
 */
import { normalizeZ, type CurvePoint, type CurvePointCons } from '@noble/curves/abstract/curve.js';
import type { Element, Group, SecretScalar, SecretScalars, Term } from './group.ts';
import { draw, integerOf, publicScalars, wideScalarBytes } from './integers.ts';

/** What differs between the curves. */
export interface NobleCurve<P extends CurvePoint<bigint, P>> {
  readonly name: Group['name'];
  readonly Point: CurvePointCons<P>;
  readonly elementBytes: number;
  /** Bytes to a point on the curve; throws or gives `undefined` on anything not canonical. */
  readonly fromBytes: (raw: Uint8Array) => P | undefined;
  readonly toBytes: (point: P) => Uint8Array;
  readonly littleEndian: boolean;
  /** RFC 9591 section 6: the wide hash, 48 or 64 bytes, that is reduced to a scalar. */
  readonly wideHash: (tag: Uint8Array, parts: readonly Uint8Array[]) => Uint8Array;
}

/** Makes a group of a noble curve. */
export function nobleGroup<P extends CurvePoint<bigint, P>>(curve: NobleCurve<P>): Group {
  const { Point, littleEndian } = curve;
  const order = Point.Fn.ORDER;
  const close = (point: P): Element => point as unknown as Element;
  const open = (element: Element): P => {
    if (!(element instanceof Point)) {
      throw new TypeError(`not an element of ${curve.name}`);
    }
    return element as unknown as P;
  };
  const { reduce, decodeScalar, encodeScalar } = publicScalars(order, littleEndian);
  const secret = (raw: SecretScalar): bigint => {
    const value = decodeScalar(raw);
    if (value === undefined) {
      throw new TypeError('not a scalar');
    }
    return value;
  };
  const nonZero = (raw: SecretScalar): bigint => {
    const value = secret(raw);
    if (value === 0n) {
      throw new TypeError('a zero scalar');
    }
    return value;
  };
  const fromWide = (wide: Uint8Array): SecretScalar => {
    if (wide.length !== 48 && wide.length !== 64) {
      throw new TypeError('a wide scalar has 48 or 64 bytes');
    }
    return encodeScalar(integerOf(wide, littleEndian) % order);
  };
  const isZero = (scalar: SecretScalar): boolean => scalar.every((byte) => byte === 0);
  const scalars: SecretScalars = {
    random: (random) => {
      for (;;) {
        const wide = draw(random, wideScalarBytes);
        const scalar = fromWide(wide);
        wide.fill(0);
        // Zero comes with probability 2^-252; a source that gives only zeros is caught by its caller's health test.
        if (!isZero(scalar)) {
          return scalar;
        }
      }
    },
    fromWide,
    isCanonical: (raw) => decodeScalar(raw) !== undefined,
    isZero,
    add: (a, b) => encodeScalar(reduce(secret(a) + secret(b))),
    subtract: (a, b) => encodeScalar(reduce(secret(a) - secret(b))),
    negate: (a) => encodeScalar(reduce(-secret(a))),
    multiply: (a, b) => encodeScalar(reduce(secret(a) * secret(b))),
    invert: (a) => encodeScalar(Point.Fn.inv(nonZero(a))),
  };
  const publicSum = (terms: readonly Term[]): Element =>
    close(
      terms.reduce((sum, [element, scalar]) => sum.add(open(element).multiplyUnsafe(scalar)), Point.ZERO),
    );
  const encode = (element: Element): Uint8Array => {
    const point = open(element);
    if (point.is0()) {
      throw new TypeError('the identity has no encoding');
    }
    return curve.toBytes(point);
  };
  return {
    name: curve.name,
    backend: 'noble',
    order,
    elementBytes: curve.elementBytes,
    generator: close(Point.BASE),
    identity: close(Point.ZERO),
    decode: (raw) => {
      if (raw.length !== curve.elementBytes) {
        return undefined;
      }
      let point: P | undefined;
      try {
        point = curve.fromBytes(raw);
      } catch {
        // noble says by exception that the bytes are no point; the caller names the party that sent them.
        return undefined;
      }
      return point === undefined || point.is0() || !point.isTorsionFree() ? undefined : close(point);
    },
    encode,
    encodeAll: (elements) => normalizeZ(Point, elements.map(open)).map((point) => encode(close(point))),
    decodeScalar,
    encodeScalar,
    reduce,
    publicInvert: (scalar) => Point.Fn.inv(scalar),
    hashToScalar: (tag, parts) => integerOf(curve.wideHash(tag, parts), littleEndian) % order,
    hashToSecretScalar: (tag, parts) => {
      const wide = curve.wideHash(tag, parts);
      const scalar = fromWide(wide);
      wide.fill(0);
      return scalar;
    },
    scalars,
    baseProduct: (scalar) => close(Point.BASE.multiply(nonZero(scalar))),
    product: (element, scalar) => {
      const point = open(element);
      if (point.is0()) {
        throw new TypeError('a product with the identity');
      }
      return close(point.multiply(nonZero(scalar)));
    },
    publicBaseProduct: (scalar) => close(Point.BASE.multiplyUnsafe(scalar)),
    publicSum,
    add: (a, b) => close(open(a).add(open(b))),
    negate: (element) => close(open(element).negate()),
    equals: (a, b) => open(a).equals(open(b)),
    isIdentity: (element) => open(element).is0(),
  };
}
