/**
 * Strict JSON, for configuration files and bodies: one value in UTF-8, no key twice in one object, bounded depth, no text
 * with half a surrogate pair (RFC 7493 section 2.1). `JSON.parse` takes the last of two equal keys silently, which lets two
 * readers of one text see two different things; and `"\ud800"`, which has no encoding in UTF-8. The caller bounds the size first.
 */
import type { CborValue } from './cbor.ts';

/** The value, or why there is none: one short text that holds nothing of the source. */
export type JsonResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Deepest nesting of arrays and objects unless told. */
export const defaultJsonDepth = 8;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const refused = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });
const notJson = 'not JSON';

/** Parses one JSON value. Takes time linear in the length of `source`, whatever it holds. */
export function parseStrictJson(
  source: string | Uint8Array,
  maxDepth: number = defaultJsonDepth,
): JsonResult<unknown> {
  try {
    const text = typeof source === 'string' ? source : utf8.decode(source);
    // T34: depth before parsing.
    const fault = structureFault(text, maxDepth);
    return fault === undefined ? { ok: true, value: JSON.parse(text) as unknown } : refused(fault);
  } catch {
    // The error of JSON.parse quotes the text: it is not passed on.
    return refused(notJson);
  }
}

/** As {@link parseStrictJson}, as the values that shapes check: objects become maps, numbers must be whole. */
export function parseJsonValue(
  source: string | Uint8Array,
  maxDepth: number = defaultJsonDepth,
): JsonResult<CborValue> {
  const parsed = parseStrictJson(source, maxDepth);
  if (!parsed.ok) {
    return parsed;
  }
  const value = valueOf(parsed.value);
  return value === undefined ? refused('a number is no whole number') : { ok: true, value };
}

/** What is wrong with depth or keys. Looks only at brackets, strings and colons; the grammar is left to JSON.parse. */
function structureFault(text: string, maxDepth: number): string | undefined {
  /** The keys of each open object; `undefined` for an array. */
  const open: (Set<string> | undefined)[] = [];
  let lastString = '""';
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charAt(at)) {
      case '"': {
        const end = endOfString(text, at);
        if (end === undefined) {
          return notJson;
        }
        lastString = text.slice(at, end + 1);
        at = end;
        const content = lastString.includes('\\u') ? String(JSON.parse(lastString)) : lastString;
        if (!content.isWellFormed()) {
          return 'a text is no Unicode';
        }
        break;
      }
      case '{':
      case '[':
        if (open.push(text.charAt(at) === '{' ? new Set() : undefined) > maxDepth) {
          return `nested deeper than ${maxDepth}`;
        }
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ':': {
        // Two spellings of one key ("a" and "\u0061") are one key.
        const key = String(JSON.parse(lastString));
        if (open.at(-1)?.has(key) === true) {
          return 'a key twice in one object';
        }
        open.at(-1)?.add(key);
        break;
      }
    }
  }
  return undefined;
}

/** Index of the quote that ends the string which starts at `start`, or `undefined` where none does. */
function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '"') {
      return at;
    }
    if (text[at] === '\\') {
      at += 1;
    }
  }
  return undefined;
}

/** Depth is bounded by {@link structureFault}. `undefined` where a number is not whole, or is -0, which CBOR does not have. */
function valueOf(value: unknown): CborValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') {
    return value;
  }
  if (typeof value !== 'object') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? (value as number) : undefined;
  }
  const entries: [string, CborValue][] = [];
  for (const [key, item] of Object.entries(value)) {
    const inner = valueOf(item);
    if (inner === undefined) {
      return undefined;
    }
    entries.push([key, inner]);
  }
  return Array.isArray(value) ? entries.map(([, item]) => item) : new Map(entries);
}
