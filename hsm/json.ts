/** Strict reading of the small JSON files of this folder: capped, no unknown, missing or duplicate field. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import type { CborValue } from '../wire/cbor.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import type { Shape } from '../wire/shape.ts';

/** Longest JSON file that is read, in bytes. */
export const maxJsonFile = 8_192;
/** Deepest nesting of lists and maps in them. */
const maxDepth = 8;

/** What reading gave. Absent and broken are told apart; `reason` holds nothing of the content. */
export type ReadResult<T> =
  | { readonly state: 'read'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'broken'; readonly reason: string };

/** Reads a JSON file of at most {@link maxJsonFile} bytes and checks it. */
export function readJsonFile<T>(file: string, shape: Shape<T>): ReadResult<T> {
  const raw = readCapped(file, maxJsonFile);
  return raw.state === 'read' ? parseJson(raw.value, shape) : raw;
}

/** Parses JSON text strictly. */
export function parseJson<T>(raw: Uint8Array, shape: Shape<T>): ReadResult<T> {
  let parsed: unknown;
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(raw);
    parsed = JSON.parse(source) as unknown;
  } catch {
    return { state: 'broken', reason: 'not JSON' };
  }
  const counter = { keys: 0 };
  const value = toCbor(parsed, counter, maxDepth);
  if (value === undefined) {
    return { state: 'broken', reason: 'nested too deep' };
  }
  // JSON.parse keeps the last of two equal keys; a string before a colon is a key and nothing else.
  if ((source.match(/"(?:[^"\\]|\\.)*"(?=\s*:)/g) ?? []).length !== counter.keys) {
    return { state: 'broken', reason: 'duplicate field' };
  }
  try {
    return { state: 'read', value: shape.check(value, 'file') };
  } catch (error) {
    if (isSymbolonError(error, 'wire/unexpected-shape')) {
      return { state: 'broken', reason: `${error.facts.path}: wanted ${error.facts.wanted}` };
    }
    throw error;
  }
}

/** Reads a file of at most `limit` bytes; `inspect` may refuse by what the open file is. */
export function readCapped(
  file: string,
  limit: number,
  inspect?: (stat: Stats) => void,
): ReadResult<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    return errorCode(error) === 'ENOENT'
      ? { state: 'absent' }
      : { state: 'broken', reason: `not readable: ${errorCode(error)}` };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      return { state: 'broken', reason: 'not a file' };
    }
    inspect?.(stat);
    const room = new Uint8Array(limit + 1);
    let length = 0;
    for (;;) {
      const got = readSync(fd, room, length, room.length - length, null);
      length += got;
      if (got === 0 || length === room.length) {
        break;
      }
    }
    const value = room.slice(0, length);
    room.fill(0);
    if (length > limit) {
      value.fill(0);
      return { state: 'broken', reason: `longer than ${limit} bytes` };
    }
    return { state: 'read', value };
  } finally {
    closeSync(fd);
  }
}

/** Code of a system error, for example `ENOENT`; `unknown` for any other error. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : 'unknown';
}

/** The value as the shapes take it, or `undefined` where it is nested deeper than `depth`. */
function toCbor(value: unknown, counter: { keys: number }, depth: number): CborValue | undefined {
  if (typeof value !== 'object' || value === null) {
    // A fraction is no integer of any shape here: text is what no numeric shape takes.
    return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : (value as CborValue);
  }
  if (depth === 0) {
    return undefined;
  }
  const map = new Map<string, CborValue>();
  const items: CborValue[] = [];
  for (const [key, item] of Object.entries(value)) {
    const inner = toCbor(item, counter, depth - 1);
    if (inner === undefined) {
      return undefined;
    }
    map.set(key, inner);
    items.push(inner);
  }
  if (Array.isArray(value)) {
    return items;
  }
  counter.keys += map.size;
  return map;
}
