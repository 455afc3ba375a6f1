/** `symbolon key show`: one key, its holders and its addresses. */
import { toHex } from '../../wire/ids.ts';
import { Api, chainsOf, type KeyView } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';

/** What is on its way, and whom it waits for. */
const renewalLines = (key: KeyView, warn: (text: string) => string): string[] => {
  const waiting = key.waitingFor.length === 0 ? '' : `, waiting for ${key.waitingFor.join(', ')}`;
  return key.next === undefined
    ? key.waitingFor.length === 0
      ? []
      : [`waiting     ${warn(`for ${key.waitingFor.join(', ')}`)}`]
    : [`renewal     ${warn(`generation ${key.next} is being delivered${waiting}`)}`];
};

/** The command. */
export const keyShow: Command = {
  words: ['key', 'show'],
  summary: 'show a key: holders, public key, addresses',
  options: {},
  operands: [{ name: 'KEY', help: 'id of the key, see `symbolon key list`' }],
  examples: ['symbolon key show 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30'],
  run: async (args, io) => {
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const addresses: [string, string][] = [];
    for (const chain of chainsOf(key.scheme)) {
      addresses.push([chain.network ?? chain.chain, await api.address(key, chain)]);
    }
    result(io, args.flag('json'), { ...(key.raw as object), addresses: Object.fromEntries(addresses) }, [
      `${io.style.strong(key.id)}  ${key.label}`,
      `scheme      ${key.scheme}, ${key.threshold} of ${key.nodes.length}: ${key.nodes.join(', ')}`,
      `purpose     ${key.purpose}`,
      `state       ${key.state}, generation ${key.generation}`,
      ...renewalLines(key, io.style.warn),
      `public key  ${toHex(key.publicKey)}`,
      ...addresses.map(([chain, address]) => `address     ${address}  ${io.style.dim(chain)}`),
    ]);
    return exitCodes.ok;
  },
};
