/** `cluster.json`: the public facts of a local cluster. Absent, broken and complete folders are told apart. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CborValue } from '../../wire/cbor.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { name } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { list, oneOf, optional, record, text, uint, type TypeOf } from '../../wire/shape.ts';
import type { Arguments } from '../command.ts';
import type { Io } from '../io.ts';
import { readJson, writeJson } from './files.ts';
import { clusterPaths, type ClusterPaths } from './layout.ts';

const clusterShape = record({
  v: oneOf(1),
  /** Cluster id, 16 bytes in hexadecimal. */
  cluster: text(32, /^[0-9a-f]{32}$/),
  label: text(64),
  /** Anchor of the governance keys, 32 bytes in hexadecimal. */
  anchor: text(64, /^[0-9a-f]{64}$/),
  threshold: uint(maxNodes, 2),
  nodes: list(
    record({
      name,
      index: uint(maxNodes, 1),
      /** Where a TPM makes the node's evidence, as the daemon's configuration takes it; absent for the dev attester. */
      tpm2: optional(record({ tpm: text(4_096), eventLog: optional(text(4_096)) })),
    }),
    maxNodes,
    2,
  ),
  /** First port of the range on loopback. */
  port: uint(65_535, 1),
  createdAt: uint(),
});
/** The public facts of a cluster. */
export type ClusterFacts = TypeOf<typeof clusterShape>;

/** A cluster folder that was found complete. */
export interface Cluster {
  readonly paths: ClusterPaths;
  readonly facts: ClusterFacts;
}

/** JSON values as the shapes of wire/ take them: objects become maps. */
export function jsonToShape(value: unknown): CborValue {
  if (Array.isArray(value)) {
    return value.map(jsonToShape);
  }
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([key, item]) => [key, jsonToShape(item)]));
  }
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) {
    return value;
  }
  // Shapes of JSON files have whole numbers only; anything else becomes a value that no shape takes.
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

/** The folder that the options, the environment or the default name, absolute. */
export const folderOf = (args: Arguments, io: Io): string =>
  resolve(io.cwd, args.text('dir') ?? io.env['SYMBOLON_DIR'] ?? '.symbolon');

const neededParts = ['cluster.json', 'manifest.cbor', 'nodes', 'clients', 'coordinator', 'attestation'];

/**
 * The cluster in a folder, or `undefined` where the folder is absent or empty.
 * @throws SymbolonError `cli/half-made-folder`, `cli/unreadable-file`.
 */
export function findCluster(root: string): Cluster | undefined {
  const paths = clusterPaths(root);
  if (!existsSync(root) || readdirSync(root).length === 0) {
    return undefined;
  }
  const missing = neededParts.filter((part) => !existsSync(join(root, part)));
  if (missing.length > 0) {
    throw new SymbolonError('cli/half-made-folder', {
      dir: root,
      found: readdirSync(root).sort().slice(0, 12),
      missing,
    });
  }
  const facts = readFacts(paths.cluster);
  const lost = facts.nodes
    .filter((node) => !existsSync(paths.node(node.name).root))
    .map((node) => `nodes/${node.name}`);
  if (lost.length > 0) {
    throw new SymbolonError('cli/half-made-folder', {
      dir: root,
      found: readdirSync(join(root, 'nodes')).sort(),
      missing: lost,
    });
  }
  return { paths, facts };
}

function readFacts(path: string): ClusterFacts {
  try {
    return clusterShape.check(jsonToShape(readJson(path)), 'cluster.json');
  } catch (error) {
    if (isSymbolonError(error, 'wire/unexpected-shape')) {
      throw new SymbolonError('cli/unreadable-file', { path, reason: error.message }, { cause: error });
    }
    throw error;
  }
}

/** The cluster that a command works on. Throws `cli/no-cluster` and what {@link findCluster} throws. */
export function openCluster(args: Arguments, io: Io): Cluster {
  const root = folderOf(args, io);
  const found = findCluster(root);
  if (found === undefined) {
    throw new SymbolonError('cli/no-cluster', { dir: root });
  }
  return found;
}

/** Writes `cluster.json`. */
export const writeFacts = (path: string, facts: ClusterFacts): void => {
  writeJson(path, facts);
};
