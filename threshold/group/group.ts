/**
 * The groups that the protocols work in, behind one interface, so that a native backend can take the place of the
 * reference one without a change in any protocol.
 */

/** Gives `length` fresh, secret, uniformly random bytes. The caller of the protocols owns the source. */
export type Random = (length: number) => Uint8Array;

declare const elementBrand: unique symbol;
/** A point of a group, opaque outside its backend. Points of two groups don't mix: the backend throws TypeError. */
export interface Element {
  readonly [elementBrand]: true;
}

/** One term of a sum of products. */
export type Term = readonly [element: Element, scalar: bigint];

/**
 * A group of prime order (for Ed25519: the prime-order subgroup of the curve).
 *
 * Scalars are integers from 0 to `order - 1`. Methods whose name has `public` in it may take time that depends on
 * their input and never get a secret; `baseProduct` and `product` are for secret scalars.
 */
export interface Group {
  readonly name: 'ed25519' | 'secp256k1';
  /** Which arithmetic runs: `noble` is the reference backend. Reported in status and benchmarks. */
  readonly backend: string;
  readonly order: bigint;
  /** Bytes of an encoded scalar: 32. */
  readonly scalarBytes: number;
  /** Bytes of an encoded element: 32 (Ed25519, RFC 8032) or 33 (secp256k1, SEC 1 compressed). */
  readonly elementBytes: number;
  readonly generator: Element;
  readonly identity: Element;

  /**
   * Decodes with every check of RFC 9591 section 3.1: length, canonical encoding, on the curve, not the identity, in the
   * prime-order subgroup. `undefined` where one fails.
   */
  decode(raw: Uint8Array): Element | undefined;
  /**
   * As {@link Group.decode}, but on a curve with a cofactor an element of composite order passes (one of small order
   * does not). Only where a later equation settles it; each use says which one.
   */
  unsafeDecodeAnyOrder(raw: Uint8Array): Element | undefined;
  /** Whether the element is in the prime-order subgroup. Costs a product on Ed25519, nothing on secp256k1. */
  inPrimeSubgroup(element: Element): boolean;
  /** The one encoding of an element. Throws TypeError on the identity, which has none here (RFC 9591 section 3.1). */
  encode(element: Element): Uint8Array;
  /** Encodes many with a single field inversion. */
  encodeAll(elements: readonly Element[]): Uint8Array[];

  /** Decodes a scalar of exactly 32 bytes below the order; zero passes. `undefined` otherwise. */
  decodeScalar(raw: Uint8Array): bigint | undefined;
  /** The 32 bytes of a scalar: little-endian on Ed25519, big-endian on secp256k1. */
  encodeScalar(scalar: bigint): Uint8Array;
  /** `value` modulo the order, in `0 .. order - 1`. */
  reduce(value: bigint): bigint;
  /** The inverse of a public non-zero scalar. */
  publicInvert(scalar: bigint): bigint;
  /** A uniform non-zero scalar from 48 bytes of `random` at a time (bias below 2^-120); the bytes are wiped. */
  randomScalar(random: Random): bigint;
  /** RFC 9591 section 6: the hash of `parts` to a scalar under a domain separation tag, free of bias. */
  hashToScalar(tag: Uint8Array, parts: readonly Uint8Array[]): bigint;

  /** Secret, non-zero scalar times the generator. */
  baseProduct(secret: bigint): Element;
  /** Secret, non-zero scalar times an element of the prime-order subgroup. */
  product(element: Element, secret: bigint): Element;
  /** Public scalar times the generator. */
  publicBaseProduct(scalar: bigint): Element;
  /** Sum of public scalars times elements. */
  publicSum(terms: readonly Term[]): Element;
  add(a: Element, b: Element): Element;
  negate(element: Element): Element;
  equals(a: Element, b: Element): boolean;
  isIdentity(element: Element): boolean;
}
