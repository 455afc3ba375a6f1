/**
 * The group of the base OTs: ristretto255 (RFC 9496), of prime order, so every encoding that decodes is an element of the
 * group and there is no cofactor to think of. Points and scalars are 32 bytes each and come one after the other, many to a
 * call, because a call into the native backend costs as much as what it does for one of them.
 */

/** Bytes of a point. */
export const otPointBytes = 32;
/** Bytes of a scalar, little-endian. */
export const otScalarBytes = 32;
/** Uniform bytes for one scalar or one point. */
export const otWideBytes = 64;

/**
 * Bulk operations on ristretto255. Lengths that do not fit throw TypeError, and so do a point that does not decode, the
 * identity as an argument, and a scalar that is zero or not below the order. Secrets are the caller's to wipe.
 */
export interface OtGroup {
  /** Which arithmetic runs: `libsodium`, or `noble` for the reference. */
  readonly backend: string;
  /** n * 64 uniform bytes to n scalars, each the little-endian bytes modulo the order. */
  scalarsFromWide(wide: Uint8Array): Uint8Array;
  /** n * 64 uniform bytes to n points: the one-way map of RFC 9496 section 4.3.4. */
  pointsFromUniform(uniform: Uint8Array): Uint8Array;
  /** Whether each of n points decodes (RFC 9496 section 4.3.1) and none is the identity. The answer is public. */
  areValid(points: Uint8Array): boolean;
  /** n sums of two points; a sum may be the identity. */
  add(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** n differences of two points; a difference may be the identity. */
  subtract(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** n secret scalars times the generator, in constant time. */
  baseProducts(scalars: Uint8Array): Uint8Array;
  /** Points times secret scalars, in constant time: n of each, or one scalar and n points, or n scalars and one point. */
  products(points: Uint8Array, scalars: Uint8Array): Uint8Array;
}
