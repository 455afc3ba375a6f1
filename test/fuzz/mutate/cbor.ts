/**
 * Changes of CBOR that keep it CBOR: a lenient tree of the input, one place of it changed, and the tree written again.
 * The tree keeps how each head was written, so that what is not deterministic can be made as well.
 */
import type { Random } from '../engine/random.ts';
import { edges, integerBytes, join, mutateBytes, type Material, type Mutator } from './bytes.ts';
import { mutateDer } from './der.ts';

/** One item (RFC 8949 section 3). */
interface Item {
  major: number;
  /** Value, length, count or tag; of an item with children it follows from them unless `lies`. */
  argument: bigint;
  /** Bytes of the argument after the initial byte: 0, 1, 2, 4, 8; -1 stands for an indefinite length. */
  width: number;
  /** Byte and text strings. */
  content: Uint8Array;
  /** Arrays, maps (key, value, key, value, ...) and tags. */
  children: Item[];
  /** The head says `argument` whatever follows. */
  lies: boolean;
}

const empty = new Uint8Array();
const maxNodes = 4_096;
const plain = (major: number, argument: bigint): Item => ({
  major,
  argument,
  width: shortest(argument),
  content: empty,
  children: [],
  lies: false,
});
const shortest = (argument: bigint): number =>
  argument < 24n ? 0 : argument < 0x100n ? 1 : argument < 0x1_0000n ? 2 : argument < 0x1_0000_0000n ? 4 : 8;

/** A tree of one item that fills `bytes`, or `undefined`. */
function parse(bytes: Uint8Array): Item | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let count = 0;
  const item = (depth: number): Item | undefined => {
    const initial = bytes[at];
    count += 1;
    if (initial === undefined || depth > 32 || count > maxNodes) {
      return undefined;
    }
    at += 1;
    const info = initial & 0x1f;
    const width = info < 24 ? 0 : info === 31 ? -1 : info > 27 ? undefined : 2 ** (info - 24);
    if (width === undefined || (width > 0 && at + width > bytes.length)) {
      return undefined;
    }
    let argument = BigInt(info);
    if (width > 0) {
      argument =
        width === 8
          ? view.getBigUint64(at)
          : BigInt(width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at));
      at += width;
    }
    const made: Item = { ...plain(initial >> 5, argument), width };
    return fill(made, depth) ? made : undefined;
  };
  const fill = (made: Item, depth: number): boolean => {
    const { major, argument, width } = made;
    if (major < 2 || major === 7) {
      return width >= 0;
    }
    if (width < 0 && (major === 2 || major === 3 || major === 6)) {
      return false;
    }
    if (major < 4) {
      const length = Number(argument);
      made.content = bytes.slice(at, at + length);
      at += length;
      return at <= bytes.length;
    }
    const wanted = width < 0 ? Infinity : major === 6 ? 1 : Number(argument) * (major === 5 ? 2 : 1);
    for (let i = 0; i < wanted; i += 1) {
      if (width < 0 && bytes[at] === 0xff) {
        at += 1;
        return true;
      }
      const child = item(depth + 1);
      if (child === undefined) {
        return false;
      }
      made.children.push(child);
    }
    return true;
  };
  const root = item(0);
  return root !== undefined && at === bytes.length ? root : undefined;
}

function write(item: Item): Uint8Array {
  const { major, children, content, lies } = item;
  const body = major === 2 || major === 3 ? content : join(...children.map(write));
  const said =
    lies || major < 2 || major > 5
      ? item.argument
      : BigInt(major < 4 ? content.length : major === 4 ? children.length : children.length >> 1);
  if (item.width < 0 && major > 1 && major < 7) {
    return join(Uint8Array.of((major << 5) | 31), body, Uint8Array.of(0xff));
  }
  const width = Math.max(shortest(said), item.width);
  const info = width === 0 ? Number(said) : 24 + Math.log2(width);
  return join(Uint8Array.of((major << 5) | info), integerBytes(said, width, false), body);
}

/** All items of a tree, the root first. */
function all(root: Item): Item[] {
  return [root, ...root.children.flatMap(all)];
}

function sortMap(item: Item): void {
  const pairs: { key: Uint8Array; items: Item[] }[] = [];
  for (let i = 0; i < item.children.length; i += 2) {
    const items = item.children.slice(i, i + 2);
    pairs.push({ key: items[0] === undefined ? empty : write(items[0]), items });
  }
  pairs.sort((a, b) => Buffer.compare(a.key, b.key));
  item.children = pairs.flatMap(({ items }) => items);
}

const clone = (item: Item): Item => ({ ...item, children: item.children.map(clone) });
const text = (content: Uint8Array): Item => ({ ...plain(3, 0n), content });

/** A new small item of any type. */
function fresh(random: Random, { words }: Material): Item {
  switch (random.below(8)) {
    case 0:
      return plain(0, random.pick(edges));
    case 1:
      return plain(1, random.pick(edges));
    case 2:
      return { ...plain(2, 0n), content: random.bytes(Number(random.pick(edges.slice(0, 20)))) };
    case 3:
      return text(words.length === 0 ? random.bytes(3) : random.pick(words));
    case 4:
      return plain(4, 0n);
    case 5:
      return plain(5, 0n);
    case 6:
      return { ...plain(6, BigInt(random.below(64))), children: [plain(0, 1n)] };
    default:
      return plain(7, BigInt(random.pick([20, 21, 22, 23, 24, 25, 26, 27])));
  }
}

/** A new key of a map: a word of the format, a few letters, or a number. */
function freshKey(random: Random, { words }: Material): Item {
  if (random.oneIn(4)) {
    return plain(random.below(2), BigInt(random.below(64)));
  }
  return text(
    words.length === 0 || random.oneIn(4)
      ? random.bytes(random.small(8)).map((byte) => 0x61 + (byte % 26))
      : random.pick(words),
  );
}

/** Whether a string holds a certificate or another CBOR structure. */
function wraps(content: Uint8Array): boolean {
  const first = content[0] ?? 0;
  return (
    content.length > 8 &&
    (first === 0x30 || ((first >> 5 === 4 || first >> 5 === 5) && parse(content) !== undefined))
  );
}

/** Changes the inside of a byte or text string; what is CBOR or DER itself is changed as that. */
function mutateContent(content: Uint8Array, random: Random, material: Material): Uint8Array {
  if (wraps(content) && !random.oneIn(4)) {
    return (content[0] === 0x30 ? mutateDer : mutateCbor)(content, random, material);
  }
  switch (random.below(4)) {
    case 0: {
      const resized = new Uint8Array(Number(random.pick(edges.slice(0, 26))));
      resized.set(content.subarray(0, resized.length));
      return resized;
    }
    case 1:
      return random.oneIn(2)
        ? content.slice(0, Math.max(0, content.length - 1))
        : join(content, random.bytes(1));
    default:
      return mutateBytes(content, random, material);
  }
}

type Change = (item: Item, parent: Item | undefined, random: Random, material: Material) => void;
const become = (item: Item, other: Item): void => {
  Object.assign(item, clone(other));
};

const changes: readonly Change[] = [
  // Another value of the same type.
  (item, _parent, random, material) => {
    if (item.major === 2 || item.major === 3) {
      item.content = mutateContent(item.content, random, material);
    } else if (item.children.length === 0) {
      item.argument = random.oneIn(2)
        ? random.pick(edges)
        : BigInt.asUintN(64, item.argument + BigInt(random.below(33) - 16));
      item.width = shortest(item.argument);
    } else {
      const child = random.below(item.children.length);
      item.children.splice(child, 1, fresh(random, material));
    }
  },
  (item, _parent, random, material) => {
    if (item.major === 2 || item.major === 3) {
      item.content = mutateContent(item.content, random, material);
    } else {
      become(item, fresh(random, material));
    }
  },
  // Another type.
  (item, _parent, random, material) => {
    become(item, fresh(random, material));
  },
  (item, _parent, random) => {
    item.major = random.below(8);
  },
  // From another input.
  (item, _parent, random, { other }) => {
    const tree = parse(other());
    if (tree !== undefined) {
      become(item, random.pick(all(tree)));
    }
  },
  // A child more, less, twice, or in another place.
  (item, parent, random, material) => {
    const owner = item.major === 4 || item.major === 5 ? item : parent;
    const step = owner?.major === 5 ? 2 : 1;
    const at = step * random.below((owner?.children.length ?? 0) / step + 1);
    const added = fresh(random, material);
    owner?.children.splice(at, 0, ...(step === 2 ? [freshKey(random, material), added] : [added]));
  },
  (_item, parent, random) => {
    const step = parent?.major === 5 ? 2 : 1;
    parent?.children.splice(step * random.below(parent.children.length / step), step);
  },
  (_item, parent, random) => {
    if (parent !== undefined) {
      const step = parent.major === 5 ? 2 : 1;
      const at = step * random.below(parent.children.length / step);
      const times = random.oneIn(8) ? 40 : 1;
      for (let i = 0; i < times; i += 1) {
        parent.children.splice(at, 0, ...parent.children.slice(at, at + step).map(clone));
      }
    }
  },
  (_item, parent, random) => {
    const [first] = parent?.children.splice(random.below(parent.children.length), 1) ?? [];
    if (first !== undefined) {
      parent?.children.splice(random.below(parent.children.length + 1), 0, first);
    }
  },
  // Deeper.
  (item, _parent, random) => {
    for (let depth = random.oneIn(4) ? 20 : 1; depth > 0; depth -= 1) {
      become(item, { ...plain(4, 1n), children: [clone(item)] });
    }
  },
  // Written another way: a head that is not the shortest, an indefinite length, a head that lies.
  (item, _parent, random) => {
    item.width = random.pick([1, 2, 4, 8, -1]);
  },
  (item, _parent, random) => {
    item.lies = true;
    item.argument = random.oneIn(2) ? item.argument + 1n : random.pick(edges);
  },
];

/** One change of CBOR; of its bytes where the input is none. */
export const mutateCbor: Mutator = (input, random, material) => {
  // Tag 18 of a COSE document stands before it.
  const root = parse(input);
  if (root === undefined) {
    return mutateBytes(input, random, material);
  }
  const items = all(root);
  // Long strings hold most of the bytes, small items most of the meaning: every item is as likely as another.
  const item = random.pick(items);
  const parent = items.find(({ children }) => children.includes(item));
  // What wraps another structure is more often changed inside of it than as a whole.
  const change = wraps(item.content) && !random.oneIn(3) ? changes[0] : random.pick(changes);
  change?.(item, parent, random, material);
  if (!random.oneIn(4)) {
    for (const one of all(root)) {
      if (one.major === 5) {
        sortMap(one);
      }
    }
  }
  return write(root);
};
