/** Where the shares lie while the node is unlocked: slots of 32 bytes in a few larger blocks, so that locked memory suffices. */

/** Makes a block of zeroed memory. `secureBuffer` of native/ gives memory that is never swapped and not in core files. */
export type MakeMemory = (length: number) => Uint8Array;

const slotBytes = 32;
const slots = 128;

interface Block {
  readonly bytes: Uint8Array;
  /** Slots handed out so far, and how many of them were retired. */
  used: number;
  retired: number;
}

/** Slots for secrets of 32 bytes. The owner wipes them one by one or all at once. */
export class SecretMemory {
  readonly #make: MakeMemory;
  readonly #blocks = new Set<Block>();
  /** By slot, to find the block that it lies in. */
  readonly #blockOf = new WeakMap<Uint8Array, Block>();
  #last: Block | undefined;

  constructor(make: MakeMemory = (length) => new Uint8Array(length)) {
    this.#make = make;
  }

  /** Makes the first block, so that a process without memory for secrets fails at its start. */
  reserve(): void {
    this.#last ??= this.#newBlock();
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
    const block =
      this.#last === undefined || this.#last.used === slots ? (this.#last = this.#newBlock()) : this.#last;
    const slot = block.bytes.subarray(block.used * slotBytes, (block.used + 1) * slotBytes);
    block.used += 1;
    this.#blockOf.set(slot, block);
    slot.set(secret);
    return slot;
  }

  /**
   * Overwrites one slot. It is never handed out again, because somebody may still look at it: a block goes back to the
   * system when all its slots are retired and nobody holds one.
   */
  retire(slot: Uint8Array): void {
    slot.fill(0);
    const block = this.#blockOf.get(slot);
    if (block === undefined) {
      return;
    }
    this.#blockOf.delete(slot);
    block.retired += 1;
    if (block.retired === slots) {
      this.#blocks.delete(block);
    }
  }

  /** Overwrites every slot. */
  wipe(): void {
    for (const { bytes } of this.#blocks) {
      bytes.fill(0);
    }
    this.#blocks.clear();
    this.#last = undefined;
  }

  #newBlock(): Block {
    const block = { bytes: this.#make(slotBytes * slots), used: 0, retired: 0 };
    this.#blocks.add(block);
    return block;
  }
}
