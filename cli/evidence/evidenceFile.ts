/** Evidence from a file. It may be a device or a file of the kernel that tells no size: at most the cap is ever read (T34). */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxEvidence } from '../../wire/limits.ts';
import { errorCode } from '../cluster/files.ts';

/**
 * Content of a file with evidence, or a part of it.
 * @throws SymbolonError `evidence/oversize` where it has more than `maxEvidence` bytes; `cli/unreadable-file`.
 */
export function readEvidenceFile(path: string): Uint8Array {
  const buffer = new Uint8Array(maxEvidence + 1);
  let length = 0;
  let size: number;
  try {
    const file = openSync(path, 'r');
    try {
      ({ size } = fstatSync(file));
      for (let got = -1; got !== 0 && length < buffer.length; length += got) {
        got = readSync(file, buffer, length, buffer.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = errorCode(error);
    const reason = code === 'ENOENT' ? 'it is not there' : code;
    throw new SymbolonError('cli/unreadable-file', { path, reason }, { cause: error });
  }
  if (length > maxEvidence) {
    throw new SymbolonError('evidence/oversize', { size: Math.max(size, length), limit: maxEvidence });
  }
  return buffer.slice(0, length);
}
