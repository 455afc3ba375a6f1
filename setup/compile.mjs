// TypeScript to dist/, only when a source changed. Files of dist/ whose source is gone are removed: they would still be
// imported, tested and measured.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, runQuietly } from './child.mjs';
import { step } from './log.mjs';
import { digest, filesBelow, stamp, stamped, times } from './stamp.mjs';

const dist = join(root, 'dist');
const notSource = ['node_modules', 'dist', '.build', '.git', 'build', '.symbolon'];

/** All TypeScript sources of the clone. */
export const sources = () => filesBelow(root, (name) => name.endsWith('.ts'), notSource);

function removeStale() {
  for (const file of filesBelow(dist, (name) => name.endsWith('.js'))) {
    const source = join(root, relative(dist, file)).replace(/\.js$/, '.ts');
    if (!existsSync(source)) {
      rmSync(file);
      rmSync(`${file}.map`, { force: true });
    }
  }
}

/** Whether every source has its output: someone may have removed a part of dist/. */
const isComplete = (files) =>
  files.every((file) => existsSync(join(dist, relative(root, file)).replace(/\.ts$/, '.js')));

/** Compiles when needed. */
export async function compile() {
  const stampFile = join(dist, '.symbolon-stamp');
  const files = sources();
  const value = digest(
    times(files),
    readFileSync(join(root, 'tsconfig.json')),
    readFileSync(join(root, 'package-lock.json')),
  );
  const complete = isComplete(files);
  if (stamped(stampFile, value) && complete) {
    return;
  }
  mkdirSync(dist, { recursive: true });
  if (!complete) {
    // An incremental state without its output would make tsc believe that there is nothing to write.
    rmSync(join(dist, '.tsbuildinfo'), { force: true });
  }
  await step(`compiling ${files.length} TypeScript files`, () =>
    runQuietly(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--pretty', 'false'],
      {
        what: 'tsc',
      },
    ),
  );
  removeStale();
  stamp(stampFile, value);
}
