/** `symbolon manifest show`: who and what a cluster accepts, in words and tables. */
import { toHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { duration, table, utc, type Style } from '../style.ts';
import { manifestJson, manifestOptions, verifiedManifest } from './manifestFile.ts';

/** The command. */
export const manifestShow: Command = {
  words: ['manifest', 'show'],
  summary: 'show the cluster manifest: nodes, accepted images, clients and what each may ask',
  options: manifestOptions,
  operands: [
    { name: 'FILE', help: 'a signed manifest (default: the one of the cluster folder)', optional: true },
  ],
  examples: ['symbolon manifest show', 'symbolon manifest show --json | jq .nodes'],
  run: async (args, io) => {
    const verified = await verifiedManifest(args, io);
    result(io, args.flag('json'), manifestJson(verified), [
      ...head(verified.manifest, toHex(verified.hash), io.style),
      ...body(verified.manifest, io.now(), io.style),
    ]);
    return exitCodes.ok;
  },
};

const short = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '-' : `${toHex(bytes.subarray(0, 8))}...`;

function head(manifest: Manifest, hash: string, { strong, warn }: Style): string[] {
  return [
    `${strong(manifest.label)}  version ${manifest.version}  ${manifest.mode === 'dev' ? warn('dev: throw-away attestation root') : manifest.mode}`,
    `cluster   ${toHex(manifest.cluster)}`,
    `hash      ${hash}`,
    `issued    ${utc(manifest.issuedAt)}`,
    `governed  by ${manifest.governance.threshold} of ${manifest.governance.keys.length}: ${manifest.governance.keys.map(({ name }) => name).join(', ')}`,
  ];
}

function body(manifest: Manifest, now: number, { strong }: Style): string[] {
  const left = (until: number): string => (until > now ? `in ${duration(until - now)}` : 'ended');
  return [
    '',
    strong('Nodes'),
    ...table(
      manifest.nodes.map((node) => [
        `  ${node.name}`,
        `index ${node.index}`,
        node.platform,
        [...node.pcrs].map(([pcr, value]) => `PCR${pcr} ${short(value)}`).join('  '),
      ]),
    ),
    '',
    strong('Accepted images'),
    ...table(
      manifest.measurements.map((one) => [
        `  ${one.name}`,
        one.platform,
        `PCR0 ${short(one.pcrs.get(0))}`,
        `until ${utc(one.notAfter)} (${left(one.notAfter)})`,
        one.reason,
      ]),
    ),
    '',
    strong('Clients'),
    ...manifest.clients.flatMap((client) => [
      `  ${client.name}  ${short(client.publicKey)}  until ${utc(client.notAfter)} (${left(client.notAfter)})`,
      ...client.may.map((grant) =>
        [
          `    may ${grant.action}`,
          grant.purposes.length === 0 ? '' : `for ${grant.purposes.join(', ')}`,
          grant.schemes.length === 0 ? '' : `with ${grant.schemes.join(', ')}`,
          grant.payloads.length === 0 ? '' : `over ${grant.payloads.join(', ')}`,
        ]
          .filter((part) => part !== '')
          .join(' '),
      ),
    ]),
  ];
}
