/** How often something that failed is tried again, and when. */

/** Bounds of a {@link BackOff}. */
export interface BackOffOptions {
  /** First and longest wait in milliseconds; each is twice the one before. */
  readonly waits: readonly [first: number, longest: number];
  /** Failures after which it is not tried again. */
  readonly tries: number;
  /** Names that are remembered; the oldest goes first. */
  readonly names: number;
}

interface Entry {
  readonly tries: number;
  readonly at: number;
}

/** Remembers failures by name. A name that holds what a failure depends on begins anew when that changes. */
export class BackOff {
  readonly #options: BackOffOptions;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BackOffOptions, modules: { readonly now: () => number }) {
    this.#options = options;
    this.#now = modules.now;
  }

  /** Failures so far. */
  tries(name: string): number {
    return this.#entries.get(name)?.tries ?? 0;
  }

  /** Whether it may be tried now. */
  isDue(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry === undefined || (entry.tries < this.#options.tries && entry.at <= this.#now());
  }

  /** It failed; `again` says that the next try may come at once. */
  failed(name: string, { again = false } = {}): void {
    const tries = this.tries(name) + 1;
    const [first, longest] = this.#options.waits;
    const wait = again ? 0 : Math.min(longest, first * 2 ** Math.min(tries - 1, 16));
    this.#entries.delete(name);
    this.#entries.set(name, { tries, at: this.#now() + wait });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.names) {
        break;
      }
      this.#entries.delete(oldest);
    }
  }

  /** It worked: nothing is remembered of it. */
  worked(name: string): void {
    this.#entries.delete(name);
  }
}
