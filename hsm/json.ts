/** Reading of small JSON files: capped, strict (wire/strictJson.ts), checked against a shape. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { isSymbolonError } from '../wire/errors/index.ts';
import type { Shape } from '../wire/shape.ts';
import { parseJsonValue } from '../wire/strictJson.ts';

/** Longest JSON file that is read, in bytes. */
export const maxJsonFile = 8_192;

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
  const parsed = parseJsonValue(raw);
  if (!parsed.ok) {
    return { state: 'broken', reason: parsed.reason };
  }
  try {
    return { state: 'read', value: shape.check(parsed.value, 'file') };
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
