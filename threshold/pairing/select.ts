/**
 * Choosing by a secret bit without a branch or an index that depends on it: both candidates are read, and a mask of zeros
 * or ones keeps one. JavaScript promises no timing, so this is the best that can be done above the native code.
 */

/** Bit `i` of a byte string, bit 0 the lowest of the first byte. */
export const bitOf = (bits: Uint8Array, i: number): number => ((bits[i >> 3] ?? 0) >> (i & 7)) & 1;

/** 0xff for 1, 0 for 0. */
export const byteMask = (bit: number): number => -bit & 0xff;

/** 0xffffffff for 1, 0 for 0, as a signed 32-bit integer. */
export const wordMask = (bit: number): number => -bit | 0;

/** Writes `one` where the bit is 1 and `zero` where it is 0; all three have the same length. */
export function selectInto(target: Uint8Array, bit: number, zero: Uint8Array, one: Uint8Array): void {
  const mask = byteMask(bit);
  for (let i = 0; i < target.length; i += 1) {
    const low = zero[i] ?? 0;
    target[i] = low ^ (mask & (low ^ (one[i] ?? 0)));
  }
}

/** Adds (XOR) `part` to `target`. */
export function xorInto(target: Uint8Array, part: Uint8Array): void {
  for (let i = 0; i < target.length; i += 1) {
    target[i] = (target[i] ?? 0) ^ (part[i] ?? 0);
  }
}
