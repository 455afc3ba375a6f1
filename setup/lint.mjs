// npm run lint: eslint with types, prettier, and the type checker. All three run; the worst result is the exit code.
import { join } from 'node:path';
import { root, runVisibly } from './child.mjs';
import { run, say, seconds } from './log.mjs';
import { prepare } from './prepare.mjs';

const checks = [
  ['eslint', ['eslint/bin/eslint.js', '.']],
  ['prettier', ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']],
  ['types', ['typescript/bin/tsc', '-p', '.', '--noEmit', '--incremental', 'false']],
];

await run(async () => {
  await prepare({ compiled: false });
  const failed = [];
  for (const [name, [script, ...args]] of checks) {
    const began = Date.now();
    const code = await runVisibly(process.execPath, [join(root, 'node_modules', script), ...args], {
      toStderr: true,
    });
    say(`lint: ${name}: ${code === 0 ? 'clean' : 'refused'}, ${seconds(began)}`);
    if (code !== 0) {
      failed.push(name);
    }
  }
  return failed.length === 0 ? 0 : 1;
});
