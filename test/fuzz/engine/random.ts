/**
 * Deterministic pseudo-random numbers for the fuzzer (sfc32 of PractRand, 128 bits of state). Never for anything else.
 */
import { createHash } from 'node:crypto';

/** A stream of numbers that follows from its seed. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** @param seed - any text; equal texts give equal streams. */
  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#a = digest.readUInt32LE(0);
    this.#b = digest.readUInt32LE(4);
    this.#c = digest.readUInt32LE(8);
    this.#counter = digest.readUInt32LE(12);
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 to `limit` - 1; 0 where `limit` is 0. The bias of the remainder does not matter here. */
  below(limit: number): number {
    return limit < 2 ? 0 : this.u32() % limit;
  }

  /** True once in `n` on average. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of the items. @throws TypeError where there is none. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) {
      throw new TypeError('nothing to pick from');
    }
    return item;
  }

  /** 1 to `limit`, small numbers more often. */
  small(limit: number): number {
    return 1 + this.below(1 + this.below(limit));
  }

  /** Bytes. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() >>> 24);
  }
}
