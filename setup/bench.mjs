// npm run bench: prepares and builds the clone, then runs the measurements with the same options.
import { join } from 'node:path';
import { root, runVisibly } from './child.mjs';
import { run } from './log.mjs';
import { prepare } from './prepare.mjs';

await run(async () => {
  await prepare({ tests: true });
  return runVisibly(process.execPath, [join(root, 'dist/bench/main.js'), ...process.argv.slice(2)]);
});
