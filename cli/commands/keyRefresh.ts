/** `symbolon key refresh`: new shares of a key for the same holders. */
import { Api, type MadeView } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCodes, type ExitCode } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { withProgress } from '../progress.ts';

/** The command. */
export const keyRefresh: Command = {
  words: ['key', 'refresh'],
  summary: 'give the holders of a key new shares; old and new ones never sign together',
  options: {},
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: ['symbolon key refresh 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30'],
  run: async (args, io) => {
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const made = await withProgress(io, 'refresh', () => api.refreshKey(key));
    return renewed(made, args, io);
  },
};

/** Says what a renewal made. */
export function renewed({ key, steps, raw }: MadeView, args: Arguments, io: Io): ExitCode {
  const { good, warn, dim } = io.style;
  result(io, args.flag('json'), raw, [
    `${good('renewed')}  ${key.id}  ${key.label}`,
    `         generation ${key.generation}, ${key.threshold} of ${key.nodes.length} (${key.nodes.join(', ')})`,
    '         public key and addresses are what they were',
    ...(key.waitingFor.length === 0
      ? []
      : [
          `         ${warn(`on its way to ${key.waitingFor.join(', ')}`)}: it arrives when they can be reached`,
        ]),
    `         ${dim(steps.map(({ step, ms }) => `${step} ${Math.round(ms)} ms`).join(', '))}`,
  ]);
  return exitCodes.ok;
}
