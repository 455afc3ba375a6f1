/** Randomness, passed in: gives `length` fresh random bytes that the caller owns. */
export type Random = (length: number) => Uint8Array;
