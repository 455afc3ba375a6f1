/**
 * A new build of the program is a new image: the governance key of the local cluster signs a manifest of the next
 * version that accepts it, and that grants its two clients what this build knows. The image before stays accepted for a
 * grace window, as in an upgrade node by node.
 */
import { isDeepStrictEqual } from 'node:util';
import { fromHex } from '../../wire/ids.ts';
import type { Manifest, ManifestClient, ManifestMeasurement } from '../../wire/messages/manifest.ts';
import { nodeFiles } from '../../daemon/files/atomic.ts';
import { verifyManifestFile } from '../../daemon/governance/manifestStore.ts';
import { makeManifest, signManifest } from '../../manifest/index.ts';
import { digestProgramFolder } from '../../enclave/attester/index.ts';
import { builtRoot, version } from '../version.ts';
import type { Cluster } from './cluster.ts';
import { readOptional, readSecret } from './files.ts';
import { placeManifest } from './make.ts';
import { grants, imageDays, imageName, measurementOf } from './policy.ts';

const day = 86_400_000;
/** An image with less than this left is listed anew. */
const renewMs = 7 * day;
/** Longest manifest file that is compared. */
const maxManifestFile = 1_048_576;

/** What was done to the manifest before a start. */
export type Upgrade =
  | { readonly kind: 'same'; readonly version: number }
  | {
      readonly kind: 'accepted';
      readonly version: number;
      readonly image: string;
      readonly before: readonly string[];
    }
  /** A node had another version, as after a crash in the middle of an upgrade. */
  | { readonly kind: 'placed'; readonly version: number };

/**
 * Makes the manifest of a cluster that does not run accept the program that is built now.
 * @throws SymbolonError `manifest/*`, `cli/exposed-secret`, `cli/unreadable-file`.
 */
export async function acceptThisBuild(cluster: Cluster, now: number): Promise<Upgrade> {
  const { paths, facts } = cluster;
  const anchor = fromHex(facts.anchor) ?? new Uint8Array();
  const current = await verifyManifestFile({ file: paths.manifest, anchor }, { files: nodeFiles() });
  const program = await digestProgramFolder(builtRoot());
  const image = imageName(program);
  const listed = current.manifest.measurements.find(({ name }) => name === image);
  const clients = current.manifest.clients.map(withGrants);
  const isGranted = clients.every((client, i) => client === current.manifest.clients[i]);
  if (listed !== undefined && listed.notAfter - now > renewMs && isGranted) {
    return ensurePlaced(cluster, current.signed, current.version);
  }
  const isBuild = ({ platform }: ManifestMeasurement): boolean => platform === 'dev';
  const before = current.manifest.measurements.filter(
    (one) => isBuild(one) && one.name !== image && one.notAfter > now,
  );
  const next: Manifest = {
    ...current.manifest,
    version: current.version + 1,
    issuedAt: now,
    clients,
    measurements: [
      measurementOf(program, `symbolon ${version()}, built on this machine`, now),
      ...before.slice(0, keptImages).map((one) => retired(one, now)),
      // What a TPM measured of its machine's boot is no build of this program.
      ...current.manifest.measurements.filter((one) => !isBuild(one)),
    ],
  };
  const seed = readSecret(paths.governanceKey('governor'), { exactly: 32 });
  try {
    placeManifest(paths, facts, signManifest(makeManifest(next), [{ name: 'governor', seed }]));
  } finally {
    seed.fill(0);
  }
  return {
    kind: 'accepted',
    version: next.version,
    image,
    before: before.slice(0, keptImages).map(({ name }) => name),
  };
}

/** A client of the local cluster with what it may ask in this build; the same object where nothing changes. */
function withGrants(client: ManifestClient): ManifestClient {
  const may = client.name === 'coordinator' || client.name === 'operator' ? grants[client.name] : client.may;
  return isDeepStrictEqual(may, client.may) ? client : { ...client, may };
}

/** Images before the current one that stay listed. */
const keptImages = 2;

const retired = (one: ManifestMeasurement, now: number): ManifestMeasurement => ({
  ...one,
  notAfter: Math.min(one.notAfter, now + imageDays.grace * day),
});

function ensurePlaced({ paths, facts }: Cluster, signed: Uint8Array, current: number): Upgrade {
  const behind = facts.nodes.filter(({ name }) => {
    const held = readOptional(paths.node(name).daemonManifest, maxManifestFile);
    return held === undefined || Buffer.compare(held, signed) !== 0;
  });
  if (behind.length === 0) {
    return { kind: 'same', version: current };
  }
  placeManifest(paths, facts, signed);
  return { kind: 'placed', version: current };
}
