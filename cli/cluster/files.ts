/** Reading and writing the files of a cluster folder: whole, private, and with absent told apart from broken. */
import {
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';

/** The code of a system error, or `unknown`. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';

/** Makes a folder of mode 0700, and those above it. */
export const makeFolder = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
};

/** Writes a file of mode 0600 in one step: a reader sees the old content or the new one. */
export function writePrivate(path: string, content: string | Uint8Array): void {
  makeFolder(dirname(path));
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let done = 0; done < bytes.length;) {
      done += writeSync(file, bytes, done);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** Writes a value as JSON, see {@link writePrivate}. */
export const writeJson = (path: string, value: unknown): void => {
  writePrivate(path, `${JSON.stringify(value, null, 2)}\n`);
};

/**
 * Content of a file, or `undefined` where there is none.
 * @param maxBytes - a larger file is refused before it is read.
 * @throws SymbolonError `cli/unreadable-file`.
 */
export function readOptional(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    const { size } = lstatSync(path);
    if (size > maxBytes) {
      throw new SymbolonError('cli/unreadable-file', { path, reason: `${size} bytes; at most ${maxBytes}` });
    }
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (error instanceof SymbolonError) {
      throw error;
    }
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw new SymbolonError('cli/unreadable-file', { path, reason: errorCode(error) }, { cause: error });
  }
}

/** Content of a file that must be there. Throws `cli/unreadable-file`. */
export function readNeeded(path: string, maxBytes: number): Uint8Array {
  const content = readOptional(path, maxBytes);
  if (content === undefined) {
    throw new SymbolonError('cli/unreadable-file', { path, reason: 'it is not there' });
  }
  return content;
}

/** A file as JSON, or `undefined` where there is none. Throws `cli/unreadable-file`. */
export function readJson(path: string, maxBytes = 1_048_576): unknown {
  const content = readOptional(path, maxBytes);
  if (content === undefined) {
    return undefined;
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    throw new SymbolonError('cli/unreadable-file', { path, reason: 'it is not JSON' }, { cause: error });
  }
}

/**
 * A secret of exactly `length` bytes (or of at most `max`) from a file that only its owner can read. The caller owns
 * the bytes and wipes them.
 * @throws SymbolonError `cli/exposed-secret`, `cli/unreadable-file`.
 */
export function readSecret(
  path: string,
  length: { readonly exactly: number } | { readonly atMost: number },
): Uint8Array {
  const limit = 'exactly' in length ? length.exactly : length.atMost;
  const secret = readNeeded(path, limit);
  const mode = lstatSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    secret.fill(0);
    throw new SymbolonError('cli/exposed-secret', { path, mode: mode.toString(8) });
  }
  if (('exactly' in length && secret.length !== limit) || secret.length === 0) {
    secret.fill(0);
    throw new SymbolonError('cli/unreadable-file', { path, reason: `not the ${limit} bytes of a secret` });
  }
  return secret;
}
