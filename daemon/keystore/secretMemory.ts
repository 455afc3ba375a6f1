/** Where the shares lie while the node is unlocked: slots of 32 bytes in a few larger blocks, so that locked memory suffices. */

/** Makes a block of zeroed memory. `secureBuffer` of native/ gives memory that is never swapped and not in core files. */
export type MakeMemory = (length: number) => Uint8Array;

const slotBytes = 32;
const slots = 128;

/** Slots for secrets of 32 bytes. The owner wipes them all at once. */
export class SecretMemory {
  readonly #make: MakeMemory;
  readonly #blocks: Uint8Array[] = [];
  #used = slots;

  constructor(make: MakeMemory = (length) => new Uint8Array(length)) {
    this.#make = make;
  }

  /** Moves a secret of 32 bytes into a slot and wipes `secret`. */
  adopt(secret: Uint8Array): Uint8Array {
    try {
      return this.copy(secret);
    } finally {
      secret.fill(0);
    }
  }

  /** Copies a secret of 32 bytes into a slot; the original stays its owner's. */
  copy(secret: Uint8Array): Uint8Array {
    if (secret.length !== slotBytes) {
      throw new TypeError('a slot holds 32 bytes');
    }
    let block = this.#blocks.at(-1);
    if (block === undefined || this.#used === slots) {
      block = this.#make(slotBytes * slots);
      this.#blocks.push(block);
      this.#used = 0;
    }
    const slot = block.subarray(this.#used * slotBytes, (this.#used + 1) * slotBytes);
    this.#used += 1;
    slot.set(secret);
    return slot;
  }

  /** Overwrites every slot. */
  wipe(): void {
    for (const block of this.#blocks) {
      block.fill(0);
    }
    this.#blocks.length = 0;
    this.#used = slots;
  }
}
