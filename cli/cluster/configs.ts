/**
 * The configuration files of all processes, written anew at each start from `cluster.json`: a changed port or a restored
 * file is right again after the next start. They hold no secret: of the API key its hash.
 */
import { apiKeyHash } from '../../coordinator/apiKeys.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Cluster } from './cluster.ts';
import { readSecret, writeJson } from './files.ts';
import { portsFrom } from './layout.ts';

/** Longest file of an API key in bytes. */
const maxApiKeyFile = 512;

/**
 * Writes every configuration file of a cluster. Paths in a node's files are relative to the node's folder.
 * @throws SymbolonError `cli/exposed-secret`, `cli/unreadable-file`.
 */
export function writeConfigs({ paths, facts }: Cluster): void {
  const ports = portsFrom(facts.port);
  writeJson(paths.coordinatorConfig, {
    listen: `tcp:127.0.0.1:${ports.coordinator}`,
    manifest: { file: 'manifest.cbor', anchor: facts.anchor },
    nodes: facts.nodes.map(({ name, index }) => ({ name, address: `tcp:127.0.0.1:${ports.proxy(index)}` })),
    clientKeyFile: 'clients/coordinator.key',
    database: 'coordinator/database',
    apiKeys: [{ name: 'operator', sha256: operatorKeyHash(paths.apiKey) }],
  });
  for (const { name, index, tpm2 } of facts.nodes) {
    const node = paths.node(name);
    writeJson(node.hsmConfig, {
      profile: 'hsm/profile.json',
      pinFile: 'hsm/pin',
      socket: 'hsm/hsm.sock',
      softhsmConf: 'hsm/softhsm2.conf',
      cluster: facts.cluster,
      node: name,
    });
    writeJson(node.daemonConfig, {
      node: name,
      cluster: facts.cluster,
      listen: 'unix:daemon/run/node.sock',
      platform: tpm2 === undefined ? 'dev' : 'tpm2',
      attester: { folder: 'attester', ...tpm2 },
      hsm: { socket: 'hsm/hsm.sock' },
      store: { folder: 'daemon/store' },
      manifest: { file: 'daemon/manifest.cbor', anchor: facts.anchor },
    });
    writeJson(node.parentConfig, {
      listen: `tcp:127.0.0.1:${ports.proxy(index)}`,
      node: 'unix:daemon/run/node.sock',
      control: `tcp:127.0.0.1:${ports.proxyHealth(index)}`,
    });
  }
}

function operatorKeyHash(path: string): string {
  const key = readSecret(path, { atMost: maxApiKeyFile });
  const hash = apiKeyHash(Buffer.from(key).toString('latin1').trim());
  key.fill(0);
  if (hash === undefined) {
    throw new SymbolonError('cli/unreadable-file', { path, reason: 'it is no API key' });
  }
  return toHex(hash);
}
