/** A parser with a fault that hides behind a magic value: what the fuzzer itself is tested with. */
import { SymbolonError } from '../../wire/errors/index.ts';

/** Where the planted fault is. */
export const planted = 'the planted fault';

const malformed = (offset: number): SymbolonError<'wire/malformed-cbor'> =>
  new SymbolonError('wire/malformed-cbor', { reason: 'toy', offset });

/**
 * Takes `SYMB`, a version and whatever follows. Each byte of the magic value is a step of its own, as in parsers that are
 * written by hand. Version 0xd3 fails.
 * @returns the bytes after the head
 */
export function parseToy(input: Uint8Array): Uint8Array {
  if (input[0] !== 0x53) {
    throw malformed(0);
  }
  if (input[1] !== 0x59) {
    throw malformed(1);
  }
  if (input[2] !== 0x4d) {
    throw malformed(2);
  }
  if (input[3] !== 0x42) {
    throw malformed(3);
  }
  if (input[4] === 0xd3) {
    throw new RangeError(planted);
  }
  return input.subarray(5);
}

/** Takes time with the square of its input. */
export function parseSlowly(input: Uint8Array): number {
  let sum = 0;
  for (const a of input) {
    for (const b of input) {
      sum = (sum + a * b) | 0;
    }
  }
  return sum;
}

/** Writes into its input. */
export function parseInPlace(input: Uint8Array): Uint8Array {
  return input.fill(0);
}

/** Two encodings of one value: the highest bit of each byte is left aside. */
export const decodeLoosely = (input: Uint8Array): Uint8Array => input.map((byte) => byte & 0x7f);
