/**
 * The byte format of the replay journal (SPEC.md): frames of length, strict CBOR and a checksum that chains to the frame
 * before. Version 2 is written; version 1, which has no marks, is read. Pure: bytes in, bytes out.
 */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import {
  bool,
  bytes,
  message,
  oneOf,
  optional,
  record,
  tagged,
  uint,
  versions,
  type Message,
  type TypeOf,
} from '../../wire/shape.ts';

const headerFields = {
  /** When the journal was first made, Unix milliseconds. */
  createdAt: uint(),
  /** Latest end of all requests that were forgotten: what ends no later is refused whatever the clock says (T37). */
  forgottenUntil: uint(),
};
const header1 = record({ v: oneOf(1), ...headerFields });
const header2 = record({ v: oneOf(2), ...headerFields });
/** First frame of a journal. */
export const journalHeader = message('replay-journal', 128, versions({ 1: header1, 2: header2 }));

const entryFields = {
  id: bytes(16),
  hash: bytes(32),
  expiresAt: uint(),
  /** Sessions that the request had started when this was written. */
  attempts: uint(0xffff, 1),
  /** The request was carried out. */
  done: bool,
};
/** Version 1: every frame behind the header. The newest of an id counts. */
export const journalEntry1 = message('replay-entry', 128, record(entryFields));

const witnessShape = record({
  /** Names the peer and its machine. */
  tie: bytes(16),
  /** The peer's boot that was seen last. */
  boot: bytes(16),
  /** The number of that boot. */
  boots: uint(Number.MAX_SAFE_INTEGER, 1),
  /** The highest mark that it has shown. */
  mark: uint(),
});
const stateFields = {
  /** Boots of the node, never less than in the frame before. */
  boots: uint(Number.MAX_SAFE_INTEGER, 1),
  /** Requests that it used, never less than in the frame before. */
  mark: uint(),
  /** What was seen of another node; the newest of a tie counts. */
  seen: optional(witnessShape),
};
/** Longest body of a frame. A longer length is no torn write, it is damage. */
export const maxFrameBody = 128;
/** Version 2: every frame behind the header. The first is a state. */
export const journalFrame = message(
  'replay-frame',
  maxFrameBody,
  tagged('kind', { use: entryFields, state: stateFields }),
);

/** A decoded header. */
export type JournalHeader = TypeOf<typeof header2>;
/** A decoded entry. */
export type JournalEntry = ReturnType<typeof journalEntry1.decode>;
/** What a journal says of a peer. */
export type JournalWitness = TypeOf<typeof witnessShape>;
/** One frame of a state. */
export interface JournalStep {
  readonly boots: number;
  readonly mark: number;
  readonly seen?: JournalWitness;
}
/** What the node counted, and what it has seen of others. */
export interface JournalState {
  readonly boots: number;
  readonly mark: number;
  readonly witnessed: readonly JournalWitness[];
}

const lengthBytes = 4;
const checksumBytes = 16;
/** Bytes of a frame beside its body. */
export const frameOverhead = lengthBytes + checksumBytes;
/** Longest frame, in bytes. */
export const maxFrame = maxFrameBody + frameOverhead;

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
  /** The version that the file is in. */
  readonly version: 1 | 2;
  /** The header as version 2 has it. */
  readonly header: JournalHeader;
  /** In the order of the file. */
  readonly entries: readonly JournalEntry[];
  /** The last counts, and the newest witness of each tie, in the order of their last sight. Zeros in version 1. */
  readonly state: JournalState;
  /** The checksum that the next frame chains to. */
  readonly checksum: Uint8Array;
  /** Bytes up to the end of the last complete frame. */
  readonly end: number;
}

const broken = (reason: string, offset: number, cause?: unknown): SymbolonError<'guard/broken'> =>
  new SymbolonError('guard/broken', { reason, offset }, cause === undefined ? {} : { cause });

/** What the frames behind the header say, one after the other. */
class Content {
  readonly entries: JournalEntry[] = [];
  readonly #version: 1 | 2;
  readonly #witnesses = new Map<string, JournalWitness>();
  #boots = 0;
  #mark = 0;

  constructor(version: 1 | 2) {
    this.#version = version;
  }

  get state(): JournalState {
    return { boots: this.#boots, mark: this.#mark, witnessed: [...this.#witnesses.values()] };
  }

  add(body: Uint8Array, offset: number): void {
    if (this.#version === 1) {
      this.entries.push(decodeBody(journalEntry1, body, offset));
      return;
    }
    const frame = decodeBody(journalFrame, body, offset);
    if (frame.kind === 'use') {
      const { id, hash, expiresAt, attempts, done } = frame;
      this.#requireState(offset);
      this.entries.push({ id, hash, expiresAt, attempts, done });
      return;
    }
    // Counts only rise: one that falls is not what this node wrote.
    if (frame.mark < this.#mark || frame.boots < this.#boots) {
      throw broken('a count that falls', offset);
    }
    this.#boots = frame.boots;
    this.#mark = frame.mark;
    if (frame.seen !== undefined) {
      const tie = toHex(frame.seen.tie);
      this.#witnesses.delete(tie);
      this.#witnesses.set(tie, frame.seen);
    }
  }

  /** Header and first state are written by one atomic replacement: a crash can't part them. */
  end(offset: number): void {
    if (this.#version === 2) {
      this.#requireState(offset);
    }
  }

  #requireState(offset: number): void {
    if (this.#boots === 0) {
      throw broken('no state', offset);
    }
  }
}

/**
 * Reads a whole journal. An incomplete last frame is left out (`end` is then less than the length of `file`): a write
 * that was torn by a crash was never waited for, so nothing had left the node for it. All else is broken.
 * @throws SymbolonError `guard/broken`.
 */
export function decodeJournal(file: Uint8Array): Journal {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let header: ReturnType<typeof journalHeader.decode> | undefined;
  let content = new Content(1);
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
      content = new Content(header.v);
    } else {
      content.add(body, offset);
    }
    checksum = next;
    offset = bodyEnd + checksumBytes;
  }
  // The header was written by an atomic replacement: a crash can't tear it.
  if (header === undefined) {
    throw broken('no header', 0);
  }
  content.end(offset);
  const { entries, state } = content;
  return { version: header.v, header: { ...header, v: 2 }, entries, state, checksum, end: offset };
}

function decodeBody<T>(format: Message<T>, body: Uint8Array, offset: number): T {
  try {
    return format.decode(body);
  } catch (error) {
    throw broken('a frame that is not an entry', offset, error);
  }
}

/** The body of an entry. */
export const useBody = (entry: JournalEntry): Uint8Array => journalFrame.encode({ kind: 'use', ...entry });
/**
 * The body of one step of a state, read back: what it says of others comes from others, and a frame that can't be read would
 * freeze this node at its next start.
 * @throws SymbolonError `wire/unexpected-shape`, `wire/oversize`; then there is nothing to write.
 */
export function stateBody(step: JournalStep): Uint8Array {
  const body = journalFrame.encode({ kind: 'state', ...step });
  journalFrame.decode(body);
  return body;
}

/** A whole journal anew: the header, these steps of its state (at least one) and these entries. */
export function encodeJournal(
  header: JournalHeader,
  steps: readonly JournalStep[],
  entries: Iterable<JournalEntry>,
): { readonly file: Uint8Array; readonly checksum: Uint8Array } {
  const frames: Uint8Array[] = [];
  let { frame, checksum } = encodeFrame(journalStart, journalHeader.encode(header));
  frames.push(frame);
  const add = (body: Uint8Array): void => {
    ({ frame, checksum } = encodeFrame(checksum, body));
    frames.push(frame);
  };
  steps.forEach((step) => {
    add(stateBody(step));
  });
  for (const entry of entries) {
    add(useBody(entry));
  }
  return { file: new Uint8Array(Buffer.concat(frames)), checksum };
}
