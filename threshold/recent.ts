/** Results of public data that are asked for again and again: the most recently used ones are kept, up to a bound. */

/** A bounded memo. It holds public data only: nothing in it is ever wiped. */
export class Recent<V extends object> {
  readonly #limit: number;
  readonly #entries = new Map<string, V>();

  /** `limit` is how many results are kept; one more drops the one that was used longest ago. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many results are kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /** The result under a key, made where it is not kept. The key must name everything that the result depends on. */
  get(key: string, make: () => V): V {
    // A map keeps the order of insertion: what is put in again goes to the end.
    const value = this.#entries.get(key) ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest ?? key);
    }
    return value;
  }
}
