/** Bytes and public integers, and the drawing of random bytes: what both backends of the groups share. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Random } from './group.ts';

/** Bytes drawn for one scalar: 384 bits modulo a 256-bit order leave a bias below 2^-120 (T40). */
export const wideScalarBytes = 48;

/** Draws exactly `length` bytes. Throws `threshold/bad-randomness` where the source gives another number. */
export function draw(random: Random, length: number): Uint8Array {
  const raw = random(length);
  if (!(raw instanceof Uint8Array) || raw.length !== length) {
    throw new SymbolonError('threshold/bad-randomness', {
      wanted: length,
      got: raw instanceof Uint8Array ? raw.length : -1,
    });
  }
  return raw;
}

/** An integer of bytes, a multiple of 8, least significant byte first or last. */
export function integerOf(raw: Uint8Array, littleEndian: boolean): bigint {
  // Eight bytes at a time and no text on the way: a hexadecimal string of a secret could not be wiped.
  let value = 0n;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const words = raw.length >> 3;
  for (let i = 0; i < words; i += 1) {
    const word = littleEndian ? view.getBigUint64((words - 1 - i) * 8, true) : view.getBigUint64(i * 8);
    value = (value << 64n) | word;
  }
  return value;
}

/** 32 bytes of an integer below 2^256. */
export function bytesOfInteger(value: bigint, littleEndian: boolean): Uint8Array {
  const raw = new Uint8Array(32);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < 4; i += 1) {
    const word = BigInt.asUintN(64, value >> BigInt(64 * i));
    view.setBigUint64(littleEndian ? 8 * i : 24 - 8 * i, word, littleEndian);
  }
  return raw;
}

/** Public scalars of one order, and their bytes. */
export interface PublicScalars {
  readonly reduce: (value: bigint) => bigint;
  readonly decodeScalar: (raw: Uint8Array) => bigint | undefined;
  readonly encodeScalar: (scalar: bigint) => Uint8Array;
}

/** What both backends do alike with public scalars: see the functions of these names in group.ts. */
export function publicScalars(order: bigint, littleEndian: boolean): PublicScalars {
  return {
    reduce: (value) => {
      const rest = value % order;
      return rest < 0n ? rest + order : rest;
    },
    decodeScalar: (raw) => {
      if (raw.length !== 32) {
        return undefined;
      }
      const value = integerOf(raw, littleEndian);
      return value < order ? value : undefined;
    },
    encodeScalar: (scalar) => bytesOfInteger(scalar, littleEndian),
  };
}
