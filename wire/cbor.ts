/**
 * Strict deterministic CBOR (RFC 8949 section 4.2.1) over a small, closed set of types.
 *
 * One value has exactly one encoding, so a signature over the bytes is a signature over the value, and bytes that
 * decode can be compared without re-encoding. Everything that this codec does not name is refused: tags, floats,
 * `undefined`, indefinite lengths, non-minimal integers, unsorted or duplicate map keys, ill-formed UTF-8, trailing
 * bytes. Size, depth and the number of items are capped before anything is allocated for them.
 */
import { SymbolonError } from './errors/index.ts';
import { maxCborItems } from './limits.ts';

/** A key of a CBOR map: text, or an integer (COSE headers and PCR maps use integers). */
export type CborKey = string | number;
/** The values that the codec speaks. Integers outside the safe range of a double are `bigint`. */
export type CborValue =
  | number
  | bigint
  | Uint8Array
  | string
  | boolean
  | null
  | readonly CborValue[]
  | ReadonlyMap<CborKey, CborValue>;
/** What {@link encodeCbor} takes: as {@link CborValue}, and plain objects stand for maps with text keys. */
export type CborInput =
  | number
  | bigint
  | Uint8Array
  | string
  | boolean
  | null
  | readonly CborInput[]
  | ReadonlyMap<CborKey, CborInput>
  | { readonly [key: string]: CborInput | undefined };

/** Limits and the one deviation that a decoder can be given. */
export interface CborOptions {
  /** Longest accepted input in bytes; checked before the first byte is read. */
  readonly maxBytes: number;
  /** Deepest nesting of arrays and maps; 16 unless told. */
  readonly maxDepth?: number;
  /** Accept an indefinite length for the outermost map only, as AWS Nitro writes its payload since 2025. */
  readonly indefiniteTopMap?: boolean;
  /** Keep the map order as it came instead of requiring it sorted (Nitro payloads are not sorted). Duplicates stay refused. */
  readonly unsortedKeys?: boolean;
}

const defaultDepth = 16;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

const malformed = (reason: string, offset: number): SymbolonError<'wire/malformed-cbor'> =>
  new SymbolonError('wire/malformed-cbor', { reason, offset });

/**
 * Decodes exactly one value that fills `bytes`.
 *
 * Byte strings in the result are copies: the input may be wiped or reused afterwards.
 * @throws SymbolonError `wire/oversize` before parsing, `wire/malformed-cbor` otherwise.
 */
export function decodeCbor(bytes: Uint8Array, options: CborOptions): CborValue {
  if (bytes.length > options.maxBytes) {
    throw new SymbolonError('wire/oversize', { what: 'cbor', size: bytes.length, limit: options.maxBytes });
  }
  const reader = new Reader(bytes, options);
  const value = reader.value(0);
  if (reader.offset !== bytes.length) {
    throw malformed('bytes after the value', reader.offset);
  }
  return value;
}

class Reader {
  offset = 0;
  #items = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  readonly #options: CborOptions;

  constructor(bytes: Uint8Array, options: CborOptions) {
    // A Buffer's own slice() shares memory; over a plain view slice() copies, as decodeCbor promises.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = options.maxDepth ?? defaultDepth;
    this.#options = options;
  }

  value(depth: number): CborValue {
    if (depth > this.#maxDepth) {
      throw malformed('nested too deep', this.offset);
    }
    this.#items += 1;
    if (this.#items > maxCborItems) {
      throw malformed('too many items', this.offset);
    }
    const start = this.offset;
    const initial = this.#byte();
    const major = initial >> 5;
    const info = initial & 0x1f;
    switch (major) {
      case 0:
        return this.#argument(info, start);
      case 1: {
        const n = this.#argument(info, start);
        return typeof n === 'bigint' || n === Number.MAX_SAFE_INTEGER ? -1n - BigInt(n) : -1 - n;
      }
      case 2:
        return this.#take(this.#length(info, start)).slice();
      case 3:
        return this.#text(info, start);
      case 4:
        return this.#array(info, start, depth);
      case 5:
        return this.#map(info, start, depth);
      case 7:
        // RFC 8949 section 3.3: the only simple values that we speak are false, true and null.
        if (info === 20) {
          return false;
        }
        if (info === 21) {
          return true;
        }
        if (info === 22) {
          return null;
        }
        throw malformed('simple value or float', start);
      default:
        throw malformed('tag', start);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) {
      throw malformed('truncated', this.offset);
    }
    this.offset += 1;
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.offset) {
      throw malformed('truncated', this.offset);
    }
    const part = this.#bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return part;
  }

  /** RFC 8949 section 4.2.1: the argument must be in its shortest form. */
  #argument(info: number, start: number): number | bigint {
    if (info < 24) {
      return info;
    }
    const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0;
    if (width === 0) {
      throw malformed(info === 31 ? 'indefinite length' : 'reserved length', start);
    }
    const at = this.offset;
    this.#take(width);
    if (width === 8) {
      const wide = this.#view.getBigUint64(at);
      if (wide <= 0xffffffffn) {
        throw malformed('integer not in its shortest form', start);
      }
      return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
    }
    const n =
      width === 1
        ? this.#view.getUint8(at)
        : width === 2
          ? this.#view.getUint16(at)
          : this.#view.getUint32(at);
    if (n < (width === 1 ? 24 : width === 2 ? 0x100 : 0x10000)) {
      throw malformed('integer not in its shortest form', start);
    }
    return n;
  }

  /** A length or count: never more than the bytes that are left, so nothing large is allocated for a short input. */
  #length(info: number, start: number): number {
    const n = this.#argument(info, start);
    if (typeof n === 'bigint' || n > this.#bytes.length - this.offset) {
      throw malformed('length beyond the input', start);
    }
    return n;
  }

  #text(info: number, start: number): string {
    const raw = this.#take(this.#length(info, start));
    try {
      return utf8.decode(raw);
    } catch {
      throw malformed('ill-formed UTF-8', start);
    }
  }

  #array(info: number, start: number, depth: number): CborValue[] {
    const count = this.#length(info, start);
    const items: CborValue[] = [];
    for (let i = 0; i < count; i += 1) {
      items.push(this.value(depth + 1));
    }
    return items;
  }

  #map(info: number, start: number, depth: number): Map<CborKey, CborValue> {
    const indefinite = info === 31;
    if (indefinite && !(depth === 0 && this.#options.indefiniteTopMap === true)) {
      throw malformed('indefinite length', start);
    }
    const count = indefinite ? Infinity : this.#length(info, start);
    const map = new Map<CborKey, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      if (indefinite && this.#bytes[this.offset] === 0xff) {
        this.offset += 1;
        return map;
      }
      const keyStart = this.offset;
      const key = this.value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') {
        throw malformed('map key is neither text nor integer', keyStart);
      }
      const raw = this.#bytes.subarray(keyStart, this.offset);
      if (map.has(key)) {
        throw malformed('duplicate map key', keyStart);
      }
      if (previous !== undefined && this.#options.unsortedKeys !== true && compareBytes(previous, raw) >= 0) {
        throw malformed('map keys not sorted', keyStart);
      }
      previous = raw;
      map.set(key, this.value(depth + 1));
    }
    return map;
  }
}

/** Lexicographic order of two byte strings: negative, zero or positive. Not constant time: for public data only. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}

/**
 * Encodes a value in the one deterministic form (RFC 8949 section 4.2.1: shortest integers, definite lengths, keys in
 * bytewise order of their encodings). Properties that are `undefined` are left out.
 * @throws TypeError on a value outside {@link CborInput}: that is a mistake of the program, not of its input.
 */
export function encodeCbor(value: CborInput): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.finish();
}

class Writer {
  #buffer = new Uint8Array(256);
  #length = 0;

  finish(): Uint8Array {
    const out = this.#buffer.slice(0, this.#length);
    // The working buffer may have held a secret that was being framed for the HSM link.
    this.#buffer.fill(0);
    return out;
  }

  value(value: CborInput): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
        throw new TypeError('CBOR integers must be safe integers');
      }
      this.#head(value < 0 ? 1 : 0, value < 0 ? -1 - value : value);
    } else if (typeof value === 'bigint') {
      this.#head(value < 0n ? 1 : 0, value < 0n ? -1n - value : value);
    } else if (typeof value === 'string') {
      if (!value.isWellFormed()) {
        throw new TypeError('CBOR text must be well-formed Unicode');
      }
      const raw = utf8Encoder.encode(value);
      this.#head(3, raw.length);
      this.#bytes(raw);
    } else if (typeof value === 'boolean') {
      this.#bytes(Uint8Array.of(value ? 0xf5 : 0xf4));
    } else if (value === null) {
      this.#bytes(Uint8Array.of(0xf6));
    } else if (value instanceof Uint8Array) {
      this.#head(2, value.length);
      this.#bytes(value);
    } else if (isList(value)) {
      this.#head(4, value.length);
      for (const item of value) {
        this.value(item);
      }
    } else {
      this.#map(value);
    }
  }

  #map(value: ReadonlyMap<CborKey, CborInput> | Readonly<Record<string, CborInput | undefined>>): void {
    const entries: [CborKey, CborInput][] = [];
    for (const [key, item] of isMap(value) ? value : Object.entries(value)) {
      if (item !== undefined) {
        entries.push([key, item]);
      }
    }
    const sorted = entries
      .map(([key, item]) => ({ raw: encodeCbor(key), item }))
      .sort((a, b) => compareBytes(a.raw, b.raw));
    this.#head(5, sorted.length);
    for (const { raw, item } of sorted) {
      this.#bytes(raw);
      this.value(item);
    }
  }

  #head(major: number, argument: number | bigint): void {
    const top = major << 5;
    if (argument < 24) {
      this.#bytes(Uint8Array.of(top | Number(argument)));
    } else if (argument <= 0xff) {
      this.#bytes(Uint8Array.of(top | 24, Number(argument)));
    } else if (argument <= 0xffff) {
      const n = Number(argument);
      this.#bytes(Uint8Array.of(top | 25, n >> 8, n & 0xff));
    } else if (argument <= 0xffffffff) {
      const head = new Uint8Array(5);
      head[0] = top | 26;
      new DataView(head.buffer).setUint32(1, Number(argument));
      this.#bytes(head);
    } else if (argument <= 0xffffffffffffffffn) {
      const head = new Uint8Array(9);
      head[0] = top | 27;
      new DataView(head.buffer).setBigUint64(1, BigInt(argument));
      this.#bytes(head);
    } else {
      throw new TypeError('CBOR integers have at most 64 bits');
    }
  }

  #bytes(part: Uint8Array): void {
    if (this.#length + part.length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + part.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer.fill(0);
      this.#buffer = grown;
    }
    this.#buffer.set(part, this.#length);
    this.#length += part.length;
  }
}

const isList = (value: object): value is readonly CborInput[] => Array.isArray(value);
const isMap = (value: object): value is ReadonlyMap<CborKey, CborInput> => value instanceof Map;
