/** Arithmetic on secret scalars in the addon (scalars.c), one object for each order. */
import { addon, type ScalarFunctions } from './addon.ts';

/** The orders that the addon knows. */
export type OrderName = 'ed25519' | 'secp256k1' | 'p256';

/**
 * The functions of one order, of single scalars and of vectors. Every argument is a Uint8Array of the right length, with
 * scalars below the order; TypeError otherwise. Throws `native/not-built`.
 */
export function scalarFunctions(order: OrderName): ScalarFunctions {
  const native = addon();
  switch (order) {
    case 'ed25519':
      return native.scalarsEd25519;
    case 'secp256k1':
      return native.scalarsSecp256k1;
    case 'p256':
      return native.scalarsP256;
  }
}
