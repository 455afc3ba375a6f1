/**
 * Reads JSON without making text of it. A share file of another library is parsed where it lies, as bytes: numbers and
 * strings stay ranges of the input, so that no secret becomes a JavaScript string, which could not be wiped. The owner of
 * the input wipes it.
 *
 * Strict RFC 8259, and stricter: keys are printable ASCII without escapes and come once in an object. Size, depth and the
 * number of values are capped.
 */
import { SymbolonError } from '../../wire/errors/index.ts';

/** Longest share file in bytes: 32 holders with Paillier keys of 4,096 bits need about 200,000. */
export const maxImport = 262_144;
const maxDepth = 16;
const maxValues = 65_536;

/** An error of import. The reason says nothing of the content. */
export const badImport = (reason: string): SymbolonError<'threshold/bad-import'> =>
  new SymbolonError('threshold/bad-import', { reason });

/** A value. `raw` of a number or a string is a view of the input: the digits, or what lies between the quotes. */
export type JsonNode =
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'number' | 'string'; readonly raw: Uint8Array }
  | { readonly kind: 'true' | 'false' | 'null' };

/** Parses one value that fills the input. @throws SymbolonError `threshold/bad-import`. */
export function readJson(input: Uint8Array): JsonNode {
  if (input.length > maxImport) {
    throw badImport(`the file is longer than ${maxImport} bytes`);
  }
  const reader = new Reader(input);
  const value = reader.value(0);
  reader.space();
  if (reader.at !== input.length) {
    throw notJson();
  }
  return value;
}

const notJson = (): SymbolonError<'threshold/bad-import'> => badImport('the file is not strict JSON');
const code = (character: string): number => character.charCodeAt(0);
const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= code('0') && byte <= code('9');
const isHexDigit = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= code('a') && (byte | 0x20) <= code('f'));
const literals = ['true', 'false', 'null'] as const;

class Reader {
  at = 0;
  #values = 0;
  readonly #input: Uint8Array;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  space(): void {
    while ([0x20, 0x09, 0x0a, 0x0d].includes(this.#input[this.at] ?? 0)) {
      this.at += 1;
    }
  }

  value(depth: number): JsonNode {
    this.#values += 1;
    if (depth > maxDepth || this.#values > maxValues) {
      throw badImport('the file is nested too deep or has too many values');
    }
    this.space();
    const byte = this.#input[this.at];
    if (byte === code('{')) {
      return this.#object(depth);
    }
    if (byte === code('[')) {
      return this.#array(depth);
    }
    if (byte === code('"')) {
      return { kind: 'string', raw: this.#string() };
    }
    for (const kind of literals) {
      if (byte === code(kind) && this.#takes(kind)) {
        return { kind };
      }
    }
    return { kind: 'number', raw: this.#number() };
  }

  #takes(text: string): boolean {
    for (let i = 0; i < text.length; i += 1) {
      if (this.#input[this.at + i] !== text.charCodeAt(i)) {
        return false;
      }
    }
    this.at += text.length;
    return true;
  }

  #expect(text: string): void {
    this.space();
    if (!this.#takes(text)) {
      throw notJson();
    }
  }

  /** Items up to `close`, with commas between them. */
  #each(close: string, item: () => void): void {
    this.space();
    if (this.#takes(close)) {
      return;
    }
    for (;;) {
      item();
      this.space();
      if (this.#takes(close)) {
        return;
      }
      this.#expect(',');
    }
  }

  #object(depth: number): JsonNode {
    const fields = new Map<string, JsonNode>();
    this.#expect('{');
    this.#each('}', () => {
      const key = this.#key();
      this.#expect(':');
      const value = this.value(depth + 1);
      // Two readers of one file must not see two different things.
      if (fields.has(key)) {
        throw badImport('a key comes twice in one object');
      }
      fields.set(key, value);
    });
    return { kind: 'object', fields };
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#expect('[');
    this.#each(']', () => {
      items.push(this.value(depth + 1));
    });
    return { kind: 'array', items };
  }

  #key(): string {
    this.space();
    const raw = this.#string();
    if (raw.length > 64 || !raw.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== code('\\'))) {
      throw badImport('a key is not plain ASCII');
    }
    return String.fromCharCode(...raw);
  }

  /** What lies between the quotes, escapes and all. */
  #string(): Uint8Array {
    this.#expect('"');
    const start = this.at;
    for (;;) {
      const byte = this.#input[this.at];
      if (byte === undefined || byte < 0x20) {
        throw notJson();
      }
      this.at += 1;
      if (byte === code('"')) {
        return this.#input.subarray(start, this.at - 1);
      }
      if (byte === code('\\')) {
        this.#escape();
      }
    }
  }

  #escape(): void {
    const byte = this.#input[this.at] ?? 0;
    this.at += 1;
    if (byte === code('u')) {
      for (let i = 0; i < 4; i += 1) {
        if (!isHexDigit(this.#input[this.at])) {
          throw notJson();
        }
        this.at += 1;
      }
    } else if (!'"\\/bfnrt'.includes(String.fromCharCode(byte))) {
      throw notJson();
    }
  }

  /** RFC 8259 section 6: sign, whole part without leading zeros, fraction, exponent. */
  #number(): Uint8Array {
    const start = this.at;
    this.#takes('-');
    if (!this.#takes('0')) {
      this.#digits();
    }
    if (this.#takes('.')) {
      this.#digits();
    }
    if (this.#takes('e') || this.#takes('E')) {
      if (!this.#takes('+')) {
        this.#takes('-');
      }
      this.#digits();
    }
    return this.#input.subarray(start, this.at);
  }

  #digits(): void {
    if (!isDigit(this.#input[this.at])) {
      throw notJson();
    }
    while (isDigit(this.#input[this.at])) {
      this.at += 1;
    }
  }
}
