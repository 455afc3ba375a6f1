/**
 * The configuration file of the daemon: strict JSON, read once. Paths in it are relative to the folder that the process
 * runs in, so that socket paths stay short (sockaddr_un has 108 bytes).
 */
import { parseAddress, type Address } from '../enclave/address/index.ts';
import { nsmPath, readTpmAddress, type TpmAddress } from '../enclave/attester/index.ts';
import { readJsonFile } from '../hsm/json.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { fromHex, name } from '../wire/ids.ts';
import { list, oneOf, optional, record, tagged, text, uint, type TypeOf } from '../wire/shape.ts';

const path = text(4_096);
const common = {
  node: name,
  /** Cluster id: 16 bytes in lower-case hexadecimal. */
  cluster: text(32, /^[0-9a-f]{32}$/),
  /** `unix:PATH` or `tcp:HOST:PORT`. */
  listen: text(256),
  hsm: record({ socket: text(107) }),
  store: record({ folder: path }),
  manifest: record({
    file: path,
    /** 32 bytes in lower-case hexadecimal: who may sign the first manifest, see manifest/SPEC.md. */
    anchor: text(64, /^[0-9a-f]{64}$/),
  }),
};
/** The platform says what its attester needs. */
const file = tagged('platform', {
  dev: { ...common, attester: record({ folder: path }) },
  nitro: { ...common, attester: optional(record({ device: optional(path) })) },
  tpm2: {
    ...common,
    attester: record({
      folder: path,
      /** `device:/dev/tpmrm0`; of an emulator `unix:/PATH` or `tcp:127.0.0.1:PORT`. */
      tpm: text(4_096),
      /** Registers to quote, 0 to 23; 0 to 15 unless told. */
      pcrs: optional(list(uint(23), 24, 1)),
      bank: optional(oneOf('sha256', 'sha384')),
      /** The firmware's log of the boot, for evidence of channels: `/sys/kernel/security/tpm0/binary_bios_measurements`. */
      eventLog: optional(path),
    }),
  },
});

/** What makes evidence, and how, by platform. */
export type AttesterConfig =
  | { readonly platform: 'dev'; readonly folder: string }
  | { readonly platform: 'nitro'; readonly device: string }
  | ({ readonly platform: 'tpm2' } & Tpm2Config);
/** The attester of a node with a TPM 2.0. */
export interface Tpm2Config {
  /** Holds what enrolment left. */
  readonly folder: string;
  readonly tpm: TpmAddress;
  /** Registers to quote, each once. */
  readonly pcrs: readonly number[];
  readonly bank: 'sha256' | 'sha384';
  readonly eventLog: string | undefined;
}
/** What the firmware, the boot loader and the kernel measure into. */
const defaultPcrs = Array.from({ length: 16 }, (_, index) => index);

/** A configuration that was read. */
export interface DaemonConfig {
  readonly node: string;
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  readonly listen: Address;
  readonly attester: AttesterConfig;
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
  const { node, cluster, listen, hsm, store, manifest } = read.value;
  return {
    node,
    cluster: fromHex(cluster) ?? refuse('cluster', 'not hexadecimal'),
    listen: addressOf(listen),
    attester: attesterOf(read.value),
    hsm,
    store,
    manifest: {
      file: manifest.file,
      anchor: fromHex(manifest.anchor) ?? refuse('anchor', 'not hexadecimal'),
    },
  };
}

function attesterOf(read: TypeOf<typeof file>): AttesterConfig {
  switch (read.platform) {
    case 'dev':
      return { platform: 'dev', folder: read.attester.folder };
    case 'nitro':
      return { platform: 'nitro', device: read.attester?.device ?? nsmPath };
    case 'tpm2': {
      const { folder, tpm, pcrs = defaultPcrs, bank = 'sha256', eventLog } = read.attester;
      if (new Set(pcrs).size !== pcrs.length) {
        return refuse('attester.pcrs', 'a register is named twice');
      }
      return { platform: 'tpm2', folder, tpm: tpmAddressOf(tpm), pcrs, bank, eventLog };
    }
  }
}

function tpmAddressOf(tpm: string): TpmAddress {
  try {
    return readTpmAddress(tpm);
  } catch (error) {
    if (isSymbolonError(error, 'tpm/bad-address')) {
      return refuse('attester.tpm', error.facts.reason);
    }
    throw error;
  }
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
