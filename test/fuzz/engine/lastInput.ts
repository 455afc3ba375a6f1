/** Memory that two threads share: which input the fuzzing one runs now, for the one that watches it. */

/** Longest input that fits. */
const room = 262_144;

/** The input that is being run, and how many were begun. */
export class LastInput {
  readonly shared: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8 + room)) {
    this.shared = shared;
    this.#head = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, 8);
  }

  /** Called by the thread that runs inputs. */
  begin(input: Uint8Array): void {
    this.#bytes.set(input.subarray(0, room));
    Atomics.store(this.#head, 1, Math.min(room, input.length));
    Atomics.add(this.#head, 0, 1);
  }

  /** How many inputs were begun. */
  get begun(): number {
    return Atomics.load(this.#head, 0);
  }

  /** A copy of the input that was begun last. */
  read(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#head, 1));
  }
}
