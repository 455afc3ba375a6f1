/** `symbolon tpm request`: on a node with a TPM, the file that begins its enrolment. */
import { requestTpm2Enrolment } from '../../enclave/attester/index.ts';
import { toHex } from '../../wire/ids.ts';
import { writePrivate } from '../cluster/files.ts';
import type { Command } from '../command.ts';
import { freshPath, nodeOf, nodeOptions } from '../evidence/enrolmentFiles.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';

/** The command. */
export const tpmRequest: Command = {
  words: ['tpm', 'request'],
  summary: 'enrol a TPM, step 1, on the node: a request with the keys of the TPM',
  options: {
    ...nodeOptions,
    out: { type: 'string', value: 'FILE', help: 'where to write the request; it holds nothing secret' },
  },
  operands: [],
  examples: [
    'symbolon tpm request --folder /var/lib/symbolon/attester --out node-1.request',
    'symbolon tpm request --folder attester --tpm unix:/run/swtpm.sock --out node-1.request',
  ],
  run: async (args, io) => {
    const options = nodeOf(args, io);
    const out = freshPath('out', args, io);
    const { request, name } = await requestTpm2Enrolment(options);
    writePrivate(out, request);
    result(io, args.flag('json'), { ok: true, key: toHex(name), out }, [
      `${io.style.good('written')}  ${out}, ${request.length} bytes`,
      `key      ${toHex(name)}`,
      'next     take it to whoever signs the manifest: symbolon tpm challenge',
    ]);
    return exitCodes.ok;
  },
};
