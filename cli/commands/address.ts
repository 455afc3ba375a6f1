/** `symbolon address`: the address of a key, or of a key derived from it, on a chain. */
import { chains } from '../../coordinator/chains/address.ts';
import { bitcoinNetworks } from '../../coordinator/chains/bitcoin.ts';
import { hrpPattern } from '../../coordinator/chains/cosmos.ts';
import { parsePath, pathText } from '../../coordinator/chains/path.ts';
import { Api, chainsOf } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';

/** The option of a derivation path, as `sign` has it too. */
export const pathOption = {
  type: 'string',
  value: 'PATH',
  help: 'a key derived from it, like m/0/5; only non-hardened steps (default: m, the key itself)',
} as const;

/** The command. */
export const address: Command = {
  words: ['address'],
  summary: 'print the address of a key on a chain',
  options: {
    chain: {
      type: 'string',
      value: 'CHAIN',
      help: 'solana, bitcoin, evm or cosmos (default: the first that the key has)',
    },
    network: {
      type: 'string',
      value: 'NETWORK',
      help: 'bitcoin: mainnet, testnet or regtest (default: mainnet)',
    },
    path: pathOption,
    hrp: { type: 'string', value: 'PREFIX', help: 'cosmos: the prefix of the chain (default: cosmos)' },
  },
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: [
    'symbolon address 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30 --network regtest',
    'symbolon address 77ab... --chain cosmos --hrp osmo --path m/0/5',
  ],
  run: async (args, io) => {
    const path = parsePath(args.text('path') ?? 'm');
    const named = oneOf('chain', chains, args);
    const network = oneOf('network', bitcoinNetworks, args);
    const hrp = hrpOf(args);
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const chain = named ?? chainsOf(key.scheme)[0]?.chain;
    const found = await api.address(key, { chain, network, hrp, path });
    const facts = { key: key.id, chain: chain ?? null, network: network ?? null, path: pathText(path) };
    result(io, args.flag('json'), { ...facts, address: found }, [found]);
    return exitCodes.ok;
  },
};

/** The value of an option that takes one of a few words. */
function oneOf(name: string, words: readonly string[], args: Arguments): string | undefined {
  const word = args.text(name);
  if (word !== undefined && !words.includes(word)) {
    throw usage(`--${name} must be one of: ${words.join(', ')}`);
  }
  return word;
}

/** The prefix of a Cosmos chain, in the form that the coordinator takes. */
function hrpOf(args: Arguments): string | undefined {
  const hrp = args.text('hrp');
  if (hrp !== undefined && !new RegExp(hrpPattern).test(hrp)) {
    throw usage('--hrp must be 1 to 32 lower case letters and digits, a letter first, for example osmo');
  }
  return hrp;
}
