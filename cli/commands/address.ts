/** `symbolon address`: the address of a key on a chain. */
import { Api, chainsOf } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';

/** The command. */
export const address: Command = {
  words: ['address'],
  summary: 'print the address of a key on a chain',
  options: {
    chain: { type: 'string', value: 'CHAIN', help: 'solana or bitcoin (default: the one of the key)' },
    network: {
      type: 'string',
      value: 'NETWORK',
      help: 'bitcoin: mainnet, testnet or regtest (default: mainnet)',
    },
  },
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: ['symbolon address 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30 --network regtest'],
  run: async (args, io) => {
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const chain = args.text('chain') ?? chainsOf[key.scheme][0]?.chain ?? '';
    const network = args.text('network');
    const found = await api.address(key.id, { chain, ...(network === undefined ? {} : { network }) });
    result(io, args.flag('json'), { key: key.id, chain, network: network ?? null, address: found }, [found]);
    return exitCodes.ok;
  },
};
