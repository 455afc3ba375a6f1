/**
 * The groups that the protocols work in, behind one interface. Two backends stand behind it: a native one, which every
 * process runs, and the reference one of noble curves, which tests hold the native one against.
 *
 * Scalars come in two kinds that the types keep apart. A **public** scalar is a `bigint` from 0 to `order - 1`. A
 * **secret** scalar is a {@link SecretScalar}: 32 bytes that have one owner, who wipes them; no secret is ever a `bigint`.
 */

/** Gives `length` fresh, secret, uniformly random bytes. The caller of the protocols owns the source. */
export type Random = (length: number) => Uint8Array;

declare const elementBrand: unique symbol;
/** A point of a group, opaque outside its backend. Points of two groups don't mix: the backend throws TypeError. */
export interface Element {
  readonly [elementBrand]: true;
}

/** One term of a sum of products: a public scalar. */
export type Term = readonly [element: Element, scalar: bigint];

/** 32 bytes below the order, in the byte order of the group's encoding. Its owner wipes it after use. */
export type SecretScalar = Uint8Array;

/**
 * Arithmetic modulo the order of a group on secrets: constant-time in the native backend. Every result is 32 new bytes
 * that the caller owns; arguments stay the caller's. Arguments that are not 32 bytes below the order throw TypeError.
 */
export interface SecretScalars {
  /** A uniform non-zero scalar from 48 bytes of `random` at a time (bias below 2^-120, T40); the bytes are wiped. */
  random(random: Random): SecretScalar;
  /** 48 or 64 bytes, in the byte order of the encoding, modulo the order. The bytes stay the caller's to wipe. */
  fromWide(wide: Uint8Array): SecretScalar;
  /** Whether these are 32 bytes below the order. Zero passes. The answer is public. */
  isCanonical(raw: Uint8Array): boolean;
  /** Whether all bytes are zero. The answer is public. */
  isZero(scalar: SecretScalar): boolean;
  add(a: SecretScalar, b: SecretScalar): SecretScalar;
  subtract(a: SecretScalar, b: SecretScalar): SecretScalar;
  negate(a: SecretScalar): SecretScalar;
  multiply(a: SecretScalar, b: SecretScalar): SecretScalar;
  /** The inverse. Throws TypeError on zero. */
  invert(a: SecretScalar): SecretScalar;
}

/** A group of prime order (for Ed25519: the prime-order subgroup of the curve). */
export interface Group {
  readonly name: 'ed25519' | 'secp256k1' | 'p256';
  /** Which arithmetic runs: `libsodium`, `libsecp256k1`, `openssl`, or `noble` for the reference. Reported in status. */
  readonly backend: string;
  readonly order: bigint;
  /** Bytes of an encoded element: 32 (Ed25519, RFC 8032) or 33 (secp256k1 and P-256, SEC 1 compressed). */
  readonly elementBytes: number;
  readonly generator: Element;
  readonly identity: Element;

  /**
   * Decodes with every check of RFC 9591 section 3.1: length, canonical encoding, on the curve, not the identity, in the
   * prime-order subgroup. `undefined` where one fails.
   */
  decode(raw: Uint8Array): Element | undefined;
  /** The one encoding of an element. Throws TypeError on the identity, which has none here (RFC 9591 section 3.1). */
  encode(element: Element): Uint8Array;
  /** Encodes many at once, where that is cheaper. */
  encodeAll(elements: readonly Element[]): Uint8Array[];

  /** Decodes a public scalar of exactly 32 bytes below the order; zero passes. `undefined` otherwise. */
  decodeScalar(raw: Uint8Array): bigint | undefined;
  /** The 32 bytes of a public scalar: little-endian on Ed25519, big-endian elsewhere. */
  encodeScalar(scalar: bigint): Uint8Array;
  /** A public `value` modulo the order, in `0 .. order - 1`. */
  reduce(value: bigint): bigint;
  /** The inverse of a public non-zero scalar. */
  publicInvert(scalar: bigint): bigint;
  /** RFC 9591 section 6: the hash of `parts` to a public scalar under a domain separation tag, free of bias. */
  hashToScalar(tag: Uint8Array, parts: readonly Uint8Array[]): bigint;
  /** The same hash to a secret scalar: where a part is secret. */
  hashToSecretScalar(tag: Uint8Array, parts: readonly Uint8Array[]): SecretScalar;

  /** Arithmetic on secret scalars. */
  readonly scalars: SecretScalars;
  /** Secret, non-zero scalar times the generator, in constant time. Throws TypeError on zero. */
  baseProduct(secret: SecretScalar): Element;
  /** Secret, non-zero scalar times an element, in constant time. Throws TypeError on zero and on the identity. */
  product(element: Element, secret: SecretScalar): Element;

  /** Public scalar times the generator. */
  publicBaseProduct(scalar: bigint): Element;
  /** Sum of public scalars times elements; the identity for no terms. */
  publicSum(terms: readonly Term[]): Element;
  add(a: Element, b: Element): Element;
  negate(element: Element): Element;
  equals(a: Element, b: Element): boolean;
  isIdentity(element: Element): boolean;
}
