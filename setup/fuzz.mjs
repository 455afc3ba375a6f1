// npm run fuzz: prepares and builds the clone, then runs the fuzzer with the same options.
import { join } from 'node:path';
import { root, runVisibly } from './child.mjs';
import { run } from './log.mjs';
import { prepare } from './prepare.mjs';

await run(async () => {
  await prepare();
  return runVisibly(process.execPath, [
    '--enable-source-maps',
    join(root, 'dist/test/fuzz/main.js'),
    ...process.argv.slice(2),
  ]);
});
