/**
 * Changes of TPM structures and event logs. They do not describe themselves, so sizes are guessed: an integer that says how
 * much follows it. Structures are big endian with 16-bit sizes (Part 1 section 11), event logs little endian with 32-bit ones
 * (TCG PC Client Platform Firmware Profile section 10).
 */
import type { Random } from '../engine/random.ts';
import { edges, integerBytes, join, mutateBytes, replace, type Mutator } from './bytes.ts';

interface Size {
  readonly at: number;
  readonly width: 2 | 4;
  readonly little: boolean;
  readonly value: number;
}

function sizesOf(input: Uint8Array, little: boolean): Size[] {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const width = little ? 4 : 2;
  const found: Size[] = [];
  for (let at = 0; at + width <= input.length; at += 1) {
    const value = little ? view.getUint32(at, true) : view.getUint16(at);
    if (value > 0 && value <= input.length - at - width) {
      found.push({ at, width, little, value });
    }
  }
  return found;
}

const algorithms = [
  0x01, 0x04, 0x05, 0x06, 0x08, 0x0b, 0x0c, 0x0d, 0x10, 0x14, 0x16, 0x18, 0x23, 0x43,
] as const;
const events = [0, 1, 3, 4, 5, 6, 7, 8, 0x0d, 0x8000_0001, 0x8000_0003, 0x8000_0007, 0x8000_00e0] as const;

/** Changes what a size speaks of, and the size with it; and the sizes around it where `around`. */
function resize(input: Uint8Array, size: Size, sizes: readonly Size[], random: Random): Uint8Array {
  const start = size.at + size.width;
  const content = input.subarray(start, start + size.value);
  const wanted = random.oneIn(2)
    ? Number(random.pick(edges.slice(0, 26)))
    : Math.max(0, size.value + random.below(17) - 8);
  const changed = join(content.subarray(0, wanted), new Uint8Array(Math.max(0, wanted - content.length)));
  const by = wanted - size.value;
  let out = replace(input, start, size.value, changed);
  const write = (one: Size, value: number): void => {
    out = replace(out, one.at, one.width, integerBytes(BigInt(Math.max(0, value)), one.width, one.little));
  };
  write(size, wanted);
  for (const one of sizes) {
    const end = one.at + one.width + one.value;
    if (one.at + one.width <= size.at && end >= start + size.value && random.oneIn(3)) {
      write(one, one.value + by);
    }
  }
  return out;
}

/** One change of a TPM structure or an event log. */
export const mutateTpm: Mutator = (input, random, material) => {
  const little = random.oneIn(2);
  const sizes = sizesOf(input, little);
  const at = random.below(input.length);
  switch (random.below(6)) {
    case 0:
    case 1:
      return sizes.length === 0
        ? mutateBytes(input, random, material)
        : resize(input, random.pick(sizes), sizes, random);
    case 2: {
      const [size] = sizes.length === 0 ? [] : [random.pick(sizes)];
      const value = random.oneIn(2) ? random.pick(edges) : BigInt((size?.value ?? 0) + random.below(5) - 2);
      return replace(input, size?.at ?? at, little ? 4 : 2, integerBytes(value, little ? 4 : 2, little));
    }
    case 3:
      return replace(input, at, 2, integerBytes(BigInt(random.pick(algorithms)), 2, little));
    case 4:
      return replace(input, at, 4, integerBytes(BigInt(random.pick(events)), 4, little));
    default:
      return mutateBytes(input, random, material);
  }
};
