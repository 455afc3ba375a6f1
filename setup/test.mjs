// npm test [-- [--node PATH] [--no-e2e] [FILTER ...]]: prepares and builds the clone, then runs every test file of
// dist/ whose path contains one of the filters. Unit tests run two files at a time; the files of test/e2e each start a
// whole cluster and run one after the other.
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runVisibly } from './child.mjs';
import { run, say, seconds, Stop } from './log.mjs';
import { prepare } from './prepare.mjs';
import { filesBelow } from './stamp.mjs';

const { values, positionals } = parseArgs({
  options: { node: { type: 'string' }, 'no-e2e': { type: 'boolean' } },
  allowPositionals: true,
});

async function runTests(name, files, concurrency) {
  if (files.length === 0) {
    return 0;
  }
  const began = Date.now();
  say(`test: ${name}: ${files.length} files`);
  const code = await runVisibly(values.node ?? process.execPath, [
    '--test',
    '--enable-source-maps',
    '--test-reporter=spec',
    '--test-timeout=480000',
    `--test-concurrency=${concurrency}`,
    ...files,
  ]);
  say(`test: ${name}: ${code === 0 ? 'passed' : 'FAILED'}, ${seconds(began)}`);
  return code;
}

await run(async () => {
  await prepare({ tests: true });
  const dist = join(root, 'dist');
  const files = filesBelow(dist, (name) => name.endsWith('.test.js'))
    .map((file) => relative(root, file))
    .filter((file) => positionals.length === 0 || positionals.some((filter) => file.includes(filter)));
  if (files.length === 0) {
    throw new Stop(`No test file matches ${positionals.join(' ')}.`, 2);
  }
  const isSlow = (file) => file.startsWith('dist/test/e2e/');
  const unit = await runTests(
    'unit',
    files.filter((file) => !isSlow(file)),
    2,
  );
  const whole = values['no-e2e'] === true ? 0 : await runTests('end to end', files.filter(isSlow), 1);
  return unit === 0 && whole === 0 ? 0 : 1;
});
