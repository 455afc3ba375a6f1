/**
 * The byte format of the replay journal (SPEC.md): frames of length, strict CBOR and a checksum that chains to the frame
 * before. Pure: bytes in, bytes out.
 */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { bool, bytes, message, oneOf, record, uint, type Message } from '../../wire/shape.ts';

/** First frame of a journal. */
export const journalHeader = message(
  'replay-journal',
  128,
  record({
    v: oneOf(1),
    /** When the journal was first made, Unix milliseconds. */
    createdAt: uint(),
    /** Latest end of all requests that were forgotten: what ends no later is refused whatever the clock says (T37). */
    forgottenUntil: uint(),
  }),
);
/** Every other frame: the newest of an id counts. */
export const journalEntry = message(
  'replay-entry',
  128,
  record({
    id: bytes(16),
    hash: bytes(32),
    expiresAt: uint(),
    /** Sessions that the request had started when this was written. */
    attempts: uint(0xffff, 1),
    /** The request was carried out. */
    done: bool,
  }),
);
/** A decoded header. */
export type JournalHeader = ReturnType<typeof journalHeader.decode>;
/** A decoded entry. */
export type JournalEntry = ReturnType<typeof journalEntry.decode>;

const lengthBytes = 4;
const checksumBytes = 16;
/** Bytes of a frame beside its body. */
export const frameOverhead = lengthBytes + checksumBytes;
/** Longest body of a frame; a longer length is no torn write, it is damage. */
export const maxFrameBody = 128;

/** The checksum that the first frame chains to. */
export const journalStart: Uint8Array = new Uint8Array(checksumBytes);

/** Against damage, not against an attacker: who can write the file can also chain anew (SPEC.md, "What it does not do"). */
function checksumOf(previous: Uint8Array, lengthAndBody: Uint8Array): Uint8Array {
  const digest = createHash('sha256')
    .update('symbolon/replay-journal/1')
    .update(previous)
    .update(lengthAndBody)
    .digest();
  return new Uint8Array(digest.subarray(0, checksumBytes));
}

/** One frame, and the checksum that the next one chains to. */
export function encodeFrame(
  previous: Uint8Array,
  body: Uint8Array,
): { readonly frame: Uint8Array; readonly checksum: Uint8Array } {
  const frame = new Uint8Array(body.length + frameOverhead);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, lengthBytes);
  const checksum = checksumOf(previous, frame.subarray(0, lengthBytes + body.length));
  frame.set(checksum, lengthBytes + body.length);
  return { frame, checksum };
}

/** What a journal says. */
export interface Journal {
  readonly header: JournalHeader;
  /** In the order of the file. */
  readonly entries: readonly JournalEntry[];
  /** The checksum that the next frame chains to. */
  readonly checksum: Uint8Array;
  /** Bytes up to the end of the last complete frame. */
  readonly end: number;
}

const broken = (reason: string, offset: number, cause?: unknown): SymbolonError<'guard/broken'> =>
  new SymbolonError('guard/broken', { reason, offset }, cause === undefined ? {} : { cause });

/**
 * Reads a whole journal. An incomplete last frame is left out (`end` is then less than the length of `file`): a write
 * that was torn by a crash was never waited for, so nothing had left the node for it. All else is broken.
 * @throws SymbolonError `guard/broken`.
 */
export function decodeJournal(file: Uint8Array): Journal {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const entries: JournalEntry[] = [];
  let header: JournalHeader | undefined;
  let checksum = journalStart;
  let offset = 0;
  while (offset < file.length) {
    const left = file.length - offset;
    const length = left < lengthBytes ? undefined : view.getUint32(offset);
    if (length !== undefined && (length === 0 || length > maxFrameBody)) {
      throw broken('a frame of impossible length', offset);
    }
    if (length === undefined || left < length + frameOverhead) {
      break;
    }
    const bodyEnd = offset + lengthBytes + length;
    const next = checksumOf(checksum, file.subarray(offset, bodyEnd));
    if (!equalBytes(next, file.subarray(bodyEnd, bodyEnd + checksumBytes))) {
      throw broken('a checksum does not match', offset);
    }
    const body = file.subarray(offset + lengthBytes, bodyEnd);
    if (header === undefined) {
      header = decodeBody(journalHeader, body, offset);
    } else {
      entries.push(decodeBody(journalEntry, body, offset));
    }
    checksum = next;
    offset = bodyEnd + checksumBytes;
  }
  // The header was written by an atomic replacement: a crash can't tear it.
  if (header === undefined) {
    throw broken('no header', 0);
  }
  return { header, entries, checksum, end: offset };
}

function decodeBody<T>(format: Message<T>, body: Uint8Array, offset: number): T {
  try {
    return format.decode(body);
  } catch (error) {
    throw broken('a frame that is not an entry', offset, error);
  }
}

/** A whole journal anew: the header and these entries. */
export function encodeJournal(
  header: JournalHeader,
  entries: Iterable<JournalEntry>,
): { readonly file: Uint8Array; readonly checksum: Uint8Array } {
  const frames: Uint8Array[] = [];
  let { frame, checksum } = encodeFrame(journalStart, journalHeader.encode(header));
  frames.push(frame);
  for (const entry of entries) {
    ({ frame, checksum } = encodeFrame(checksum, journalEntry.encode(entry)));
    frames.push(frame);
  }
  return { file: new Uint8Array(Buffer.concat(frames)), checksum };
}
