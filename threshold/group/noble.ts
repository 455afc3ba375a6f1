/**
 * The reference backend: the arithmetic of noble curves behind {@link Group}.
 *
 * `multiply` of noble is constant-time in its algorithm and blinds the scalar; it serves the secret products.
 * `multiplyUnsafe` and `mulAddUnsafe` serve the public ones.
 */
import {
  mulAddUnsafe,
  normalizeZ,
  type CurvePoint,
  type CurvePointCons,
} from '@noble/curves/abstract/curve.js';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Element, Group, Random, Term } from './group.ts';

/** What differs between the curves. */
export interface NobleCurve<P extends CurvePoint<bigint, P>> {
  readonly name: Group['name'];
  readonly Point: CurvePointCons<P>;
  readonly elementBytes: number;
  /** Bytes to a point on the curve; throws or gives `undefined` on anything not canonical. */
  readonly fromBytes: (raw: Uint8Array) => P | undefined;
  readonly toBytes: (point: P) => Uint8Array;
  readonly hasCofactor: boolean;
  readonly littleEndian: boolean;
  readonly hashToScalar: Group['hashToScalar'];
  /** A faster way for a sum of exactly two products, where the curve has one. */
  readonly sumOfTwo?: (a: P, x: bigint, b: P, y: bigint) => P;
}

/** Bytes drawn for one scalar: 384 bits modulo a 256-bit order leave a bias below 2^-120. */
export const wideScalarBytes = 48;

/** Draws exactly `length` bytes. Throws `threshold/bad-randomness` where the source gives another number. */
export function draw(random: Random, length: number): Uint8Array {
  const raw = random(length);
  if (!(raw instanceof Uint8Array) || raw.length !== length) {
    throw new SymbolonError('threshold/bad-randomness', {
      wanted: length,
      got: raw instanceof Uint8Array ? raw.length : -1,
    });
  }
  return raw;
}

/** An integer of bytes, least significant byte first or last. */
export function integerOf(raw: Uint8Array, littleEndian: boolean): bigint {
  // Eight bytes at a time and no text on the way: a hexadecimal string of a secret could not be wiped.
  let value = 0n;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const words = raw.length >> 3;
  for (let i = 0; i < words; i += 1) {
    const word = littleEndian ? view.getBigUint64((words - 1 - i) * 8, true) : view.getBigUint64(i * 8);
    value = (value << 64n) | word;
  }
  return value;
}

/** 32 bytes of an integer below 2^256. */
export function bytesOfInteger(value: bigint, littleEndian: boolean): Uint8Array {
  const raw = new Uint8Array(32);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < 4; i += 1) {
    const word = BigInt.asUintN(64, value >> BigInt(64 * i));
    view.setBigUint64(littleEndian ? 8 * i : 24 - 8 * i, word, littleEndian);
  }
  return raw;
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
  const reduce = (value: bigint): bigint => {
    const rest = value % order;
    return rest < 0n ? rest + order : rest;
  };
  const unsafeDecodeAnyOrder = (raw: Uint8Array): Element | undefined => {
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
    if (point === undefined || point.is0()) {
      return undefined;
    }
    // Three doublings: all eight elements of small order end at the identity.
    return curve.hasCofactor && point.double().double().double().is0() ? undefined : close(point);
  };
  const inPrimeSubgroup = (element: Element): boolean => !curve.hasCofactor || open(element).isTorsionFree();
  const publicSum = (terms: readonly Term[]): Element => {
    const [first, second] = terms;
    if (first !== undefined && terms.length === 1) {
      return close(open(first[0]).multiplyUnsafe(first[1]));
    }
    if (first !== undefined && second !== undefined && terms.length === 2 && curve.sumOfTwo !== undefined) {
      return close(curve.sumOfTwo(open(first[0]), first[1], open(second[0]), second[1]));
    }
    // Interleaved wNAF (Straus) wins over separate products and over Pippenger below some 30 terms.
    return close(
      mulAddUnsafe(
        Point,
        terms.map(([element]) => open(element)),
        terms.map(([, scalar]) => scalar),
      ),
    );
  };
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
    scalarBytes: 32,
    elementBytes: curve.elementBytes,
    generator: close(Point.BASE),
    identity: close(Point.ZERO),
    unsafeDecodeAnyOrder,
    inPrimeSubgroup,
    decode: (raw) => {
      const element = unsafeDecodeAnyOrder(raw);
      return element !== undefined && inPrimeSubgroup(element) ? element : undefined;
    },
    encode,
    encodeAll: (elements) => normalizeZ(Point, elements.map(open)).map((point) => encode(close(point))),
    decodeScalar: (raw) => {
      if (raw.length !== 32) {
        return undefined;
      }
      const value = integerOf(raw, littleEndian);
      return value < order ? value : undefined;
    },
    encodeScalar: (scalar) => bytesOfInteger(scalar, littleEndian),
    reduce,
    publicInvert: (scalar) => Point.Fn.inv(scalar),
    randomScalar: (random) => {
      for (;;) {
        const wide = draw(random, wideScalarBytes);
        const scalar = reduce(integerOf(wide, littleEndian));
        wide.fill(0);
        // Zero comes with probability 2^-252; a source that gives only zeros is caught by its caller's health test.
        if (scalar !== 0n) {
          return scalar;
        }
      }
    },
    hashToScalar: curve.hashToScalar,
    baseProduct: (secret) => close(Point.BASE.multiply(secret)),
    product: (element, secret) => close(open(element).multiply(secret)),
    publicBaseProduct: (scalar) => close(Point.BASE.multiplyUnsafe(scalar)),
    publicSum,
    add: (a, b) => close(open(a).add(open(b))),
    negate: (element) => close(open(element).negate()),
    equals: (a, b) => open(a).equals(open(b)),
    isIdentity: (element) => open(element).is0(),
  };
}
