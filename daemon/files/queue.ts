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

/** A few readers: runs at most `count` asynchronous tasks at a time, in the order in which they were given. */
export class Lanes {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `task` once a lane is free. Settles as the task does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      // The lane is handed over by the task that ends, so nobody can step in between.
      await new Promise<void>((enter) => {
        this.#waiting.push(enter);
      });
    }
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#free += 1;
      } else {
        next();
      }
    }
  }
}
