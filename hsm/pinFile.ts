/** The PIN file: read by the HSM process alone, refused where anyone else could have read or written it. */
import { SymbolonError } from '../wire/errors/index.ts';
import { readCapped } from './json.ts';

/** Longest PIN in bytes. */
export const maxPin = 128;

/** A PIN and the mark of the file that it came from. */
export interface PinFile {
  /** Printable ASCII. The caller owns and wipes it. */
  readonly pin: Uint8Array;
  /** Device, inode, size and times of the file: changes whenever someone puts another PIN in. Public. */
  readonly mark: string;
}

/**
 * Reads the PIN: one line of 4 to 128 printable ASCII characters, with or without a newline at the end.
 * @throws SymbolonError `hsm/pin-file-exposed`, `hsm/pin-file-broken`
 */
export function readPinFile(file: string): PinFile {
  let mark = '';
  const broken = (reason: string): SymbolonError<'hsm/pin-file-broken'> =>
    new SymbolonError('hsm/pin-file-broken', { file, reason });
  const read = readCapped(file, maxPin + 1, (stat) => {
    // The check is on the open file, so it can't be swapped between check and use.
    const mode = stat.mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new SymbolonError('hsm/pin-file-exposed', { file, mode: mode.toString(8).padStart(4, '0') });
    }
    const self = process.getuid?.() ?? stat.uid;
    if (stat.uid !== self && stat.uid !== 0) {
      throw broken('owned by another user');
    }
    mark = [stat.dev, stat.ino, stat.size, Math.trunc(stat.mtimeMs)].join(':');
  });
  if (read.state !== 'read') {
    throw broken(read.state === 'absent' ? 'absent' : read.reason);
  }
  const raw = read.value;
  const end = raw.at(-1) === 0x0a ? raw.length - 1 : raw.length;
  const pin = raw.slice(0, end);
  raw.fill(0);
  if (pin.length < 4 || pin.length > maxPin || pin.some((byte) => byte < 0x21 || byte > 0x7e)) {
    pin.fill(0);
    throw broken('not one line of 4 to 128 printable characters');
  }
  return { pin, mark };
}
