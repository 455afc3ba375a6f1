#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const symbolon = await import(main.href);
  process.exitCode = await symbolon.main(process.argv.slice(2));
} else {
  process.stderr.write('symbolon is not built yet. Run `npm run build` in its folder first.\n');
  process.exitCode = 3;
}
