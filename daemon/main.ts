/** The process of the signer node: `main.js --config FILE`. JSON lines on standard output. */
import { randomFillSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { formatAddress } from '../enclave/address/index.ts';
import { connectHsm } from '../hsm/index.ts';
import { hardenProcess, notify, secureBuffer } from '../native/binding.ts';
import { checkBackends } from '../threshold/group/selfTest.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { attestersOf } from './attesters.ts';
import { configPath, readConfig } from './config.ts';
import { nodeFiles } from './files/atomic.ts';
import { jsonLog, whereOf } from './log.ts';
import { SignerNode, type NodeModules } from './node.ts';
import { serve } from './server.ts';
import { workerRunner, workersFor } from './work/workers.ts';

/** Longest orderly end in milliseconds; then the process ends anyway. */
const endMs = 1_500;
/** Exit codes after sysexits(3): a configuration that can't be used, and any other failure to start. */
const exits = { config: 78, failed: 70 };

const now = Date.now;
const log = jsonLog((line) => process.stdout.write(line), now);
const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

/** The folder of the built program, which holds this file's folder. */
const programFolder = join(import.meta.dirname, '..');
const attesters: NodeModules['attesters'] = attestersOf({ program: programFolder, now });

async function main(): Promise<void> {
  // Before anything secret is in memory: the identity is made, and shares are opened, after this line.
  hardenProcess();
  const config = readConfig(configPath(process.argv.slice(2)));
  const node = await SignerNode.boot(config, {
    files: nodeFiles(),
    random,
    secretMemory: secureBuffer,
    now,
    log,
    connectHsm,
    makeRunner: (modules) => workerRunner({ count: workersFor(availableParallelism()) }, modules),
    checkBackends,
    attesters,
  });
  const server = await serve(node, config.listen, { now, random, log });
  log('info', 'serving', {
    node: config.node,
    address: formatAddress(server.address),
    platform: config.attester.platform,
    phase: node.phase.phase,
  });
  notify('READY=1');

  let ending = false;
  const end = (): void => {
    if (ending) {
      return;
    }
    ending = true;
    // A disk or a peer that hangs does not keep the process alive: what is durable was made so before.
    setTimeout(() => process.exit(0), endMs).unref();
    void Promise.all([server.close(), node.stop()]).then(
      () => {
        log('info', 'ended', { node: config.node });
        process.exitCode = 0;
      },
      (error: unknown) => {
        log('error', 'internal', { where: whereOf(error) });
        process.exitCode = exits.failed;
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

const fail = (error: unknown): never => {
  if (isSymbolonError(error)) {
    log('error', 'cannot-start', { code: error.code, detail: error.message });
    process.exitCode = error.code === 'node/bad-config' ? exits.config : exits.failed;
  } else {
    log('error', 'cannot-start', { where: whereOf(error) });
    process.exitCode = exits.failed;
  }
  process.exit();
};
// A mistake of the program ends the process with a line that has no text of the error: it could quote a secret.
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);
