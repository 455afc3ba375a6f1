/**
 * The native backend behind {@link Group}: what differs between the curves comes in as functions of bytes. An element
 * holds the bytes of its point in the form of its curve's backend, checked when they came in, and hands out none of them.
 */
import { scalarFunctions } from '../../native/scalars.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Element, Group, SecretScalar, SecretScalars, Term } from './group.ts';
import { draw, integerOf, publicScalars, wideScalarBytes } from './integers.ts';

/** A curve in native arithmetic. `point` is always the backend's form of a point; every result is new bytes. */
export interface NativeCurve {
  readonly name: Group['name'];
  readonly backend: string;
  readonly order: bigint;
  readonly elementBytes: number;
  readonly littleEndian: boolean;
  /** RFC 9591 section 6: the wide hash, 48 or 64 bytes, that is reduced to a scalar. */
  readonly wideHash: (tag: Uint8Array, parts: readonly Uint8Array[]) => Uint8Array;
  readonly generator: Uint8Array;
  readonly identity: Uint8Array;
  /** `elementBytes` bytes to a point; `undefined` where a check of RFC 9591 section 3.1 fails. */
  readonly decode: (raw: Uint8Array) => Uint8Array | undefined;
  /** The encoding of a point that is not the identity. */
  readonly encode: (point: Uint8Array) => Uint8Array;
  /** Constant-time; TypeError where the secret is zero or not below the order. */
  readonly baseProduct: (secret: Uint8Array) => Uint8Array;
  /** Constant-time; as {@link NativeCurve.baseProduct}, for a point that is not the identity. */
  readonly product: (point: Uint8Array, secret: Uint8Array) => Uint8Array;
  /** n points and n public scalars, one after the other; n is at least 1. */
  readonly publicSum: (points: Uint8Array, scalars: Uint8Array) => Uint8Array;
  readonly add: (a: Uint8Array, b: Uint8Array) => Uint8Array;
  /** The negative of a point that is not the identity. */
  readonly negate: (point: Uint8Array) => Uint8Array;
}

/** One after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** SEC 1 section 2.3.3: the compressed form, 33 bytes, of the 64 bytes of affine x and y. */
export function compressed(point: Uint8Array): Uint8Array {
  const out = new Uint8Array(33);
  out[0] = 2 | ((point[63] ?? 0) & 1);
  out.set(point.subarray(0, 32), 1);
  return out;
}

/** Whether all bytes are zero. Looks at every byte. */
export function isZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (const byte of bytes) {
    any |= byte;
  }
  return any === 0;
}

/** Arithmetic on secret scalars of one order, constant-time in native/scalars.c. */
export function nativeScalars(name: Group['name']): SecretScalars {
  return {
    random: (random) => {
      for (;;) {
        const wide = draw(random, wideScalarBytes);
        try {
          const scalar = scalarFunctions(name).fromWide(wide);
          // Zero comes with probability 2^-252; a source that gives only zeros is caught by its caller's health test.
          if (!isZero(scalar)) {
            return scalar;
          }
        } finally {
          wide.fill(0);
        }
      }
    },
    fromWide: (wide) => scalarFunctions(name).fromWide(wide),
    isCanonical: (raw) => raw.length === 32 && scalarFunctions(name).isCanonical(raw),
    isZero,
    add: (a, b) => scalarFunctions(name).add(a, b),
    subtract: (a, b) => scalarFunctions(name).subtract(a, b),
    negate: (a) => scalarFunctions(name).negate(a),
    multiply: (a, b) => scalarFunctions(name).multiply(a, b),
    invert: (a) => scalarFunctions(name).invert(a),
  };
}

/** Makes a group of a native curve. */
export function nativeGroup(curve: NativeCurve): Group {
  // A class of this group alone, so that elements of two groups don't mix.
  class NativeElement {
    readonly #point: Uint8Array;
    constructor(point: Uint8Array) {
      this.#point = point;
    }
    static pointOf(element: unknown): Uint8Array {
      if (!(element instanceof NativeElement)) {
        throw new TypeError(`not an element of ${curve.name}`);
      }
      return element.#point;
    }
  }
  const close = (point: Uint8Array): Element => new NativeElement(point) as unknown as Element;
  const open = (element: Element): Uint8Array => NativeElement.pointOf(element);
  const isIdentity = (element: Element): boolean => equalBytes(open(element), curve.identity);
  const { order, littleEndian } = curve;
  const { reduce, decodeScalar, encodeScalar } = publicScalars(order, littleEndian);
  const publicScalar = (scalar: bigint): Uint8Array => {
    // The encoding keeps the lowest 256 bits only, so what is out of range must not come so far.
    if (scalar < 0n || scalar >= order) {
      throw new TypeError('not a scalar below the order');
    }
    return encodeScalar(scalar);
  };
  const scalars = nativeScalars(curve.name);
  const generator = close(curve.generator);
  const identity = close(curve.identity);
  const encode = (element: Element): Uint8Array => {
    if (isIdentity(element)) {
      throw new TypeError('the identity has no encoding');
    }
    return curve.encode(open(element));
  };
  const publicSum = (terms: readonly Term[]): Element =>
    terms.length === 0
      ? identity
      : close(
          curve.publicSum(
            joined(terms.map(([element]) => open(element))),
            joined(terms.map(([, scalar]) => publicScalar(scalar))),
          ),
        );
  return {
    name: curve.name,
    backend: curve.backend,
    order,
    elementBytes: curve.elementBytes,
    generator,
    identity,
    decode: (raw) => {
      const point = raw.length === curve.elementBytes ? curve.decode(raw) : undefined;
      return point === undefined ? undefined : close(point);
    },
    encode,
    encodeAll: (elements) => elements.map(encode),
    decodeScalar,
    encodeScalar,
    reduce,
    publicInvert: (scalar) => integerOf(scalars.invert(publicScalar(scalar)), littleEndian),
    hashToScalar: (tag, parts) => integerOf(curve.wideHash(tag, parts), littleEndian) % order,
    hashToSecretScalar: (tag, parts): SecretScalar => {
      const wide = curve.wideHash(tag, parts);
      try {
        return scalars.fromWide(wide);
      } finally {
        wide.fill(0);
      }
    },
    scalars,
    baseProduct: (secret) => close(curve.baseProduct(secret)),
    product: (element, secret) => {
      if (isIdentity(element)) {
        throw new TypeError('a product with the identity');
      }
      return close(curve.product(open(element), secret));
    },
    publicBaseProduct: (scalar) => publicSum([[generator, scalar]]),
    publicSum,
    add: (a, b) => close(curve.add(open(a), open(b))),
    negate: (element) => (isIdentity(element) ? identity : close(curve.negate(open(element)))),
    equals: (a, b) => equalBytes(open(a), open(b)),
    isIdentity,
  };
}
