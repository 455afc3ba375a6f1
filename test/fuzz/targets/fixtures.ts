/** Frozen files of test/fixtures as seeds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../../wire/ids.ts';
import { repoRoot } from '../../repoRoot.ts';

const folder = join(repoRoot, 'test/fixtures');

/** The bytes of a fixture. */
export const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(join(folder, path)));

/** Files of a folder of fixtures whose name matches. */
export const fixtures = (path: string, pattern: RegExp): Uint8Array[] =>
  readdirSync(join(folder, path))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => fixture(join(path, name)));

/** Fields of a JSON fixture that are text. */
export function textsOf(path: string): Readonly<Record<string, string>> {
  const parsed: unknown = JSON.parse(readFileSync(join(folder, path), 'utf8'));
  return Object.fromEntries(
    Object.entries(parsed ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Bytes of hexadecimal in a fixture. */
export function hex(text: string | undefined): Uint8Array {
  const bytes = fromHex(text ?? '?');
  if (bytes === undefined) {
    throw new TypeError('a fixture is not hexadecimal');
  }
  return bytes;
}

/** Bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
