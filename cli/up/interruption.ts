/** Ctrl-C, SIGTERM and the end of the terminal, as something that work can be raced against. */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens from its making to its disposal. */
export class Interruption {
  /** Resolves at the first signal. */
  readonly happened: Promise<void>;
  readonly #listener: () => void;
  readonly #controller = new AbortController();

  /** @param tell - hears of each signal: the first asks for an end, and a person may be impatient. */
  constructor(tell: () => void) {
    let resolve: () => void = () => undefined;
    this.happened = new Promise((done) => {
      resolve = done;
    });
    this.#listener = () => {
      tell();
      resolve();
      this.#controller.abort();
    };
    for (const signal of signals) {
      process.on(signal, this.#listener);
    }
  }

  /** Aborts at the first signal: ends waits that would keep the process alive. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The result of `work`, or `undefined` where a signal came first; `work` then goes on unobserved. */
  async race<T>(work: Promise<T>): Promise<T | undefined> {
    // What fails after the signal has no reader any more.
    work.catch(() => undefined);
    return Promise.race([work, this.happened.then(() => undefined)]);
  }

  [Symbol.dispose](): void {
    for (const signal of signals) {
      process.off(signal, this.#listener);
    }
  }
}
