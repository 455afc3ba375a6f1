/** One writer: runs asynchronous tasks one after the other, in the order in which they were given. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` after all earlier ones ended, however they ended. Settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    // A failed task fails for its caller only; the next one runs.
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Resolves once every task given so far has ended. */
  async drained(): Promise<void> {
    await this.#last;
  }
}
