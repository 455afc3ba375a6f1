/**
 * What an event says of itself, in the forms of PFP section 10.2 and of boot loaders. Nothing here throws: data that is
 * not of the expected form says nothing (`undefined`). It comes from an unverified log and is for naming and showing.
 */

const u32 = (data: Uint8Array, at: number): number =>
  new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(at, true);
/** A length of 64 bits that lies inside `data`, or -1. */
const length64 = (data: Uint8Array, at: number): number =>
  u32(data, at + 4) === 0 && u32(data, at) <= data.length ? u32(data, at) : -1;

const latin1 = (data: Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
const utf16 = (data: Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength & ~1).toString('utf16le');
const untilZero = (text: string): string => text.split('\0', 1)[0] ?? '';

/** The text of an event: UTF-16 where every second byte is zero, as systemd writes it, and bytes otherwise. */
export function textOf(data: Uint8Array): string {
  const wide =
    data.length >= 4 && data.length % 2 === 0 && data.every((byte, i) => i % 2 === 0 || byte === 0);
  return untilZero(wide ? utf16(data) : latin1(data));
}

/** A UEFI variable (UEFI_VARIABLE_DATA, PFP section 10.2): its name, and a view of its value. */
export function variableOf(
  data: Uint8Array,
): { readonly name: string; readonly value: Uint8Array } | undefined {
  if (data.length < 32) {
    return undefined;
  }
  const nameLength = length64(data, 16);
  const end = 32 + 2 * nameLength;
  if (nameLength < 0 || end > data.length) {
    return undefined;
  }
  return { name: untilZero(utf16(data.subarray(32, end))), value: data.subarray(end) };
}

/** Where an image was loaded from, as far as its device path tells (UEFI specification section 10.3). */
export interface ImageSource {
  /** File path with backslashes; empty where the path names no file. */
  readonly file: string;
  /** Whether it lies in a firmware volume. */
  readonly firmware: boolean;
}

/** The source of an image (UEFI_IMAGE_LOAD_EVENT, PFP section 10.2). */
export function imageSourceOf(data: Uint8Array): ImageSource {
  let file = '';
  let firmware = false;
  const pathLength = data.length < 32 ? -1 : length64(data, 24);
  const path = data.subarray(32, 32 + Math.max(0, pathLength));
  for (let at = 0; at + 4 <= path.length;) {
    const [type, subtype, low = 0, high = 0] = path.subarray(at, at + 4);
    const length = low + 256 * high;
    // UEFI section 10.3.1: a node has at least its header; the end node has type 0x7f.
    if (length < 4 || at + length > path.length || type === 0x7f) {
      break;
    }
    if (type === 4 && subtype === 4) {
      file += untilZero(utf16(path.subarray(at + 4, at + length)));
    }
    firmware ||= type === 4 && (subtype === 6 || subtype === 7);
    at += length;
  }
  return { file, firmware };
}

/** The tag of a tagged event (TCG_PCClientTaggedEvent, PFP section 10.2). */
export const tagOf = (data: Uint8Array): number | undefined => (data.length < 8 ? undefined : u32(data, 0));

/** The last part of a path with slashes of either kind, in lower case. */
export const baseName = (path: string): string => (path.split(/[\\/]/).at(-1) ?? '').toLowerCase();

/**
 * Text of a log for a person: printable ASCII only, at most 200 characters, so that it moves no cursor and hides nothing.
 */
export function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '.');
  return clean.length > 200 ? `${clean.slice(0, 197)}...` : clean;
}
