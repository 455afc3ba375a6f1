/** Changes of DER that keep it a tree of tags and lengths, wrong lengths included. */
import type { Random } from '../engine/random.ts';
import { edges, integerBytes, join, mutateBytes, type Material, type Mutator } from './bytes.ts';

interface Value {
  tag: number;
  /** Constructed values, and strings that wrap another encoding. */
  children: Value[];
  content: Uint8Array;
  /** Bytes before the children inside of the content: the unused bits of a BIT STRING. */
  lead: Uint8Array;
  /** The length as it is written; `undefined` for the shortest one that is right. */
  length: Uint8Array | undefined;
}

const empty = new Uint8Array();
const tags = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xa3, 0x1f,
] as const;

/** Values that fill `bytes`, or `undefined`. */
function parse(bytes: Uint8Array, depth = 0): Value[] | undefined {
  const values: Value[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined || depth > 16 || values.length > 512) {
      return undefined;
    }
    const more = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + more;
    if (more > 3 || first === 0x80 || start > bytes.length) {
      return undefined;
    }
    const length = more === 0 ? first : Buffer.from(bytes.subarray(at + 2, start)).readUIntBE(0, more);
    const end = start + length;
    if (end > bytes.length) {
      return undefined;
    }
    values.push(valueOf(tag, bytes.slice(start, end), depth));
    at = end;
  }
  return values;
}

function valueOf(tag: number, content: Uint8Array, depth: number): Value {
  const value: Value = { tag, children: [], content, lead: empty, length: undefined };
  const wraps = tag === 0x04 || (tag === 0x03 && content[0] === 0);
  if ((tag & 0x20) !== 0 || wraps) {
    const lead = tag === 0x03 ? 1 : 0;
    const inner = content.length > lead ? parse(content.subarray(lead), depth + 1) : undefined;
    if (inner !== undefined) {
      return { ...value, children: inner, content: empty, lead: content.slice(0, lead) };
    }
  }
  return value;
}

function write(value: Value): Uint8Array {
  const body = join(value.lead, value.content, ...value.children.map(write));
  return join(Uint8Array.of(value.tag), value.length ?? lengthOf(body.length), body);
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) {
    return Uint8Array.of(length);
  }
  const width = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
  return join(Uint8Array.of(0x80 | width), integerBytes(BigInt(length), width, false));
}

const all = (values: readonly Value[]): Value[] => values.flatMap((value) => [value, ...all(value.children)]);
const clone = (value: Value): Value => ({ ...value, children: value.children.map(clone) });

type Change = (value: Value, siblings: Value[], random: Random, material: Material) => void;
const changes: readonly Change[] = [
  (value, _siblings, random, material) => {
    if (value.children.length === 0) {
      value.content = mutateBytes(value.content, random, material);
    } else {
      value.children.splice(random.below(value.children.length), 1);
    }
  },
  (value, _siblings, random, material) => {
    value.content = random.oneIn(2)
      ? integerBytes(random.pick(edges), random.pick([1, 2, 4, 8]), false)
      : mutateBytes(value.content, random, material);
  },
  (value, _siblings, random) => {
    value.tag = random.oneIn(4) ? random.below(256) : random.pick(tags);
  },
  (value, siblings, random) => {
    siblings.splice(random.below(siblings.length + 1), 0, clone(value));
  },
  (value, siblings, random) => {
    siblings.splice(siblings.indexOf(value), 1);
    if (random.oneIn(2)) {
      siblings.splice(random.below(siblings.length + 1), 0, value);
    }
  },
  (value, siblings, random) => {
    siblings.splice(random.below(siblings.length + 1), 0, {
      ...clone(value),
      tag: random.pick(tags),
      content: random.bytes(random.below(8)),
    });
  },
  // From another input.
  (value, _siblings, random, { other }) => {
    const values = all(parse(other()) ?? []);
    if (values.length > 0) {
      Object.assign(value, clone(random.pick(values)));
    }
  },
  // A length that is too long, of a form that is not the shortest, or indefinite.
  (value, _siblings, random) => {
    const length = write({ ...value, length: undefined }).length;
    value.length = random.pick([
      Uint8Array.of(0x80),
      Uint8Array.of(0x81, length & 0xff),
      Uint8Array.of(0x82, (length >> 8) & 0xff, length & 0xff),
      Uint8Array.of(0x83, 0, (length >> 8) & 0xff, length & 0xff),
      Uint8Array.of(0x84, 0xff, 0xff, 0xff, 0xff),
      Uint8Array.of(length & 0x7f),
      Uint8Array.of(0),
    ]);
  },
];

/** One change of DER; of its bytes where the input is none. */
export const mutateDer: Mutator = (input, random, material) => {
  const roots = parse(input);
  if (roots === undefined || roots.length === 0) {
    return mutateBytes(input, random, material);
  }
  const values = all(roots);
  const value = random.pick(values);
  const siblings =
    [roots, ...values.map(({ children }) => children)].find((list) => list.includes(value)) ?? roots;
  random.pick(changes)(value, siblings, random, material);
  return join(...roots.map(write));
};
