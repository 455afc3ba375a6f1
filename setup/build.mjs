// npm run build
import { run } from './log.mjs';
import { prepare } from './prepare.mjs';

await run(() => prepare());
