/** What the two manifest commands share: finding, verifying and describing a manifest. */
import { resolve } from 'node:path';
import type { VerifiedManifest } from '../../manifest/index.ts';
import { verifyManifestFile } from '../../daemon/governance/manifestStore.ts';
import { nodeFiles } from '../../daemon/files/atomic.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { findCluster, folderOf, openCluster } from '../cluster/cluster.ts';
import { usage, type Arguments, type OptionSpec } from '../command.ts';
import type { Io } from '../io.ts';

/** Options of the manifest commands. */
export const manifestOptions: Readonly<Record<string, OptionSpec>> = {
  anchor: {
    type: 'string',
    value: 'HEX',
    help: 'governance anchor to verify against (default: the anchor of the cluster folder)',
  },
};

/**
 * Verifies the manifest of the operand, or of the cluster folder, from its anchor on.
 * @throws SymbolonError `cli/usage` where no anchor is told; `cli/no-cluster`; `manifest/*`.
 */
export async function verifiedManifest(args: Arguments, io: Io): Promise<VerifiedManifest> {
  const named = args.operand(0);
  const anchorHex = args.text('anchor');
  if (named !== undefined && anchorHex === undefined && findCluster(folderOf(args, io)) === undefined) {
    throw usage('give --anchor, or --dir with the folder of the cluster whose anchor it is');
  }
  const cluster = named === undefined || anchorHex === undefined ? openCluster(args, io) : undefined;
  const file = named === undefined ? (cluster?.paths.manifest ?? '') : resolve(io.cwd, named);
  const anchor = fromHex(anchorHex ?? cluster?.facts.anchor ?? '');
  if (anchor?.length !== 32) {
    throw usage('--anchor must be 64 hexadecimal digits');
  }
  return verifyManifestFile({ file, anchor }, { files: nodeFiles() });
}

/** A manifest with bytes as hexadecimal and maps as objects, for JSON. */
export function manifestJson({ manifest, hash }: VerifiedManifest): unknown {
  return JSON.parse(
    JSON.stringify({ hash, ...manifest }, (_key, value: unknown) =>
      value instanceof Uint8Array
        ? toHex(value)
        : value instanceof Map
          ? Object.fromEntries(value as ReadonlyMap<string, unknown>)
          : value,
    ),
  );
}
