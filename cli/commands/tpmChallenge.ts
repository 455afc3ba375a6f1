/** `symbolon tpm challenge`: at whoever signs the manifest, the question that only the TPM of a request can answer. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { beginEnrolment } from '../../enclave/evidence/index.ts';
import { toHex } from '../../wire/ids.ts';
import { readNeeded, writePrivate } from '../cluster/files.ts';
import { usage, type Command } from '../command.ts';
import { freshPath, maxEnrolmentFile, rootOptions, trustOf } from '../evidence/enrolmentFiles.ts';
import { parseTime } from '../evidence/question.ts';
import { printable } from '../evidence/view.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { utc } from '../style.ts';

/** The command. */
export const tpmChallenge: Command = {
  words: ['tpm', 'challenge'],
  summary: 'enrol a TPM, step 2, at the signer of the manifest: check the request and ask the TPM',
  options: {
    ...rootOptions,
    out: { type: 'string', value: 'FILE', help: 'where to write the challenge, which goes to the node' },
    pending: {
      type: 'string',
      value: 'FILE',
      help: 'where to keep what the answer is checked with; it stays here, readable by nobody else',
    },
  },
  operands: [{ name: 'REQUEST', help: 'the file of symbolon tpm request' }],
  examples: [
    'symbolon tpm challenge node-1.request --root vendor-root.pem --out node-1.challenge --pending node-1.pending',
  ],
  run: (args, io) => {
    const request = readNeeded(resolve(io.cwd, args.needed(0)), maxEnrolmentFile);
    const trust = trustOf(args, io);
    const [out, pending] = [freshPath('out', args, io), freshPath('pending', args, io)];
    if (out === pending) {
      throw usage('--out and --pending must be two files');
    }
    const begun = beginEnrolment({
      request,
      ...trust,
      now: parseTime(args.text('at') ?? 'now', io.now()),
      random: (length) => new Uint8Array(randomBytes(length)),
    });
    writePrivate(pending, begun.pending);
    writePrivate(out, begun.challenge);
    const { name, chain } = begun;
    const facts = {
      key: toHex(name),
      root: toHex(chain.root),
      certificateUntil: chain.notAfter,
      out,
      pending,
    };
    result(io, args.flag('json'), { ok: true, ...facts }, [
      `${io.style.good('written')}  ${out}, ${begun.challenge.length} bytes`,
      `kept     ${pending}`,
      `key      ${toHex(name)}, not shown to be in a TPM yet`,
      `vendor   ${printable(chain.rootName ?? '-')}, root ${toHex(chain.root)}, until ${utc(chain.notAfter)}`,
      'next     take the challenge to the node: symbolon tpm activate',
    ]);
    return Promise.resolve(exitCodes.ok);
  },
};
