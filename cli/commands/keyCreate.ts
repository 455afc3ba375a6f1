/** `symbolon key create`: a key ceremony over all nodes of the cluster. */
import { toHex, schemes, type Scheme } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { Api } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { usage, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { withProgress } from '../progress.ts';

const shortNames: Readonly<Record<string, Scheme>> = {
  ed25519: 'frost-ed25519',
  taproot: 'frost-secp256k1-tr',
};

/** The scheme for what a person types. Throws `cli/usage`. */
export function schemeOf(word: string): Scheme {
  const scheme = shortNames[word] ?? schemes.find((one) => one === word);
  if (scheme === undefined) {
    throw usage(`--scheme must be ed25519 or taproot`);
  }
  return scheme;
}

/** The command. */
export const keyCreate: Command = {
  words: ['key', 'create'],
  summary: 'make a key: every node gets a share, nobody ever holds the whole',
  options: {
    scheme: { type: 'string', value: 'SCHEME', help: 'ed25519 or taproot' },
    purpose: {
      type: 'string',
      value: 'PURPOSE',
      help: 'what the key may be used for, for ever; the manifest says which purposes the operator has',
    },
    label: { type: 'string', value: 'TEXT', help: 'a name for people (default: the purpose)' },
    threshold: { type: 'string', value: 'T', help: 'nodes that it takes to sign (default: of the cluster)' },
  },
  operands: [],
  examples: [
    'symbolon key create --scheme ed25519 --purpose dev/solana',
    'symbolon key create --scheme taproot --purpose dev/bitcoin --label "cold 1" --json',
  ],
  run: async (args, io) => {
    const cluster = openCluster(args, io);
    const purpose = args.required('purpose');
    const label = args.text('label') ?? purpose;
    const wanted = {
      scheme: schemeOf(args.required('scheme')),
      threshold: args.integer('threshold', 2, maxNodes) ?? cluster.facts.threshold,
      nodes: cluster.facts.nodes.map(({ name }) => name),
      purpose,
      label,
    };
    const { key, steps } = await withProgress(io, 'key ceremony', () =>
      new Api(cluster, io.now).createKey(wanted),
    );
    result(io, args.flag('json'), key.raw, [
      `${io.style.good('made')}  ${key.id}  ${key.label}`,
      `      ${key.threshold} of ${key.nodes.length} (${key.nodes.join(', ')})  ${key.scheme}`,
      `      public key ${toHex(key.publicKey)}`,
      ...(steps.length === 0
        ? []
        : [`      ${io.style.dim(steps.map(({ step, ms }) => `${step} ${Math.round(ms)} ms`).join(', '))}`]),
    ]);
    return exitCodes.ok;
  },
};
