/** `symbolon key create`: a key ceremony over the nodes of the cluster. */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { label as labelShape, purpose as purposeShape, schemes, toHex, type Scheme } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import type { Shape } from '../../wire/shape.ts';
import { Api } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { usage, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { withProgress } from '../progress.ts';
import { namesOf } from './keyReshare.ts';

const shortNames: Readonly<Record<string, Scheme>> = {
  ed25519: 'frost-ed25519',
  taproot: 'frost-secp256k1-tr',
  secp256k1: 'dkls23-secp256k1',
  p256: 'dkls23-p256',
};
const schemeWords = 'ed25519, taproot, secp256k1 (ECDSA: EVM, Cosmos) or p256 (ECDSA)';

/** The scheme for what a person types. Throws `cli/usage`. */
export function schemeOf(word: string): Scheme {
  const scheme = shortNames[word] ?? schemes.find((one) => one === word);
  if (scheme === undefined) {
    throw usage(`--scheme must be ${schemeWords}`);
  }
  return scheme;
}

const purposeWords =
  '1 to 64 characters: lower case letters, digits and . / - between them, for example dev/solana';
const labelWords = '1 to 64 characters, none of which ends a line or turns the direction of the text';

/** The value where the nodes would take it. Throws `cli/usage` with what is allowed, in words. */
function fitting(option: string, shape: Shape<string>, value: string, allowed: string): string {
  try {
    return shape.check(value, option);
  } catch (error) {
    throw isSymbolonError(error) ? usage(`${option} must have ${allowed}`) : error;
  }
}

/** The command. */
export const keyCreate: Command = {
  words: ['key', 'create'],
  summary: 'make a key: every node gets a share, nobody ever holds the whole',
  options: {
    scheme: { type: 'string', value: 'SCHEME', help: schemeWords },
    purpose: {
      type: 'string',
      value: 'PURPOSE',
      help: 'what the key may be used for, for ever; the manifest says which purposes the operator has',
    },
    label: { type: 'string', value: 'TEXT', help: 'a name for people (default: the purpose)' },
    threshold: { type: 'string', value: 'T', help: 'nodes that it takes to sign (default: of the cluster)' },
    nodes: { type: 'string', value: 'A,B,C', help: 'names of the nodes that hold it (default: all)' },
  },
  operands: [],
  examples: [
    'symbolon key create --scheme ed25519 --purpose dev/solana',
    'symbolon key create --scheme taproot --purpose dev/bitcoin --label "cold 1" --json',
    'symbolon key create --scheme secp256k1 --purpose dev/evm',
  ],
  run: async (args, io) => {
    const purpose = fitting('--purpose', purposeShape, args.required('purpose'), purposeWords);
    const label = fitting('--label', labelShape, args.text('label') ?? purpose, labelWords);
    const scheme = schemeOf(args.required('scheme'));
    const threshold = args.integer('threshold', 2, maxNodes);
    const given = args.text('nodes');
    const named = given === undefined ? undefined : namesOf(given, '--nodes');
    if (named !== undefined && named.length < 2) {
      throw usage('--nodes must name two nodes or more');
    }
    const cluster = openCluster(args, io);
    const wanted = {
      scheme,
      threshold: threshold ?? cluster.facts.threshold,
      nodes: named ?? cluster.facts.nodes.map(({ name }) => name),
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
