/** `symbolon key list`: all keys of the cluster. */
import { Api } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { table } from '../style.ts';

/** The command. */
export const keyList: Command = {
  words: ['key', 'list'],
  summary: 'list the keys',
  options: {},
  operands: [],
  examples: ['symbolon key list', 'symbolon key list --json | jq -r .keys[].id'],
  run: async (args, io) => {
    const keys = await new Api(openCluster(args, io), io.now).keys();
    result(
      io,
      args.flag('json'),
      { keys: keys.map(({ raw }) => raw) },
      keys.length === 0
        ? ['No keys yet. Make one with `symbolon key create`.']
        : table([
            ['ID', 'SCHEME', 'PURPOSE', 'NODES', 'GEN', 'STATE', 'LABEL'].map(io.style.strong),
            ...keys.map((key) => [
              key.id,
              key.scheme,
              key.purpose,
              `${key.threshold} of ${key.nodes.length}`,
              String(key.generation),
              key.next === undefined ? key.state : `${key.state}, renewing`,
              key.label,
            ]),
          ]),
    );
    return exitCodes.ok;
  },
};
