/** Memory for the secrets of presignatures: slots of one size in a few larger blocks, used again when they are free. */
import type { MakeMemory } from '../keystore/secretMemory.ts';

/** Slots in one block. */
const slotsPerBlock = 42;

/** Slots of equal size. */
export class Slots {
  readonly #make: MakeMemory;
  readonly #size: number;
  readonly #blocks: Uint8Array[] = [];
  readonly #free: Uint8Array[] = [];

  constructor(size: number, make: MakeMemory) {
    this.#size = size;
    this.#make = make;
  }

  /** An empty slot. @throws SymbolonError `native/*` where there is no memory for secrets. */
  take(): Uint8Array {
    if (this.#free.length === 0) {
      const block = this.#make(this.#size * slotsPerBlock);
      this.#blocks.push(block);
      for (let i = 0; i < slotsPerBlock; i += 1) {
        this.#free.push(block.subarray(i * this.#size, (i + 1) * this.#size));
      }
    }
    const slot = this.#free.pop();
    if (slot === undefined) {
      throw new TypeError('a block has slots');
    }
    return slot;
  }

  /** Wipes a slot and takes it back. */
  giveBack(slot: Uint8Array): void {
    slot.fill(0);
    this.#free.push(slot);
  }

  /** Overwrites every slot, and forgets them all. */
  wipe(): void {
    for (const block of this.#blocks) {
      block.fill(0);
    }
    this.#blocks.length = 0;
    this.#free.length = 0;
  }
}
