/** A token bucket: bounds how often something happens that strangers can cause. */

/** Allows `perSecond` on average and `burst` at once. */
export class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #level: number;
  #at: number;

  constructor(
    opts: { readonly perSecond: number; readonly burst: number },
    modules: { readonly now: () => number },
  ) {
    this.#perMs = opts.perSecond / 1_000;
    this.#burst = opts.burst;
    this.#now = modules.now;
    this.#level = opts.burst;
    this.#at = modules.now();
  }

  /** Takes one token; false where there is none. A clock that jumps back gives none and takes none. */
  take(): boolean {
    const now = this.#now();
    this.#level = Math.min(this.#burst, this.#level + Math.max(0, now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#level < 1) {
      return false;
    }
    this.#level -= 1;
    return true;
  }
}
