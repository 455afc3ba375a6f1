/** The version of this build, from package.json. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json, above this file. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    folder = dirname(folder);
  }
  return folder;
}

/** The compiled tree that this module runs from: the parent folder of `cli/`. */
export const builtRoot = (): string => dirname(import.meta.dirname);

/** Version as in package.json. */
export function version(): string {
  const content: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  return typeof content === 'object' &&
    content !== null &&
    'version' in content &&
    typeof content.version === 'string'
    ? content.version
    : 'unknown';
}
