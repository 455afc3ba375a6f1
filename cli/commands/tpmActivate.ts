/** `symbolon tpm activate`: on the node, the answer to a challenge, which its TPM gives only for keys of its own. */
import { resolve } from 'node:path';
import { answerTpm2Challenge } from '../../enclave/attester/index.ts';
import { readNeeded } from '../cluster/files.ts';
import type { Command } from '../command.ts';
import {
  freshPath,
  maxEnrolmentFile,
  nodeOf,
  nodeOptions,
  writeAndWipe,
} from '../evidence/enrolmentFiles.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';

/** The command. */
export const tpmActivate: Command = {
  words: ['tpm', 'activate'],
  summary: 'enrol a TPM, step 3, on the node: have the TPM answer the challenge',
  options: {
    ...nodeOptions,
    out: {
      type: 'string',
      value: 'FILE',
      help: 'where to write the answer; it is of use for this challenge only',
    },
  },
  operands: [{ name: 'CHALLENGE', help: 'the file of symbolon tpm challenge' }],
  examples: [
    'symbolon tpm activate node-1.challenge --folder /var/lib/symbolon/attester --out node-1.answer',
  ],
  run: async (args, io) => {
    const options = nodeOf(args, io);
    const challenge = readNeeded(resolve(io.cwd, args.needed(0)), maxEnrolmentFile);
    const out = freshPath('out', args, io);
    const answer = await answerTpm2Challenge(options, challenge);
    const { length } = answer;
    writeAndWipe(out, answer);
    result(io, args.flag('json'), { ok: true, out }, [
      `${io.style.good('written')}  ${out}, ${length} bytes`,
      'next     take it back to whoever made the challenge: symbolon tpm accept',
    ]);
    return exitCodes.ok;
  },
};
