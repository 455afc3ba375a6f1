/**
 * The durable replay guard: which request ids were used, until they expire; and, in the same journal and the same flush,
 * how much this node has counted and what it has seen of others (marks.ts). See SPEC.md for the journal's bytes.
 *
 * The caller authenticates a request first and calls the guard after (T10): a guard that records what strangers send is
 * a way to block honest clients.
 */
import { basename } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxAttempts as attemptsLimit } from '../../wire/limits.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { AppendFile, Files } from '../files/atomic.ts';
import type { ReplayGuard, ReplayGuardModules, ReplayGuardOptions, RequestUse } from './contract.ts';
import {
  decodeJournal,
  encodeFrame,
  encodeJournal,
  maxFrame,
  stateBody,
  useBody,
  type Journal,
  type JournalEntry,
  type JournalHeader,
  type JournalState,
} from './journal.ts';
import { Marks, type MarkKeeper } from './marks.ts';

export type { ReplayGuard, ReplayGuardModules, ReplayGuardOptions, RequestUse } from './contract.ts';

/** Content of `FILE.created`. */
const createdMark = new TextEncoder().encode('symbolon replay journal was created\n');
const defaultEntries = 262_144;
/** Bytes that are no longer needed before the journal is written anew. */
const compactAfter = 524_288;
/** Bytes that the witnesses of all, and one group of burns, may take beside the entries. */
const slack = 1_048_576;

/**
 * Opens the journal, or makes it at the first start; a journal of version 1 is written anew. The boot is counted, on the
 * disk, before this resolves.
 * @throws SymbolonError `guard/missing` where a journal existed and is gone, `guard/broken` where it can't be read to its
 * end, `guard/write-failed`.
 */
export async function openReplayGuard(
  options: ReplayGuardOptions,
  modules: ReplayGuardModules,
): Promise<ReplayGuard> {
  const { file } = options;
  const { files, now } = modules;
  const maxEntries = options.maxEntries ?? defaultEntries;
  const mark = `${file}.created`;
  // Each id has at most an entry a burn and one for `done`; beyond that it was compacted.
  const maxBytes = maxEntries * 2 * maxFrame + compactAfter + slack;
  const [found, marked] = await Promise.all([files.read(file, maxBytes), files.read(mark, 64)]);
  if (found.kind === 'broken' || marked.kind === 'broken') {
    const reason = found.kind === 'broken' ? found.reason : marked.kind === 'broken' ? marked.reason : '';
    throw new SymbolonError('guard/broken', { reason, offset: 0 });
  }
  if (found.kind === 'absent' && (marked.kind === 'value' || options.mustExist === true)) {
    // Absent, broken and empty are three results (T11): only a node that never ran starts with nothing.
    throw new SymbolonError('guard/missing', { file: basename(file) });
  }
  const read = found.kind === 'value' ? decodeJournal(found.bytes) : undefined;
  // T09: the boot is counted, and on the disk before anybody is shown its number.
  const { boots, mark: used, witnessed } = read?.state ?? { boots: 0, mark: 0, witnessed: [] };
  const state: JournalState = { boots: boots + 1, mark: used, witnessed };
  const marks = new Marks(state);
  const recovered: string[] = [];
  let journal: OpenJournal;
  if (read?.version === 2) {
    const append = await diskStep(() => files.append(file));
    journal = { header: read.header, entries: read.entries, append, checksum: read.checksum };
  } else {
    const header: JournalHeader = read?.header ?? { v: 2, createdAt: now(), forgottenUntil: 0 };
    const entries = read?.entries ?? [];
    const made = encodeJournal(header, marks.whole(), entries);
    await diskStep(() => files.replace(file, made.file));
    journal = { header, entries, append: await diskStep(() => files.append(file)), checksum: made.checksum };
  }
  try {
    if (marked.kind === 'absent') {
      await diskStep(() => files.replace(mark, createdMark));
    }
    const torn = read !== undefined && found.kind === 'value' ? found.bytes.length - read.end : 0;
    if (torn > 0) {
      recovered.push(
        `The replay journal ended in an incomplete entry of ${torn} bytes, as a crash leaves it; it was removed. ` +
          'Nothing had left the node for it.',
      );
    }
    if (read?.version === 2) {
      await diskStep(() => (torn > 0 ? journal.append.truncate(read.end) : Promise.resolve()));
      const boot = encodeFrame(journal.checksum, stateBody({ boots: state.boots, mark: state.mark }));
      await diskStep(() => journal.append.append(boot.frame));
      await diskStep(() => journal.append.sync());
      journal = { ...journal, checksum: boot.checksum };
    }
  } catch (error) {
    await journal.append.close();
    throw error;
  }
  return new Guard(options, modules, journal, marks, recovered);
}

/** A journal that is open for writing. */
interface OpenJournal extends Pick<Journal, 'header' | 'entries' | 'checksum'> {
  readonly append: AppendFile;
}

async function diskStep<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    throw new SymbolonError('guard/write-failed', { reason }, { cause: error });
  }
}

/** What the guard knows of one id. */
interface Known {
  readonly id: Uint8Array;
  readonly hash: Uint8Array;
  readonly expiresAt: number;
  /** Sessions started. */
  attempts: number;
  /** Sessions started and not burned, in this boot. */
  open: number;
  /** Whether the journal has it. */
  burned: boolean;
  done: boolean;
}

interface Waiting {
  readonly entry: JournalEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Guard implements ReplayGuard {
  readonly recovered: readonly string[];
  readonly #marks: Marks;
  readonly #file: string;
  readonly #files: Files;
  readonly #now: () => number;
  readonly #maxEntries: number;
  readonly #maxAttempts: number;
  readonly #known = new Map<string, Known>();
  #append: AppendFile;
  #header: JournalHeader;
  #checksum: Uint8Array;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;
  #failure: SymbolonError<'guard/write-failed'> | undefined;

  constructor(
    options: ReplayGuardOptions,
    { files, now }: ReplayGuardModules,
    journal: OpenJournal,
    marks: Marks,
    recovered: readonly string[],
  ) {
    this.recovered = recovered;
    this.#marks = marks;
    this.#file = options.file;
    this.#files = files;
    this.#now = now;
    this.#maxEntries = options.maxEntries ?? defaultEntries;
    this.#maxAttempts = options.maxAttempts ?? attemptsLimit;
    this.#append = journal.append;
    this.#header = journal.header;
    this.#checksum = journal.checksum;
    for (const { id, hash, expiresAt, attempts, done } of journal.entries) {
      this.#known.set(toHex(id), { id, hash, expiresAt, attempts, open: 0, burned: true, done });
    }
  }

  get marks(): MarkKeeper {
    return this.#marks;
  }

  get size(): number {
    return this.#known.size;
  }

  begin(use: RequestUse): void {
    const key = toHex(use.id);
    const known = this.#check(key, use);
    if (known !== undefined) {
      if (known.attempts >= this.#maxAttempts) {
        throw new SymbolonError('guard/attempts-exhausted', { id: key, attempts: known.attempts });
      }
      known.attempts += 1;
      known.open += 1;
      return;
    }
    if (this.#known.size >= this.#maxEntries) {
      this.#forgetExpired();
      if (this.#known.size >= this.#maxEntries) {
        throw new SymbolonError('guard/full', { limit: this.#maxEntries });
      }
    }
    this.#known.set(key, {
      id: use.id.slice(),
      hash: use.hash.slice(),
      expiresAt: use.expiresAt,
      attempts: 1,
      open: 1,
      burned: false,
      done: false,
    });
  }

  async burn(use: RequestUse): Promise<void> {
    const key = toHex(use.id);
    const known = this.#check(key, use);
    if (known === undefined || known.open === 0) {
      throw new SymbolonError('guard/not-begun', { id: key });
    }
    // Spent before the disk answers: a second burn of the same session can't slip in between.
    known.open -= 1;
    known.burned = true;
    this.#marks.count();
    await this.#write(known);
  }

  async done(use: RequestUse): Promise<void> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const key = toHex(use.id);
    const known = this.#known.get(key);
    if (known === undefined && use.expiresAt <= this.#clock()) {
      // It ran out while its session ended: the end of the request refuses it from now on.
      return;
    }
    if (known?.burned !== true || !equalBytes(known.hash, use.hash)) {
      throw new SymbolonError('guard/not-begun', { id: key });
    }
    if (!known.done) {
      known.done = true;
      await this.#write(known);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    await this.#flushing;
    this.#failure ??= new SymbolonError('guard/write-failed', { reason: 'the guard was closed' });
    await this.#append.close();
  }

  /** What is known of the id, after everything that refuses its use. */
  #check(key: string, use: RequestUse): Known | undefined {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const now = this.#clock();
    if (use.expiresAt <= now) {
      throw new SymbolonError('request/expired', { expiresAt: use.expiresAt, now });
    }
    const known = this.#known.get(key);
    if (known !== undefined && !(equalBytes(known.hash, use.hash) && known.expiresAt === use.expiresAt)) {
      throw new SymbolonError('node/request-id-conflict', { id: key });
    }
    if (known?.done === true) {
      throw new SymbolonError('node/request-replayed', { id: key });
    }
    return known;
  }

  /** An id is forgotten after its request's end; a clock that was set back does not bring it to life again (T37). */
  #clock(): number {
    return Math.max(this.#now(), this.#header.forgottenUntil);
  }

  #write({ id, hash, expiresAt, attempts, done }: Known): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry: { id, hash, expiresAt, attempts, done }, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Group commit: all that wait are written at once and share one fdatasync; what comes meanwhile is the next group. */
  async #flush(): Promise<void> {
    // Let everything that runs in this turn join the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(group);
        for (const { resolve } of group) {
          resolve();
        }
      } catch (error) {
        this.#fail(error, [...group, ...this.#waiting]);
        this.#waiting = [];
      }
    }
    this.#flushing = undefined;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    // Marks and witnesses first: where the write is torn behind them, the node has counted more than it used, never less.
    const steps = this.#marks.takeChanges();
    const frames: Uint8Array[] = [];
    let checksum = this.#checksum;
    for (const body of [...steps.map(stateBody), ...group.map(({ entry }) => useBody(entry))]) {
      const next = encodeFrame(checksum, body);
      frames.push(next.frame);
      checksum = next.checksum;
    }
    await this.#append.append(Buffer.concat(frames));
    await this.#append.sync();
    this.#checksum = checksum;
    this.#marks.written(steps);
    // Rewriting costs what lives and is paid by as many bytes written since: the cost a burn stays constant.
    if (this.#append.size > this.#known.size * 2 * maxFrame + compactAfter) {
      this.#forgetExpired();
      await this.#compact();
    }
  }

  /**
   * Writes the journal anew with the marks and the newest entry of each id. The old file stays until the new one is
   * durable.
   */
  async #compact(): Promise<void> {
    const entries = [...this.#known.values()]
      .filter(({ burned }) => burned)
      .map(({ id, hash, expiresAt, attempts, done }) => ({ id, hash, expiresAt, attempts, done }));
    const { file, checksum } = encodeJournal(this.#header, this.#marks.whole(), entries);
    await this.#files.replace(this.#file, file);
    const append = await this.#files.append(this.#file);
    await this.#append.close();
    this.#append = append;
    this.#checksum = checksum;
  }

  #forgetExpired(): void {
    const now = this.#now();
    let { forgottenUntil } = this.#header;
    for (const [key, { expiresAt, burned }] of this.#known) {
      if (expiresAt <= now) {
        this.#known.delete(key);
        // Only what was burned must stay refused: an id that never was has nothing to repeat.
        forgottenUntil = burned ? Math.max(forgottenUntil, expiresAt) : forgottenUntil;
      }
    }
    this.#header = { ...this.#header, forgottenUntil };
  }

  /** After a failed write or fsync nobody knows what the disk has: nothing more is promised until the next start. */
  #fail(error: unknown, group: readonly Waiting[]): void {
    const reason = error instanceof Error ? error.message : 'unknown';
    this.#failure ??= new SymbolonError('guard/write-failed', { reason }, { cause: error });
    for (const { reject } of group) {
      reject(this.#failure);
    }
  }
}
