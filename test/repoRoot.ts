/** The folder of package.json, whether the caller runs from source or from a build folder below it. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(): string {
  for (let at = import.meta.dirname; dirname(at) !== at; at = dirname(at)) {
    if (existsSync(join(at, 'package-lock.json'))) {
      return at;
    }
  }
  throw new Error('no package-lock.json above this file');
}

/** Absolute path of the repository. */
export const repoRoot = find();
