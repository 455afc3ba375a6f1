/** The options of `symbolon up` for a TPM: it makes the evidence of the first node of a new cluster. */
import { resolve } from 'node:path';
import { readTpmAddress } from '../../enclave/attester/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Tpm2Plan } from '../cluster/tpm2.ts';
import { usage, type Arguments, type OptionSpec } from '../command.ts';
import { trustOf } from '../evidence/enrolmentFiles.ts';
import type { Io } from '../io.ts';

/** The options. */
export const tpmOptions: Readonly<Record<string, OptionSpec>> = {
  tpm: {
    type: 'string',
    value: 'ADDRESS',
    help: 'the TPM 2.0 that makes the evidence of node-1 of a new cluster: device:/dev/tpmrm0, unix:/PATH of an emulator',
  },
  root: {
    type: 'string',
    value: 'FILE',
    help: 'with --tpm: a root certificate of its vendor (DER or PEM); may be repeated',
    multiple: true,
  },
  authority: {
    type: 'string',
    value: 'FILE',
    help: 'with --tpm: a certificate between root and endorsement key (DER or PEM); may be repeated',
    multiple: true,
  },
  'event-log': {
    type: 'string',
    value: 'FILE',
    help: 'with --tpm: the event log of the firmware, so that refusals name events',
  },
};

/** The node that the TPM is for. */
const tpmNode = 1;

/** What the options ask for, by index of the node; nothing without `--tpm`. Throws `cli/usage`, `cli/unreadable-file`. */
export function tpmPlans(args: Arguments, io: Io): ReadonlyMap<number, Tpm2Plan> {
  const tpm = args.text('tpm');
  const log = args.text('event-log');
  if (tpm === undefined) {
    if (log !== undefined || args.texts('root').length > 0 || args.texts('authority').length > 0) {
      throw usage('--root, --authority and --event-log go with --tpm');
    }
    return new Map();
  }
  try {
    readTpmAddress(tpm);
  } catch (error) {
    throw isSymbolonError(error, 'tpm/bad-address') ? usage(`--tpm: ${error.facts.reason}`) : error;
  }
  const eventLog = log === undefined ? {} : { eventLog: resolve(io.cwd, log) };
  return new Map([[tpmNode, { tpm, ...eventLog, ...trustOf(args, io) }]]);
}
