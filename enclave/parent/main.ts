/**
 * The parent proxy: `main.js --config parent/config.json`. Runs beside the enclave or VM, carries bytes to the node and
 * back, holds no secret. Ends on SIGTERM and SIGINT within two seconds.
 */
import { notify } from '../../native/binding.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { errnoOf, formatAddress, listenOn } from '../address/index.ts';
import { readParentConfig } from './config.ts';
import { makeLog, Tally, type Log } from './log.ts';
import { createControl } from './metrics.ts';
import { probeNode, startRelay } from './relay.ts';

const tallyMs = 1_000;
/** Time that open connections have at the end of the process. */
const graceMs = 1_000;

/** Tells the service manager; a manager that does not listen is no reason to stop carrying bytes. */
function tell(log: Log, state: string): void {
  try {
    notify(state);
  } catch (error) {
    log('warn', 'notify-failed', { code: isSymbolonError(error) ? error.code : 'unknown' });
  }
}

async function main(args: readonly string[], log: Log): Promise<void> {
  const [flag, file, ...more] = args;
  if (flag !== '--config' || file === undefined || more.length > 0) {
    log('error', 'usage', { want: 'main.js --config FILE' });
    process.exitCode = 2;
    return;
  }
  const config = readParentConfig(file);
  const tally = new Tally(log, tallyMs);
  const relay = await startRelay(config, {
    record: (event, reason) => {
      tally.add(event, reason);
    },
  });
  const control = createControl({
    relay,
    now: Date.now,
    probe: () => probeNode(config.node, relay.limits.connectMs),
  });
  let controlAddress;
  try {
    controlAddress = await listenOn(control, config.control);
  } catch (error) {
    await relay.close(0);
    throw error;
  }

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) {
      return;
    }
    stopping = true;
    log('info', 'stopping', { signal, connections: relay.counters.open });
    tell(log, 'STOPPING=1');
    control.close();
    control.closeAllConnections();
    void relay.close(graceMs).then(() => {
      tally.flush();
      log('info', 'stopped');
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  log('info', 'ready', {
    listen: formatAddress(relay.address),
    node: formatAddress(config.node),
    control: formatAddress(controlAddress),
    pid: process.pid,
  });
  tell(log, 'READY=1');
}

const log = makeLog((line) => process.stdout.write(line), Date.now);
try {
  await main(process.argv.slice(2), log);
} catch (error) {
  if (isSymbolonError(error)) {
    log('error', 'stopped', { code: error.code, detail: error.message, todo: error.todo });
  } else {
    log('error', 'stopped', { code: 'unknown', detail: errnoOf(error) });
  }
  process.exitCode = 1;
}
