/**
 * Where everything lies in a local cluster's folder: the one place that knows its paths. Secrets are files of mode 0600
 * in folders of mode 0700; nothing in the folder is readable by other users.
 */
import { join } from 'node:path';

/** Port numbers of a cluster, all on loopback, counted from one base. */
export interface Ports {
  readonly coordinator: number;
  readonly proxy: (index: number) => number;
  readonly proxyHealth: (index: number) => number;
}
/** Default first port. */
export const defaultPort = 7700;
/** Ports above the base that a cluster of the largest size takes. */
export const portSpan = 65;
/** The ports for a base: the coordinator has the base, the proxy of node `i` base + i, its health base + 32 + i. */
export const portsFrom = (base: number): Ports => ({
  coordinator: base,
  proxy: (index) => base + index,
  proxyHealth: (index) => base + 32 + index,
});

/** Paths of one node, absolute. */
export interface NodePaths {
  /** The folder that the node's processes run in; socket paths are relative to it. */
  readonly root: string;
  readonly daemonConfig: string;
  readonly daemonManifest: string;
  readonly store: string;
  readonly attester: string;
  readonly hsm: string;
  readonly hsmConfig: string;
  readonly softhsmConfig: string;
  readonly tokens: string;
  readonly pin: string;
  readonly profile: string;
  readonly parentConfig: string;
  readonly run: string;
}

/** Paths of a cluster folder, absolute. */
export interface ClusterPaths {
  readonly root: string;
  readonly cluster: string;
  readonly manifest: string;
  readonly lock: string;
  readonly processes: string;
  readonly logs: string;
  readonly attestation: string;
  readonly attestationRoot: string;
  readonly coordinator: string;
  readonly coordinatorConfig: string;
  readonly apiKey: string;
  readonly governanceKey: (name: string) => string;
  readonly clientKey: (name: string) => string;
  readonly log: (process: string) => string;
  readonly node: (name: string) => NodePaths;
}

/** Paths below `root`. */
export function clusterPaths(root: string): ClusterPaths {
  return {
    root,
    cluster: join(root, 'cluster.json'),
    manifest: join(root, 'manifest.cbor'),
    lock: join(root, 'up.lock'),
    processes: join(root, 'processes.json'),
    logs: join(root, 'logs'),
    attestation: join(root, 'attestation'),
    attestationRoot: join(root, 'attestation', 'root.der'),
    coordinator: join(root, 'coordinator'),
    coordinatorConfig: join(root, 'coordinator', 'config.json'),
    apiKey: join(root, 'coordinator', 'operator.apikey'),
    governanceKey: (name) => join(root, 'governance', `${name}.key`),
    clientKey: (name) => join(root, 'clients', `${name}.key`),
    log: (process) => join(root, 'logs', `${process}.log`),
    node: (name) => nodePaths(join(root, 'nodes', name)),
  };
}

function nodePaths(root: string): NodePaths {
  return {
    root,
    daemonConfig: join(root, 'daemon', 'config.json'),
    daemonManifest: join(root, 'daemon', 'manifest.cbor'),
    store: join(root, 'daemon', 'store'),
    run: join(root, 'daemon', 'run'),
    attester: join(root, 'attester'),
    hsm: join(root, 'hsm'),
    hsmConfig: join(root, 'hsm', 'config.json'),
    softhsmConfig: join(root, 'hsm', 'softhsm2.conf'),
    tokens: join(root, 'hsm', 'tokens'),
    pin: join(root, 'hsm', 'pin'),
    profile: join(root, 'hsm', 'profile.json'),
    parentConfig: join(root, 'parent', 'config.json'),
  };
}

/** Name of the node with an index, from 1. */
export const nodeName = (index: number): string => `node-${index}`;
