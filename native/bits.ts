/** Matrices of bits in the addon (bits.c); threshold/dkls/kernel.ts defines the two operations. */
import { addon, type Addon } from './addon.ts';

/**
 * `transpose` and `foldRows`, and for tests the portable path of the latter, and whether the processor has a faster one.
 * TypeError for lengths that do not fit; throws `native/not-built`.
 */
export const bits = (): Addon['bits'] => addon().bits;
