/** `symbolon tpm accept`: at whoever signs the manifest, the end of an enrolment: the Name that the manifest pins. */
import { resolve } from 'node:path';
import { enrolByCertificate, finishEnrolment, type EnrolledKey } from '../../enclave/evidence/index.ts';
import { toHex } from '../../wire/ids.ts';
import { readNeeded } from '../cluster/files.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { readCertificates } from '../evidence/certificateFile.ts';
import { maxEnrolmentFile, rootOptions, trustOf } from '../evidence/enrolmentFiles.ts';
import { parseTime } from '../evidence/question.ts';
import { exitCodes } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';

/** The command. */
export const tpmAccept: Command = {
  words: ['tpm', 'accept'],
  summary: 'enrol a TPM, step 4, at the signer of the manifest: check the answer, print the key to pin',
  options: {
    pending: { type: 'string', value: 'FILE', help: 'what symbolon tpm challenge kept' },
    ak: {
      type: 'string',
      value: 'FILE',
      help: 'instead of an exchange: the attestation key (TPMT_PUBLIC) that a CA has certified',
    },
    certificate: { type: 'string', value: 'FILE', help: 'with --ak: its certificate (DER or PEM)' },
    ...rootOptions,
  },
  operands: [{ name: 'ANSWER', help: 'the file of symbolon tpm activate', optional: true }],
  examples: [
    'symbolon tpm accept node-1.answer --pending node-1.pending',
    'symbolon tpm accept --ak ak.tpmt --certificate ak.der --root cloud-root.pem --authority cloud-ca.pem',
  ],
  run: (args, io) => {
    const enrolled = args.text('ak') === undefined ? byAnswer(args, io) : byCertificate(args, io);
    const { attestationKey, endorsementKey, certificate, root } = enrolled;
    const facts = {
      attestationKey: toHex(attestationKey),
      endorsementKey: endorsementKey === undefined ? null : toHex(endorsementKey),
      certificate: toHex(certificate),
      root: toHex(root),
    };
    result(io, args.flag('json'), { ok: true, ...facts }, [
      endorsementKey === undefined
        ? `${io.style.good('enrolled')}  a CA under root ${facts.root} says that the key is in a TPM`
        : `${io.style.good('enrolled')}  the key is in a TPM under root ${facts.root}`,
      `attestationKey  ${facts.attestationKey}`,
      ...(facts.endorsementKey === null ? [] : [`endorsementKey  ${facts.endorsementKey}`]),
      'Name them so in the entry of the node in the manifest, platform tpm2.',
      'Compare the attestationKey with what the machine itself shows: files can be swapped on their way.',
    ]);
    return Promise.resolve(exitCodes.ok);
  },
};

function byAnswer(args: Arguments, io: Io): EnrolledKey {
  const file = args.operand(0);
  if (file === undefined) {
    throw usage('ANSWER is needed, or a key with its certificate as --ak and --certificate');
  }
  const given = ['certificate', 'root', 'authority'].find(
    (name) => args.text(name) !== undefined || args.texts(name).length > 0,
  );
  if (given !== undefined) {
    throw usage(`--${given} goes with --ak; the roots of an exchange were given to symbolon tpm challenge`);
  }
  const pending = readNeeded(resolve(io.cwd, args.required('pending')), maxEnrolmentFile);
  const answer = readNeeded(resolve(io.cwd, file), maxEnrolmentFile);
  try {
    return finishEnrolment({ pending, answer, now: parseTime(args.text('at') ?? 'now', io.now()) });
  } finally {
    answer.fill(0);
  }
}

function byCertificate(args: Arguments, io: Io): EnrolledKey {
  if (args.operand(0) !== undefined || args.text('pending') !== undefined) {
    throw usage('give ANSWER and --pending, or --ak and --certificate, not both');
  }
  const { roots, authorities } = trustOf(args, io);
  return enrolByCertificate({
    ak: readNeeded(resolve(io.cwd, args.required('ak')), maxEnrolmentFile),
    certificates: [...readCertificates(args.required('certificate'), '--certificate', io), ...authorities],
    roots,
    now: parseTime(args.text('at') ?? 'now', io.now()),
  });
}
