/** The coordinator's configuration file: strict JSON, every field checked, unknown fields refused. */
import { parseAddress, type Address } from '../enclave/address/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { fromHex, namePattern } from '../wire/ids.ts';
import { maxNodes, maxPresignatures, maxPresignaturesPerKey } from '../wire/limits.ts';
import type { PresignOptions } from './background/pools.ts';
import { parseStrictJson } from './json.ts';
import type { ApiKeyRecord } from './store/store.ts';

/** Longest configuration file in bytes. */
export const maxConfig = 65_536;

/** A checked configuration. Paths are as they stand in the file: relative to the working directory. */
export interface Config {
  /** Where the HTTP API listens: `tcp:127.0.0.1:PORT`, loopback only. */
  readonly listen: Address;
  readonly manifest: {
    readonly file: string;
    /** Hash of the first governance record, 32 bytes. */
    readonly anchor: Uint8Array;
  };
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  /** File of the coordinator's Ed25519 seed, 32 raw bytes, mode 0600. */
  readonly clientKeyFile: string;
  /** Folder of the database. */
  readonly database: string;
  /** API keys in force besides those in the database: a name and the SHA-256 of the key's 32 bytes. */
  readonly apiKeys: readonly ApiKeyRecord[];
  /** How many presignatures of ECDSA keys are kept; what is absent is as it is by itself. */
  readonly presign: Partial<PresignOptions>;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks the text of a configuration file.
 * @param file - name for errors.
 * @throws SymbolonError `coordinator/config` with the field.
 */
export function parseConfig(text: string, file: string): Config {
  const refuse = (field: string, reason: string): never => {
    throw new SymbolonError('coordinator/config', { file, field, reason });
  };
  const object = (value: unknown, field: string, known: readonly string[]): Fields => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(field, 'must be an object');
    }
    const unknown = Object.keys(value).filter((key) => !known.includes(key));
    return unknown.length > 0 ? refuse(field, `unknown field, known are ${known.join(', ')}`) : { ...value };
  };
  const string = (value: unknown, field: string): string =>
    typeof value === 'string' && value.length > 0 && value.length <= 1_024
      ? value
      : refuse(field, 'must be text of 1 to 1024 characters');
  const items = (value: unknown, field: string, max: number): readonly unknown[] =>
    Array.isArray(value) && value.length <= max ? value : refuse(field, `must be a list of at most ${max}`);
  const named = (value: unknown, field: string): string => {
    const name = string(value, field);
    return namePattern.test(name) ? name : refuse(field, 'must be a name');
  };
  const hex32 = (value: unknown, field: string): Uint8Array => {
    const raw = fromHex(string(value, field));
    return raw?.length === 32 ? raw : refuse(field, 'must be 64 hexadecimal digits');
  };
  const keyId = (value: unknown, field: string): string => {
    const id = string(value, field);
    return /^[0-9a-f]{32}$/.test(id) ? id : refuse(field, 'must be 32 hexadecimal digits');
  };
  const count = (value: unknown, field: string, max: number): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
      ? value
      : refuse(field, `must be a whole number from 0 to ${max}`);
  const address = (value: unknown, field: string, remote: boolean): Address => {
    try {
      return parseAddress(string(value, field), { remote });
    } catch (error) {
      if (isSymbolonError(error, 'channel/bad-address')) {
        return refuse(field, error.facts.reason);
      }
      throw error;
    }
  };
  const distinct = <T extends { readonly name: string }>(list: readonly T[], field: string): readonly T[] =>
    new Set(list.map(({ name }) => name)).size === list.length ? list : refuse(field, 'a name twice');

  let parsed: unknown;
  try {
    parsed = parseStrictJson(text, file);
  } catch (error) {
    return refuse(
      'file',
      isSymbolonError(error, 'coordinator/bad-request') ? error.facts.reason : 'not JSON',
    );
  }
  const known = ['listen', 'manifest', 'nodes', 'clientKeyFile', 'database', 'apiKeys', 'presign'];
  const top = object(parsed, 'file', known);
  const manifest = object(top['manifest'], 'manifest', ['file', 'anchor']);
  const nodes = items(top['nodes'], 'nodes', maxNodes).map((value, i) => {
    const field = `nodes[${i}]`;
    const node = object(value, field, ['name', 'address']);
    const text = string(node['address'], `${field}.address`);
    address(text, `${field}.address`, true);
    return { name: named(node['name'], `${field}.name`), address: text };
  });
  const apiKeys = items(top['apiKeys'] ?? [], 'apiKeys', 64).map((value, i) => {
    const field = `apiKeys[${i}]`;
    const key = object(value, field, ['name', 'sha256']);
    return {
      name: named(key['name'], `${field}.name`),
      hash: hex32(key['sha256'], `${field}.sha256`),
      createdAt: 0,
    };
  });
  const presign = object(top['presign'] ?? {}, 'presign', ['perKey', 'total', 'keys']);
  return {
    listen: address(top['listen'], 'listen', false),
    manifest: {
      file: string(manifest['file'], 'manifest.file'),
      anchor: hex32(manifest['anchor'], 'manifest.anchor'),
    },
    nodes: distinct(nodes, 'nodes'),
    clientKeyFile: string(top['clientKeyFile'], 'clientKeyFile'),
    database: string(top['database'], 'database'),
    apiKeys: distinct(apiKeys, 'apiKeys'),
    presign: {
      ...(presign['perKey'] === undefined
        ? {}
        : { perKey: count(presign['perKey'], 'presign.perKey', maxPresignaturesPerKey) }),
      ...(presign['total'] === undefined
        ? {}
        : { total: count(presign['total'], 'presign.total', maxPresignatures) }),
      ...(presign['keys'] === undefined
        ? {}
        : {
            keys: items(presign['keys'], 'presign.keys', maxPresignatures).map((value, i) =>
              keyId(value, `presign.keys[${i}]`),
            ),
          }),
    },
  };
}
