/** A counter of places with a queue: no more holders than places, first come first served, and nobody waits for ever. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves with true once a place is held, which {@link Slots.give} gives back, or with false after `timeoutMs`. */
  take(timeoutMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(granted);
        resolve(false);
      }, timeoutMs);
      const granted = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#waiting.add(granted);
    });
  }

  /** Gives a place back, to the one that waits longest. */
  give(): void {
    const next = this.#waiting.values().next();
    if (next.done === true) {
      this.#free += 1;
    } else {
      this.#waiting.delete(next.value);
      next.value();
    }
  }
}
