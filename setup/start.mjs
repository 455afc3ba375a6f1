// npm start: prepares and builds the clone, then runs `symbolon up --demo` in this process, with the same options.
import { run } from './log.mjs';
import { prepare } from './prepare.mjs';

await run(async () => {
  await prepare();
  const { main } = await import('../dist/cli/main.js');
  return main(['up', '--demo', ...process.argv.slice(2)]);
});
