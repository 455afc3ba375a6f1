/** Changes of bytes that know nothing of a format: what every fuzzer does. */
import type { Random } from '../engine/random.ts';

/** What a mutator may take from beside its input. */
export interface Material {
  /** Another input of the corpus. */
  readonly other: () => Uint8Array;
  /** Words of the format: field names, magic values, object identifiers. */
  readonly words: readonly Uint8Array[];
}
/** Makes a changed copy of an input. The input itself stays as it is. */
export type Mutator = (input: Uint8Array, random: Random, material: Material) => Uint8Array;

/** Joins parts. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const edges8 = [0x00, 0x01, 0x17, 0x18, 0x1f, 0x20, 0x40, 0x60, 0x7f, 0x80, 0x81, 0xa0, 0xc0, 0xff] as const;
/** Values at which lengths, counts and signs change their form. */
export const edges: readonly bigint[] = [
  ...[0n, 1n, 2n, 16n, 23n, 24n, 31n, 32n, 33n, 47n, 48n, 49n, 63n, 64n, 65n, 127n, 128n, 255n, 256n, 257n],
  ...[1_023n, 1_024n, 1_025n, 4_095n, 4_096n, 0x7fffn, 0x8000n, 0xfffen, 0xffffn, 0x10000n, 0x10001n],
  ...[0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n],
  ...[0x1f_ffff_ffff_ffffn, 0x20_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
];

/** Replaces `count` bytes at `at`. */
export const replace = (input: Uint8Array, at: number, count: number, by: Uint8Array): Uint8Array =>
  join(input.subarray(0, at), by, input.subarray(Math.min(input.length, at + count)));

/** An integer of 1, 2, 4 or 8 bytes, big or little endian. */
export function integerBytes(value: bigint, width: number, little: boolean): Uint8Array {
  const out = new Uint8Array(width);
  let left = BigInt.asUintN(8 * width, value);
  for (let i = 0; i < width; i += 1) {
    out[little ? i : width - 1 - i] = Number(left & 0xffn);
    left >>= 8n;
  }
  return out;
}

const piece = (input: Uint8Array, random: Random): Uint8Array => {
  const at = random.below(input.length);
  return input.subarray(at, at + random.small(Math.max(1, input.length - at)));
};

/** What helps most: it is in the list more often. */
const oneByte: Mutator = (input, random) => {
  const out = input.slice();
  out[random.below(out.length)] = random.oneIn(3) ? random.pick(edges8) : random.below(256);
  return out;
};

const changes: readonly Mutator[] = [
  // One bit.
  (input, random) => {
    const out = input.slice();
    const at = random.below(out.length);
    out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
    return out;
  },
  ...[oneByte, oneByte, oneByte],
  // One byte, by a little.
  (input, random) => {
    const out = input.slice();
    const at = random.below(out.length);
    out[at] = (out[at] ?? 0) + (random.oneIn(2) ? random.small(16) : -random.small(16));
    return out;
  },
  // An integer at the edge of something.
  (input, random) => {
    const width = random.pick([1, 2, 4, 8]);
    const by = integerBytes(random.pick(edges), width, random.oneIn(4));
    return replace(input, random.below(input.length), width, by);
  },
  // Cut off.
  (input, random) => input.slice(0, random.below(input.length)),
  (input, random) => input.slice(0, Math.max(0, input.length - random.small(8))),
  // Left out.
  (input, random) => {
    const at = random.below(input.length);
    return replace(input, at, random.small(input.length - at), new Uint8Array());
  },
  // Put in.
  (input, random) => replace(input, random.below(input.length + 1), 0, random.bytes(random.small(16))),
  (input, random) =>
    replace(
      input,
      random.below(input.length + 1),
      0,
      new Uint8Array(random.small(64)).fill(random.pick(edges8)),
    ),
  // Said twice, or somewhere else.
  (input, random) => replace(input, random.below(input.length + 1), 0, piece(input, random)),
  (input, random) => {
    const part = piece(input, random);
    return replace(input, random.below(input.length), part.length, part);
  },
  // From another input.
  (input, random, { other }) => {
    const part = piece(other(), random);
    return replace(input, random.below(input.length + 1), random.oneIn(2) ? part.length : 0, part);
  },
  (input, random, { other }) => {
    const second = other();
    return join(
      input.subarray(0, random.below(input.length + 1)),
      second.subarray(random.below(second.length)),
    );
  },
  // A word of the format.
  (input, random, { words }) => {
    const word = words.length === 0 ? random.bytes(4) : random.pick(words);
    return replace(input, random.below(input.length + 1), random.oneIn(2) ? word.length : 0, word);
  },
];

/** One change of bytes. */
export const mutateBytes: Mutator = (input, random, material) =>
  input.length === 0
    ? random.oneIn(2)
      ? material.other().slice()
      : random.bytes(random.small(16))
    : random.pick(changes)(input, random, material);
