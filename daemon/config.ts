/**
 * The configuration file of the daemon: strict JSON, read once. Paths in it are relative to the folder that the process
 * runs in, so that socket paths stay short (sockaddr_un has 108 bytes).
 */
import { parseAddress, type Address } from '../enclave/address/index.ts';
import { readJsonFile } from '../hsm/json.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { fromHex, name } from '../wire/ids.ts';
import { platforms, type Platform } from '../wire/messages/manifest.ts';
import { oneOf, record, text } from '../wire/shape.ts';

const path = text(4_096);
const file = record({
  node: name,
  /** Cluster id: 16 bytes in lower-case hexadecimal. */
  cluster: text(32, /^[0-9a-f]{32}$/),
  /** `unix:PATH` or `tcp:HOST:PORT`. */
  listen: text(256),
  platform: oneOf(...platforms),
  attester: record({ folder: path }),
  hsm: record({ socket: text(107) }),
  store: record({ folder: path }),
  manifest: record({
    file: path,
    /** 32 bytes in lower-case hexadecimal: who may sign the first manifest, see governance/SPEC.md. */
    anchor: text(64, /^[0-9a-f]{64}$/),
  }),
});

/** A configuration that was read. */
export interface DaemonConfig {
  readonly node: string;
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  readonly listen: Address;
  readonly platform: Platform;
  readonly attester: { readonly folder: string };
  readonly hsm: { readonly socket: string };
  /** Holds the key store (`keys/`) and the replay guard (`replay.journal`). */
  readonly store: { readonly folder: string };
  /** `anchor` has 32 bytes. */
  readonly manifest: { readonly file: string; readonly anchor: Uint8Array };
}

const refuse = (field: string, reason: string): never => {
  throw new SymbolonError('node/bad-config', { field, reason });
};

/** Reads a configuration file of at most 8192 bytes. @throws SymbolonError `node/bad-config`. */
export function readConfig(at: string): DaemonConfig {
  const read = readJsonFile(at, file);
  if (read.state !== 'read') {
    return refuse('file', read.state === 'absent' ? 'absent' : read.reason);
  }
  const { node, cluster, listen, platform, attester, hsm, store, manifest } = read.value;
  return {
    node,
    cluster: fromHex(cluster) ?? refuse('cluster', 'not hexadecimal'),
    listen: addressOf(listen),
    platform,
    attester,
    hsm,
    store,
    manifest: {
      file: manifest.file,
      anchor: fromHex(manifest.anchor) ?? refuse('anchor', 'not hexadecimal'),
    },
  };
}

function addressOf(listen: string): Address {
  try {
    return parseAddress(listen);
  } catch (error) {
    if (isSymbolonError(error, 'channel/bad-address')) {
      return refuse('listen', error.facts.reason);
    }
    throw error;
  }
}

/** The file named by `--config FILE`, the only argument. @throws SymbolonError `node/bad-config`. */
export function configPath(args: readonly string[]): string {
  const [flag, value, ...more] = args;
  return flag === '--config' && value !== undefined && more.length === 0
    ? value
    : refuse('arguments', 'wanted --config FILE and nothing else');
}
