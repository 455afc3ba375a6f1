/** Test data in the repository, found from wherever the tests were compiled to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../wire/ids.ts';
import { repoRoot } from '../repoRoot.ts';

/** A JSON file of the repository; the test says of which type it is. */
export const readJson = (path: string): unknown => JSON.parse(readFileSync(join(repoRoot, path), 'utf8'));

/** Bytes of hexadecimal test data. */
export function raw(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) {
    throw new TypeError(`not hexadecimal: ${hex}`);
  }
  return bytes;
}
