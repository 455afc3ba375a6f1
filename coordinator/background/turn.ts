/** One at a time: what the coordinator starts by itself takes turns, so that it never crowds the nodes. */

/** A queue of one place. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that came before has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
