/**
 * Numbers the changes of the keys of a store, from 1 at each start, so that who read the list once reads only what came
 * after. Each key has one number, that of its last change; a key that changes again moves to the end.
 */

/** The last change of a key. */
export interface Change {
  /** From 1, rising. */
  readonly number: number;
  readonly id: string;
}

/** Numbers outlived by later ones of the same keys that are kept before the log is written anew. */
const slack = 64;

/** The changes of one store since its start. In memory only. */
export class ChangeLog {
  readonly #numbers = new Map<string, number>();
  /** In rising order; numbers of keys that changed again are skipped when it is read. */
  #log: Change[] = [];
  #last = 0;

  /** Number of the last change; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Number of the last change of a key; 0 where there is no such key. */
  numberOf(id: string): number {
    return this.#numbers.get(id) ?? 0;
  }

  /** Notes that a key changed. */
  note(id: string): void {
    this.#last += 1;
    this.#numbers.set(id, this.#last);
    this.#log.push({ number: this.#last, id });
    if (this.#log.length > 2 * this.#numbers.size + slack) {
      this.#log = this.#log.filter((change) => this.#isLast(change));
    }
  }

  /** At most `limit` changes after number `since`, in rising order, each key once. */
  after(since: number, limit: number): Change[] {
    const found: Change[] = [];
    for (let at = this.#firstAfter(since); at < this.#log.length && found.length < limit; at += 1) {
      const change = this.#log[at];
      if (change !== undefined && this.#isLast(change)) {
        found.push(change);
      }
    }
    return found;
  }

  clear(): void {
    this.#numbers.clear();
    this.#log = [];
  }

  #isLast({ number, id }: Change): boolean {
    return this.#numbers.get(id) === number;
  }

  #firstAfter(since: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#log[middle]?.number ?? 0) <= since) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
