/** `symbolon evidence show`: what a piece of evidence says, for a person. It verifies nothing, and says so. */
import { resolve } from 'node:path';
import type { Command } from '../command.ts';
import type { Reading } from '../evidence/contract.ts';
import { readEvidenceFile } from '../evidence/evidenceFile.ts';
import { readEvidence } from '../evidence/reading.ts';
import { readingJson, readingLines } from '../evidence/view.ts';
import { exitCodes } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';

/** The command. */
export const evidenceShow: Command = {
  words: ['evidence', 'show'],
  summary: 'explain what a piece of evidence says, without verifying it',
  options: {},
  operands: [
    { name: 'FILE', help: 'a document of AWS, evidence or a quote of a TPM, or the event log of a boot' },
  ],
  examples: [
    'symbolon evidence show doc.bin',
    'symbolon evidence show /sys/kernel/security/tpm0/binary_bios_measurements',
  ],
  run: (args, io) => {
    const reading = readingOf(args.needed(0), io);
    result(io, args.flag('json'), { ok: true, ...readingJson(reading) }, readingLines(reading, io.style));
    return Promise.resolve(exitCodes.ok);
  },
};

/**
 * Reads evidence from a file, unverified.
 * @throws SymbolonError `cli/unreadable-file`, `cli/not-evidence`.
 */
export function readingOf(name: string, io: Io): Reading {
  const path = resolve(io.cwd, name);
  return readEvidence(() => readEvidenceFile(path), path);
}
