/**
 * How often the node ended while pairings were in use. A node that is killed between a failed check and its mark forgets
 * the failure, and whoever can kill it may try again: each time costs one unclean start, and a pairing bears few of them.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Files } from '../files/atomic.ts';
import { inUseBytes, inUseFile, uncleanBytes, uncleanFile } from './records.ts';

/** Unclean starts that a pairing bears. */
export const maxUnclean = 16;

/** What counting works with. */
export interface UsesModules {
  readonly files: Pick<Files, 'read' | 'replace' | 'remove'>;
  /** Path of a file of the store. */
  readonly pathOf: (file: string) => string;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Counts the starts after an unclean end, and notes that pairings are in use. The owner queues. */
export class Uses {
  readonly #modules: UsesModules;
  #count = 0;
  #noted = false;

  constructor(modules: UsesModules) {
    this.#modules = modules;
  }

  /** Starts so far that found the note. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads the count, and raises it where the note is there. `counts` are the counts that the pairings were made at: a
   * count that can't be read becomes one that none of them bears.
   * @throws SymbolonError `store/write-failed`.
   */
  async start(counts: readonly number[]): Promise<'as-it-was' | 'raised' | 'made-anew'> {
    const { files, pathOf } = this.#modules;
    const known = await this.#read();
    // Whatever lies there under this name: only nothing at all says that the last end was clean.
    const unclean = (await files.read(pathOf(inUseFile), inUseBytes.maxBytes)).kind !== 'absent';
    this.#count = (known ?? Math.max(0, ...counts) + maxUnclean + 1) + (unclean ? 1 : 0);
    if (known === undefined || unclean) {
      // The count first: a crash in between counts one start twice, never none.
      await files.replace(pathOf(uncleanFile), uncleanBytes.encode({ v: 1, count: this.#count }));
    }
    if (unclean) {
      await files.remove(pathOf(inUseFile));
    }
    return known === undefined ? 'made-anew' : unclean ? 'raised' : 'as-it-was';
  }

  /** Whether a pairing that was made at this count is worn out, or the count was set back behind it. */
  wornOut(madeAt: number): boolean {
    return madeAt > this.#count || this.#count - madeAt > maxUnclean;
  }

  /** Makes the note. Once it is there, further calls do nothing. @throws SymbolonError `store/write-failed`. */
  async begin(): Promise<void> {
    if (!this.#noted) {
      const { files, pathOf, now } = this.#modules;
      await files.replace(pathOf(inUseFile), inUseBytes.encode({ v: 1, since: now() }));
      this.#noted = true;
    }
  }

  /** Takes the note back: the node ends in order. @throws SymbolonError `store/write-failed`. */
  async end(): Promise<void> {
    if (this.#noted) {
      await this.#modules.files.remove(this.#modules.pathOf(inUseFile));
      this.#noted = false;
    }
  }

  /** The count; `undefined` where it is there and can't be read (T11). */
  async #read(): Promise<number | undefined> {
    const { files, pathOf } = this.#modules;
    const read = await files.read(pathOf(uncleanFile), uncleanBytes.maxBytes);
    if (read.kind !== 'value') {
      return read.kind === 'absent' ? 0 : undefined;
    }
    try {
      return uncleanBytes.decode(read.bytes).count;
    } catch (error) {
      if (isSymbolonError(error)) {
        return undefined;
      }
      throw error;
    }
  }
}
