/**
 * Reading and writing of TPM 2.0 structures: big-endian integers, and byte strings with a 16-bit length (TPM2B, Part 1
 * section 11). A reader checks every length before it reads, and hands out copies.
 */
import { SymbolonError } from '../../wire/errors/index.ts';

/** Reads one structure from its first byte to its last. Every refusal is `tpm/malformed`. */
export class TpmReader {
  readonly #what: string;
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** @param what - the structure for refusals, for example `TPMS_ATTEST`. */
  constructor(what: string, data: Uint8Array) {
    this.#what = what;
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** Bytes that were not read. */
  get left(): number {
    return this.#data.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#step(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#step(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#step(8));
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#step(length);
    return this.#data.slice(at, at + length);
  }

  /** A TPM2B: at most `max` bytes after their 16-bit length. */
  sized(max: number): Uint8Array {
    const length = this.u16();
    return length <= max
      ? this.take(length)
      : this.refuse(`${length} bytes where at most ${max} are allowed`);
  }

  /** @throws SymbolonError `tpm/malformed` where bytes are left. */
  end(): void {
    if (this.left > 0) {
      this.refuse(`${this.left} bytes after the end`);
    }
  }

  /** @throws SymbolonError `tpm/malformed`. */
  refuse(reason: string): never {
    throw new SymbolonError('tpm/malformed', { what: this.#what, reason, offset: this.#at });
  }

  #step(length: number): number {
    const at = this.#at;
    if (length > this.left) {
      this.refuse(`${this.left} bytes left where ${length} are needed`);
    }
    this.#at = at + length;
    return at;
  }
}

/** Writes structures. Whoever writes a secret wipes what {@link TpmWriter.done} returned, and calls {@link TpmWriter.wipe}. */
export class TpmWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.#add(1, (view) => {
      view.setUint8(0, value);
    });
  }
  u16(value: number): this {
    return this.#add(2, (view) => {
      view.setUint16(0, value);
    });
  }
  u32(value: number): this {
    return this.#add(4, (view) => {
      view.setUint32(0, value);
    });
  }
  u64(value: bigint): this {
    return this.#add(8, (view) => {
      view.setBigUint64(0, value);
    });
  }

  /** Bytes as they are. */
  raw(...parts: readonly Uint8Array[]): this {
    for (const part of parts) {
      this.#parts.push(part.slice());
    }
    return this;
  }

  /** A TPM2B. */
  sized(...parts: readonly Uint8Array[]): this {
    return this.u16(parts.reduce((sum, { length }) => sum + length, 0)).raw(...parts);
  }

  /** All that was written, as one array. */
  done(): Uint8Array {
    const out = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** Overwrites the parts with zeros. */
  wipe(): void {
    for (const part of this.#parts) {
      part.fill(0);
    }
  }

  #add(length: number, set: (view: DataView) => void): this {
    const part = new Uint8Array(length);
    set(new DataView(part.buffer));
    this.#parts.push(part);
    return this;
  }
}
