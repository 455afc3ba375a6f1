/** Entry of the HSM process: `node dist/hsm/main.js --config FILE`. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { hardenProcess } from '../native/binding.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { exitCodes } from './exitCodes.ts';
import { jsonLog } from './log.ts';
import { readHsmConfig, runHsmProcess, type HsmConfig } from './process.ts';

const log = jsonLog((line) => process.stdout.write(line), Date.now);

function configuration(): HsmConfig | undefined {
  try {
    // Before the PIN is in memory: no core file, no reading by other processes of this user (T33).
    hardenProcess();
    const { values } = parseArgs({ options: { config: { type: 'string' } } });
    return readHsmConfig(values.config ?? 'hsm/config.json');
  } catch (error) {
    log('error', 'refused', {
      code: isSymbolonError(error) ? error.code : 'hsm/config-broken',
      detail: isSymbolonError(error) ? error.message : 'usage: --config FILE',
    });
    return undefined;
  }
}

const config = configuration();
if (config === undefined) {
  process.exitCode = exitCodes.badSetup;
} else {
  const hsm = await runHsmProcess(config, {
    random: (length) => new Uint8Array(randomBytes(length)),
    now: Date.now,
    log,
    exit: (code) => {
      process.exit(code);
    },
  });
  const end = (): void => {
    // The supervisor's patience is two seconds; a token that hangs on logout must not use it up.
    setTimeout(() => process.exit(exitCodes.ended), 1_500).unref();
    void hsm?.stop().then(
      () => {
        log('info', 'ended');
        process.exit(exitCodes.ended);
      },
      () => process.exit(exitCodes.ended),
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}
