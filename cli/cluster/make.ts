/**
 * The set-up of a new local cluster: everything is made in a sibling folder and becomes the cluster folder by one rename,
 * so a folder is either complete or not there. What an interrupted set-up leaves has no key in it; it is named and left.
 */
import { createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { newApiKey } from '../../coordinator/apiKeys.ts';
import { anchorOf, makeManifest, signManifest } from '../../manifest/index.ts';
import { privateKeyFromRaw, rawPublicKey } from '../../enclave/channel/index.ts';
import {
  digestProgramFolder,
  enrolInsecureDevInstance,
  insecureDevPcrs,
  makeInsecureDevRoot,
} from '../../enclave/attester/index.ts';
import { enrolToken } from '../../hsm/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Manifest, ManifestMeasurement, ManifestNode } from '../../wire/messages/manifest.ts';
import { builtRoot, version } from '../version.ts';
import { writeFacts, type ClusterFacts } from './cluster.ts';
import { makeFolder, writePrivate } from './files.ts';
import { clusterPaths, nodeName, type ClusterPaths } from './layout.ts';
import { clientsOf, measurementOf } from './policy.ts';
import { enrolTpm2, tpm2Facts, type Tpm2Plan } from './tpm2.ts';

/** What a new cluster is to be. */
export interface ClusterPlan {
  readonly root: string;
  readonly nodes: number;
  readonly threshold: number;
  readonly port: number;
  readonly label: string;
  /** Nodes whose evidence a TPM makes, by index; all others have the dev attester. */
  readonly tpm2?: ReadonlyMap<number, Tpm2Plan>;
}

/** Hears of each step of the set-up. */
export type Progress = (step: string) => void;

const marker = '.making-';

/** Folders beside `root` that interrupted set-ups have left. */
export function unfinished(root: string): string[] {
  const parent = dirname(root);
  return existsSync(parent)
    ? readdirSync(parent)
        .filter((name) => name.startsWith(`${basename(root)}${marker}`))
        .map((name) => join(parent, name))
    : [];
}

/** Makes a cluster in `plan.root`, which is absent or empty. */
export async function makeCluster(plan: ClusterPlan, now: number, tell: Progress): Promise<void> {
  const temporary = `${plan.root}${marker}${process.pid}-${toHex(new Uint8Array(randomBytes(4)))}`;
  makeFolder(temporary);
  const paths = clusterPaths(temporary);
  const cluster = new Uint8Array(randomBytes(16));
  tell('attestation root (dev, throw-away) and client keys');
  const root = await makeInsecureDevRoot({ folder: paths.attestation, now });
  const keys = {
    governor: makeKey(paths.governanceKey('governor')),
    coordinator: makeKey(paths.clientKey('coordinator')),
    operator: makeKey(paths.clientKey('operator')),
  };
  tell(`tokens and enrolment of ${plan.nodes} nodes`);
  const program = await digestProgramFolder(builtRoot());
  const indexes = Array.from({ length: plan.nodes }, (_, i) => i + 1);
  const made = await Promise.all(
    indexes.map((index) => makeNode(paths, { program, index, now, tpm2: plan.tpm2?.get(index) })),
  );
  const nodes = made.map(({ node }) => node);
  tell('manifest, signed by the governance key');
  const manifest: Manifest = {
    v: 1,
    cluster,
    label: plan.label,
    version: 1,
    mode: 'dev',
    issuedAt: now,
    nodes,
    measurements: [
      measurementOf(program, `symbolon ${version()}, first image`, now),
      ...made.flatMap(({ measurement }) => (measurement === undefined ? [] : [measurement])),
    ],
    roots: [{ platform: 'dev', sha256: root.sha256 }],
    evidenceMaxAgeMs: 0,
    clients: clientsOf(keys, now),
    governance: { threshold: 1, keys: [{ name: 'governor', publicKey: keys.governor.publicKey }] },
  };
  const signed = signManifest(makeManifest(manifest), [{ name: 'governor', seed: keys.governor.seed }]);
  for (const { seed } of Object.values(keys)) {
    seed.fill(0);
  }
  const facts: ClusterFacts = {
    v: 1,
    cluster: toHex(cluster),
    label: plan.label,
    anchor: toHex(anchorOf(manifest)),
    threshold: plan.threshold,
    nodes: nodes.map(({ name, index }) => ({ name, index, ...tpm2Facts(plan.tpm2?.get(index)) })),
    port: plan.port,
    createdAt: now,
  };
  placeManifest(paths, facts, signed);
  const apiKey = newApiKey((length) => new Uint8Array(randomBytes(length)));
  writePrivate(paths.apiKey, `${apiKey.text}\n`);
  writeFacts(paths.cluster, facts);
  // The folder is complete: from here on it has its name.
  renameSync(temporary, plan.root);
}

/** Writes a signed manifest to every node and, last, to the cluster folder. Nothing of the cluster may run. */
export function placeManifest(
  paths: ClusterPaths,
  facts: Pick<ClusterFacts, 'nodes'>,
  signed: Uint8Array,
): void {
  for (const { name } of facts.nodes) {
    writePrivate(paths.node(name).daemonManifest, signed);
  }
  writePrivate(paths.manifest, signed);
}

/** An Ed25519 key: its seed, which the caller wipes, goes to a 0600 file. */
function makeKey(path: string): { readonly seed: Uint8Array; readonly publicKey: Uint8Array } {
  const seed = new Uint8Array(randomBytes(32));
  writePrivate(path, seed);
  const publicKey = rawPublicKey(createPublicKey(privateKeyFromRaw('ed25519', seed)), 'ed25519');
  return { seed, publicKey: publicKey ?? new Uint8Array() };
}

/** A node as the manifest names it, and the boot that its TPM measured. */
interface MadeNode {
  readonly node: ManifestNode;
  readonly measurement?: ManifestMeasurement;
}

async function makeNode(
  paths: ClusterPaths,
  options: {
    readonly program: Uint8Array;
    readonly index: number;
    readonly now: number;
    readonly tpm2: Tpm2Plan | undefined;
  },
): Promise<MadeNode> {
  const { program, index, now, tpm2 } = options;
  const name = nodeName(index);
  const node = paths.node(name);
  for (const folder of [node.store, node.run]) {
    makeFolder(folder);
  }
  const token = enrolToken({ folder: node.hsm, label: `symbolon-${name}`, now });
  if (tpm2 !== undefined) {
    const [{ attestationKey, endorsementKey, measurement }] = await Promise.all([
      enrolTpm2(tpm2, { folder: node.attester, node: name, now }),
      token,
    ]);
    const keys = { attestationKey, endorsementKey };
    return { node: { name, index, platform: 'tpm2', pcrs: new Map(), ...keys }, measurement };
  }
  const [instance] = await Promise.all([
    enrolInsecureDevInstance({
      authority: paths.attestation,
      folder: node.attester,
      roleArn: `arn:aws:iam::000000000000:role/symbolon-${name}`,
      now,
    }),
    token,
  ]);
  const { node: pcrs } = insecureDevPcrs(program, instance);
  return { node: { name, index, platform: 'dev', pcrs: new Map(pcrs) } };
}
