/** The firmware's event log, from the file in which the kernel shows it. */
import { open } from 'node:fs/promises';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { maxEventLog } from '../../../wire/limits.ts';
import { reasonOf } from '../files.ts';

/**
 * Reads a log of at most `maxEventLog` bytes. Files of securityfs say that they have no bytes: it is read to its end.
 * @throws SymbolonError `attester/broken`.
 */
export async function readLogFile(file: string): Promise<Uint8Array> {
  const broken = (reason: string, cause?: unknown): SymbolonError =>
    new SymbolonError('attester/broken', { file, reason }, { cause });
  const room = new Uint8Array(maxEventLog + 1);
  let length = 0;
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead } = await handle.read(room, length, room.length - length, null);
        length += bytesRead;
        if (bytesRead === 0 || length === room.length) {
          break;
        }
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw broken(reasonOf(cause), cause);
  }
  if (length === 0 || length > maxEventLog) {
    throw broken(length === 0 ? 'empty' : `longer than ${maxEventLog} bytes`);
  }
  return room.slice(0, length);
}
