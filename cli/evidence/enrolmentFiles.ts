/** What the four steps of an enrolment have in common: their options, and files that are written once. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readTpmAddress, type TpmAddress } from '../../enclave/attester/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { writePrivate } from '../cluster/files.ts';
import { usage, type Arguments, type OptionSpec } from '../command.ts';
import type { Io } from '../io.ts';
import { fingerprintOf, readCertificates } from './certificateFile.ts';

/** Longest file of the exchange in bytes; the formats have closer caps of their own. */
export const maxEnrolmentFile = 65_536;

/** Options of the steps that run on the node. */
export const nodeOptions: Readonly<Record<string, OptionSpec>> = {
  folder: {
    type: 'string',
    value: 'FOLDER',
    help: "the folder of the node's attester, as in its configuration",
  },
  tpm: {
    type: 'string',
    value: 'ADDRESS',
    help: 'where the TPM is (default: device:/dev/tpmrm0)',
  },
};

/** Options of the steps that verify certificates. */
export const rootOptions: Readonly<Record<string, OptionSpec>> = {
  root: {
    type: 'string',
    value: 'FILE',
    help: "a root certificate of the TPM's vendor, from the vendor itself (DER or PEM); may be repeated",
    multiple: true,
  },
  authority: {
    type: 'string',
    value: 'FILE',
    help: 'a certificate between root and key (DER or PEM); may be repeated',
    multiple: true,
  },
  at: { type: 'string', value: 'TIME', help: 'the time to verify at, as for evidence verify (default: now)' },
};

/** Folder and TPM of the node. Throws `cli/usage`. */
export function nodeOf(args: Arguments, io: Io): { readonly folder: string; readonly tpm: TpmAddress } {
  const folder = resolve(io.cwd, args.required('folder'));
  try {
    return { folder, tpm: readTpmAddress(args.text('tpm') ?? 'device:/dev/tpmrm0') };
  } catch (error) {
    throw isSymbolonError(error, 'tpm/bad-address')
      ? usage('--tpm must be like device:/dev/tpmrm0; of an emulator unix:/PATH or tcp:127.0.0.1:PORT')
      : error;
  }
}

/** The pinned roots, and all authorities that the operator has, the roots too. Throws `cli/usage`, `cli/unreadable-file`. */
export function trustOf(
  args: Arguments,
  io: Io,
): { readonly roots: readonly Uint8Array[]; readonly authorities: readonly Uint8Array[] } {
  const files = args.texts('root');
  if (files.length === 0) {
    throw usage('--root is needed');
  }
  const roots = files.flatMap((file) => readCertificates(file, '--root', io));
  const others = args.texts('authority').flatMap((file) => readCertificates(file, '--authority', io));
  return { roots: roots.map(fingerprintOf), authorities: [...others, ...roots] };
}

/** The path of an output, which must not be there: an exchange that is under way is never overwritten. */
export function freshPath(option: string, args: Arguments, io: Io): string {
  const path = resolve(io.cwd, args.required(option));
  if (existsSync(path)) {
    throw usage(`--${option} names a file that is there; it is not overwritten`);
  }
  return path;
}

/** Writes a file of mode 0600 and wipes the bytes where they hold a secret. */
export function writeAndWipe(path: string, content: Uint8Array): void {
  try {
    writePrivate(path, content);
  } finally {
    content.fill(0);
  }
}
