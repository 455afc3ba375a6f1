/**
 * The process of the coordinator: `main.js --config FILE`. JSON lines on standard output. With `--new-api-key NAME` it
 * makes an API key, prints it once, and ends.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { formatAddress, listenOn } from '../enclave/address/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { namePattern } from '../wire/ids.ts';
import { newApiKey } from './apiKeys.ts';
import { maxConfig, parseConfig, type Config } from './config.ts';
import { createCoordinator } from './coordinator.ts';
import { jsonLog } from './log.ts';
import { openManifestFile } from './manifestFile.ts';
import { makeServer } from './server.ts';
import { openPgliteStore } from './store/pgliteStore.ts';

/** Longest orderly end in milliseconds; then the process ends anyway. */
const endMs = 1_800;
/** Idempotency records and failed jobs are kept this long, in milliseconds. */
const keepMs = 7 * 86_400_000;
/** How often what is older than that is dropped, in milliseconds. */
const pruneMs = 3_600_000;
/** Exit codes after sysexits(3): a configuration that can't be used, and any other failure to start. */
const exits = { config: 78, failed: 70 };

const now = Date.now;
const log = jsonLog(process.stdout, now);
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A file of at most `max` bytes. */
function readBounded(file: string, field: string, max: number): Buffer {
  let raw: Buffer;
  try {
    raw = readFileSync(file);
  } catch (cause) {
    throw new SymbolonError('coordinator/config', { file, field, reason: 'can not be read' }, { cause });
  }
  if (raw.length > max) {
    throw new SymbolonError('coordinator/config', { file, field, reason: `larger than ${max} bytes` });
  }
  return raw;
}

function readSeed(file: string): Uint8Array {
  const raw = readBounded(file, 'clientKeyFile', 64);
  if (raw.length !== 32) {
    raw.fill(0);
    throw new SymbolonError('coordinator/config', {
      file,
      field: 'clientKeyFile',
      reason: 'must have exactly 32 bytes',
    });
  }
  const seed = Uint8Array.from(raw);
  raw.fill(0);
  return seed;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function makeKey(config: Config, name: string): Promise<void> {
  if (!namePattern.test(name)) {
    throw new SymbolonError('coordinator/config', {
      file: 'command line',
      field: '--new-api-key',
      reason: 'must be a name',
    });
  }
  const store = await openPgliteStore({ folder: config.database });
  const { text, hash } = newApiKey(random);
  try {
    await store.addApiKey({ name, hash, createdAt: now() });
  } finally {
    await store.close();
  }
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const file = option('--config');
  if (file === undefined) {
    throw new SymbolonError('coordinator/config', {
      file: 'command line',
      field: '--config',
      reason: 'is missing',
    });
  }
  const config = parseConfig(readBounded(file, 'file', maxConfig).toString('utf8'), file);
  const newKey = option('--new-api-key');
  if (newKey !== undefined) {
    await makeKey(config, newKey);
    return;
  }
  const manifest = await openManifestFile(config.manifest);
  const store = await openPgliteStore({ folder: config.database });
  const coordinator = createCoordinator(
    { nodes: config.nodes, clientSeed: readSeed(config.clientKeyFile), presign: config.presign },
    { store, manifest, now, random, log },
  );
  const apiKeys = [...config.apiKeys, ...(await store.apiKeys())];
  const server = await makeServer({ coordinator, store, apiKeys: () => apiKeys, now, log });
  await store.prune(now() - keepMs);
  await coordinator.load();
  await listenOn(server.server, config.listen);
  await coordinator.start();
  log('info', 'ready', {
    address: formatAddress(config.listen),
    pid: process.pid,
    manifest: manifest.current.version,
    nodes: coordinator.nodes.names(),
  });

  setInterval(() => {
    store.prune(now() - keepMs).catch(fail);
  }, pruneMs).unref();
  process.on('SIGHUP', () => {
    coordinator.reloadManifest().catch(fail);
  });
  let ending = false;
  const end = (): void => {
    if (ending) {
      return;
    }
    ending = true;
    // A node that hangs does not keep the process alive: what was acknowledged is in the store.
    setTimeout(() => process.exit(0), endMs).unref();
    void coordinator
      .stop()
      .then(() => server.close())
      .then(() => {
        log('info', 'ended');
        process.exit(0);
      }, fail);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

const fail = (error: unknown): never => {
  if (isSymbolonError(error)) {
    log('error', 'cannot-go-on', { code: error.code, detail: error.message, todo: error.todo });
    process.exit(error.code === 'coordinator/config' ? exits.config : exits.failed);
  }
  // No message of an unknown error: it could quote what was sent.
  const at = error instanceof Error ? error.stack?.split('\n').find((l) => l.includes(' at ')) : undefined;
  log('error', 'internal', { at: at?.trim() });
  process.exit(exits.failed);
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);
