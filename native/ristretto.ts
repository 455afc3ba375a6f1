/**
 * ristretto255 (RFC 9496) by libsodium, in constant time: elements and scalars are 32 bytes, many one after the other in
 * one call. Elements that come in are checked; what does not decode, and the identity (32 zero bytes), throw TypeError, so
 * ask {@link areElements} first about bytes of others. Results are new bytes that the caller owns. Each call throws
 * `native/not-built` where the addon is not there.
 */
import { addon } from './addon.ts';

/** Bytes of an element and of a scalar. */
export const ristrettoBytes = 32;
/** Bytes of a uniform hash or draw that makes an element or a scalar. */
export const ristrettoWideBytes = 64;

/** Whether every one of n elements decodes (RFC 9496 section 4.3.1) and none is the identity. The answer is public. */
export const areElements = (elements: Uint8Array): boolean => addon().ristretto255.areElements(elements);

/** n times 64 uniform bytes to n elements of unknown discrete logarithm (RFC 9496 section 4.3.4). */
export const elementsFromHashes = (hashes: Uint8Array): Uint8Array => addon().ristretto255.fromHashes(hashes);

/** n times 64 uniform bytes to n scalars: little-endian, modulo the order. */
export const scalarsFromWide = (wide: Uint8Array): Uint8Array => addon().ristretto255.scalarsFromWide(wide);

/** n secret, non-zero scalars times the generator. TypeError where one is zero or not below the order. */
export const baseProducts = (scalars: Uint8Array): Uint8Array => addon().ristretto255.baseProducts(scalars);

/**
 * n elements times n secret, non-zero scalars; one element with n scalars, or one scalar with n elements, is taken n times.
 * TypeError where a scalar is zero or not below the order.
 */
export const products = (elements: Uint8Array, scalars: Uint8Array): Uint8Array =>
  addon().ristretto255.products(elements, scalars);

/** n elements plus n elements. A sum may be the identity: 32 zero bytes, which no call here takes. */
export const sums = (a: Uint8Array, b: Uint8Array): Uint8Array => addon().ristretto255.sums(a, b);

/** n elements minus n elements. A difference may be the identity, as with {@link sums}. */
export const differences = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  addon().ristretto255.differences(a, b);
