/**
 * Curve arithmetic in the addon. Every argument is a Uint8Array of the right length, holding a point or a scalar below the
 * order; TypeError otherwise. Results are new bytes. Each call throws `native/not-built` where the addon is not there.
 */
import { addon, type Addon } from './addon.ts';

/**
 * secp256k1 by libsecp256k1. A point is 64 bytes: affine x and y, big-endian; the identity is 64 zero bytes. `product`
 * takes point and secret, `publicSum` n points and n public scalars, `add` n points. `decode` takes 33 bytes and gives
 * `undefined` where they are no compressed point. `verifyEcdsa` wants low s; `verifySchnorr` takes any message (BIP340).
 */
export const secp256k1 = (): Addon['secp256k1'] => addon().secp256k1;

/**
 * The prime-order subgroup of edwards25519 by libsodium. A point is its 32 bytes of RFC 8032. `isElement` makes every
 * check of RFC 9591 section 3.1; the identity is refused there and taken by `publicSum` and `add`.
 */
export const ed25519 = (): Addon['ed25519'] => addon().ed25519;

/**
 * P-256 beside OpenSSL. A point is 64 bytes: affine x and y, big-endian; the identity is 64 zero bytes. `decode` takes 33
 * bytes and gives `undefined` where they are no compressed point. `recover` takes a point P, x of kP and x of (k + 1)P, and
 * gives the whole of kP, in constant time. `publicSum` takes n points and n public scalars, `add` n points.
 */
export const p256 = (): Addon['p256'] => addon().p256;
