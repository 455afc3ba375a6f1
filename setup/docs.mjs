// npm run docs: writes the pages of docs/ that come from the code (errors, limits). A test compares them.
import { join } from 'node:path';
import { root, runVisibly } from './child.mjs';
import { run } from './log.mjs';
import { prepare } from './prepare.mjs';

await run(async () => {
  await prepare();
  return runVisibly(process.execPath, ['--test', join(root, 'dist/test/generatedDocs.test.js')], {
    env: { ...process.env, UPDATE_DOCS: '1' },
    toStderr: true,
  });
});
