/**
 * Block coverage of V8, from the inspector of this thread. Only scripts that are compiled after {@link startCoverage} have
 * blocks, so what is to be fuzzed is imported after it.
 *
 * V8 says for each function that ran since the last question which ranges of its source ran how often; a range inside of
 * another one counts for itself. A range is left out where it ran as often as the one around it, so ranges differ from run
 * to run: what is remembered is which characters of each function ran.
 */
import { Session, type Profiler } from 'node:inspector';

/** Says whether a script belongs to what is fuzzed. */
export type ScriptFilter = (url: string) => boolean;

/** What ran since the last question. */
export interface Reached {
  /** Functions by script and place, each with its ranges. */
  readonly functions: readonly { readonly key: string; readonly ranges: readonly Profiler.CoverageRange[] }[];
  /** How many blocks ran, each as often as it ran: the work that was done, whatever the machine. */
  readonly work: number;
}

/** The running coverage of this thread. */
export class Coverage {
  readonly #session: Session;
  readonly #filter: ScriptFilter;

  constructor(session: Session, filter: ScriptFilter) {
    this.#session = session;
    this.#filter = filter;
  }

  /** What ran since the last call; begins anew. */
  take(): Reached {
    const functions: { key: string; ranges: Profiler.CoverageRange[] }[] = [];
    let work = 0;
    for (const { url, functions: all } of this.#ask().result) {
      if (!this.#filter(url)) {
        continue;
      }
      for (const { ranges } of all) {
        const [whole] = ranges;
        if (whole !== undefined && whole.count > 0) {
          functions.push({ key: `${url}:${whole.startOffset}:${whole.endOffset}`, ranges });
          work += ranges.reduce((sum, { count }) => sum + count, 0);
        }
      }
    }
    return { functions, work };
  }

  /** Ends the coverage of this thread. */
  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  #ask(): Profiler.TakePreciseCoverageReturnType {
    let answer: Profiler.TakePreciseCoverageReturnType | undefined;
    // A session within its own thread answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, result) => {
      if (error === null) {
        answer = result;
      }
    });
    if (answer === undefined) {
      throw new Error('the inspector gave no coverage');
    }
    return answer;
  }
}

/** Starts to count blocks in this thread. */
export function startCoverage(filter: ScriptFilter): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return new Coverage(session, filter);
}

/** All that one target has reached so far. */
export class Seen {
  /** By function: one byte a character, 1 where it ran. */
  readonly #characters = new Map<string, Uint8Array>();
  readonly #known = new Set<string>();
  #blocks = 0;

  /** How many pieces of code were reached for the first time, one after another. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Whether something in it was never reached before; remembers it where `remember`. */
  isNew({ functions }: Reached, remember: boolean): boolean {
    let found = false;
    for (const { key, ranges } of functions) {
      // Most inputs run a function just like one before.
      const pattern = key + patternOf(ranges);
      if (!this.#known.has(pattern)) {
        found = this.#paint(key, ranges, remember) || found;
        if (remember || !found) {
          this.#known.add(pattern);
        }
        if (found && !remember) {
          return true;
        }
      }
    }
    return found;
  }

  #paint(key: string, ranges: readonly Profiler.CoverageRange[], remember: boolean): boolean {
    const [whole] = ranges;
    const start = whole?.startOffset ?? 0;
    const known = this.#characters.get(key) ?? new Uint8Array((whole?.endOffset ?? 0) - start);
    const ran = new Uint8Array(known.length);
    for (const { startOffset, endOffset, count } of ranges) {
      // Outer ranges come before the ones inside of them.
      ran.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
    }
    let pieces = 0;
    let inside = false;
    for (const [i, value] of ran.entries()) {
      const fresh = value === 1 && known[i] === 0;
      pieces += fresh && !inside ? 1 : 0;
      inside = fresh;
      if (fresh && remember) {
        known[i] = 1;
      }
    }
    if (remember) {
      this.#characters.set(key, known);
      this.#blocks += pieces;
    }
    return pieces > 0;
  }
}

const patternOf = (ranges: readonly Profiler.CoverageRange[]): string =>
  ranges
    .map(({ startOffset, endOffset, count }) => `${count > 0 ? '+' : '-'}${startOffset},${endOffset}`)
    .join('');
