/**
 * Distinguished Encoding Rules (X.690 section 10 and 11), the part that certificates need: a strict reader and a writer.
 *
 * One value has one encoding here too: long forms where a short one would do, indefinite lengths, tag numbers above 30,
 * padded integers and trailing bytes are refused.
 */
import { SymbolonError } from '../../wire/errors/index.ts';

/** Identifier octets of the types that certificates use (X.690 section 8, class and constructed bit included). */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
/** Identifier octet of a context-specific tag below 31. */
export const contextTag = (number: number, constructed: boolean): number =>
  0x80 | (constructed ? 0x20 : 0) | number;

/** One value as read. `raw` and `content` are views of the input, not copies. */
export interface DerItem {
  readonly tag: number;
  /** The whole encoding: identifier, length, content. */
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
  /** Offset of `raw` in the outermost input, for errors. */
  readonly offset: number;
}

const malformed = (reason: string, offset: number): SymbolonError<'certificate/malformed-der'> =>
  new SymbolonError('certificate/malformed-der', { reason, offset });

/** Reads the values of one sequence (or of a whole input) in order. Every error is `certificate/malformed-der`. */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  #at = 0;

  /** Reads from `bytes`; `base` is their offset in the outermost input. */
  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
  }

  /** Opens the content of a constructed value, or of an octet string that wraps another encoding. */
  static inside(item: DerItem): DerReader {
    return new DerReader(item.content, item.offset + item.raw.length - item.content.length);
  }

  /** Whether all values were read. */
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether the next value has this identifier; false at the end. */
  has(wanted: number): boolean {
    return this.#bytes[this.#at] === wanted;
  }

  /** The next value, which must have the identifier `wanted` where one is given. */
  next(wanted?: number): DerItem {
    const start = this.#at;
    const offset = this.#base + start;
    const identifier = this.#byte();
    if (wanted !== undefined && identifier !== wanted) {
      throw malformed(`identifier 0x${identifier.toString(16)} in place of 0x${wanted.toString(16)}`, offset);
    }
    if ((identifier & 0x1f) === 0x1f) {
      throw malformed('tag number above 30', offset);
    }
    const length = this.#length();
    if (length > this.#bytes.length - this.#at) {
      throw malformed('length beyond the input', offset);
    }
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return { tag: identifier, raw: this.#bytes.subarray(start, this.#at), content, offset };
  }

  /** Refuses bytes after the last expected value. */
  end(): void {
    if (!this.done) {
      throw malformed('bytes after the last value', this.#base + this.#at);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) {
      throw malformed('truncated', this.#base + this.#at);
    }
    this.#at += 1;
    return byte;
  }

  /** X.690 section 10.1: the definite form, in the fewest octets. */
  #length(): number {
    const at = this.#base + this.#at;
    const first = this.#byte();
    if (first < 0x80) {
      return first;
    }
    const count = first & 0x7f;
    if (count === 0 || count > 3) {
      throw malformed(count === 0 ? 'indefinite length' : 'length above 16 MiB', at);
    }
    let length = 0;
    for (let i = 0; i < count; i += 1) {
      length = length * 256 + this.#byte();
    }
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) {
      throw malformed('length not in its shortest form', at);
    }
    return length;
  }
}

/** Reads exactly one value that fills `bytes`. */
export function readDer(bytes: Uint8Array, wanted?: number): DerItem {
  const reader = new DerReader(bytes);
  const item = reader.next(wanted);
  reader.end();
  return item;
}

/** The bytes of an INTEGER, big endian two's complement, in its shortest form (X.690 section 8.3.2). */
export function integerBytes(item: DerItem): Uint8Array {
  const [first, second] = item.content;
  if (first === undefined) {
    throw malformed('empty integer', item.offset);
  }
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed('integer not in its shortest form', item.offset);
  }
  return item.content;
}

/** A small INTEGER, 0 to 32767. */
export function smallInteger(item: DerItem): number {
  const raw = integerBytes(item);
  const [first = 0, second] = raw;
  if (raw.length > 2 || first >= 0x80) {
    throw malformed('integer outside 0 to 32767', item.offset);
  }
  return second === undefined ? first : first * 256 + second;
}

/** A BOOLEAN; DER knows only 0x00 and 0xff (X.690 section 11.1). */
export function booleanValue(item: DerItem): boolean {
  const [value] = item.content;
  if (item.content.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw malformed('boolean is neither 0x00 nor 0xff', item.offset);
  }
  return value === 0xff;
}

/** The content of a BIT STRING and its number of unused bits, which must be zeros (X.690 section 11.2.1). */
export function bitString(item: DerItem): { readonly bytes: Uint8Array; readonly unused: number } {
  const unused = item.content[0];
  const bytes = item.content.subarray(1);
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused !== 0)) {
    throw malformed('number of unused bits', item.offset);
  }
  if (((bytes.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) {
    throw malformed('unused bits are not zero', item.offset);
  }
  return { bytes, unused };
}

/** An OBJECT IDENTIFIER in dotted form (X.690 section 8.19). */
export function oidText(item: DerItem): string {
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const byte of item.content) {
    if ((fresh && byte === 0x80) || arc > 2 ** 40) {
      throw malformed('object identifier', item.offset);
    }
    arc = arc * 128 + (byte & 0x7f);
    fresh = byte < 0x80;
    if (fresh) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first] = arcs;
  if (!fresh || first === undefined) {
    throw malformed('object identifier', item.offset);
  }
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...arcs.slice(1)].join('.');
}

/**
 * UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 allows them: seconds present, `Z`, UTCTime through 2049 and
 * GeneralizedTime from 2050 on. The result is Unix milliseconds.
 */
export function timeValue(item: DerItem): number {
  const text = Buffer.from(item.content).toString('latin1');
  const short = item.tag === tag.utcTime;
  const form = short ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
  const match = form.exec(text);
  if ((!short && item.tag !== tag.generalizedTime) || match === null) {
    throw malformed('time', item.offset);
  }
  const [, written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.map(Number);
  const year = short ? written + (written < 50 ? 2000 : 1900) : written;
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC carries over what is out of range: a date that does not come back as written is none.
  const back = new Date(at);
  const same = back.getUTCMonth() === month - 1 && back.getUTCDate() === day && back.getUTCHours() === hour;
  if (!same || minute > 59 || second > 59 || (!short && year < 2050)) {
    throw malformed('time', item.offset);
  }
  return at;
}

/** Writes one value. */
export function der(identifier: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [identifier];
  if (length < 0x80) {
    head.push(length);
  } else if (length < 0x100) {
    head.push(0x81, length);
  } else if (length < 0x10000) {
    head.push(0x82, length >> 8, length & 0xff);
  } else {
    throw new TypeError('DER value above 64 KiB');
  }
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Writes a non-negative INTEGER given big endian, in its shortest form. */
export function derInteger(value: Uint8Array): Uint8Array {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) {
    start += 1;
  }
  const short = value.subarray(start);
  const padded = (short[0] ?? 0) >= 0x80 || short.length === 0;
  return der(tag.integer, padded ? Uint8Array.of(0) : new Uint8Array(), short);
}

/** Writes an OBJECT IDENTIFIER given in dotted form. */
export function derOid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const out: number[] = [];
  for (const arc of [root * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(0x80 | (left % 128));
    }
    out.push(...groups);
  }
  return der(tag.oid, Uint8Array.from(out));
}

/** Writes text: PrintableString, IA5String or UTF8String by its identifier. */
export const derText = (identifier: number, text: string): Uint8Array =>
  der(identifier, new TextEncoder().encode(text));

/** Writes a BIT STRING of whole bytes, or with `unused` bits at its end. */
export const derBits = (bytes: Uint8Array, unused = 0): Uint8Array =>
  der(tag.bitString, Uint8Array.of(unused), bytes);

/** Writes a time in whole seconds, in the form that RFC 5280 section 4.1.2.5 asks for its year. */
export function derTime(at: number): Uint8Array {
  const whole = new Date(Math.floor(at / 1000) * 1000).toISOString().replace(/\.\d{3}|[-:T]/g, '');
  const year = Number(whole.slice(0, 4));
  return year < 2050 ? derText(tag.utcTime, whole.slice(2)) : derText(tag.generalizedTime, whole);
}
