/**
 * The private socket's language: a length (u32, big-endian), then one strict CBOR map of at most maxHsmFrame bytes.
 * hsm/SPEC.md section 2. Requests carry a number that the reply repeats, so several may be on their way.
 */
import { SymbolonError } from '../wire/errors/index.ts';
import { maxHsmFrame } from '../wire/limits.ts';
import { bytes, message, oneOf, tagged, uint } from '../wire/shape.ts';
import { hsmHealthShape, ikmLength, maxWrapped } from './material.ts';
import { problemShape } from './problem.ts';

/** Version of this protocol; both ends come from one build, a difference is refused as a bad frame. */
const head = { v: oneOf(1), id: uint(0xffffffff) };

/** Byte format of a request to the HSM process. */
export const hsmRequest = message(
  'hsm-request',
  maxHsmFrame,
  tagged('op', {
    make: head,
    recover: { ...head, wrapped: bytes(1, maxWrapped) },
    health: head,
    probe: head,
  }),
);
/** A request to the HSM process. */
export type HsmRequest = ReturnType<typeof hsmRequest.decode>;

/** Byte format of a reply. */
export const hsmReply = message(
  'hsm-reply',
  maxHsmFrame,
  tagged('result', {
    made: { ...head, wrapped: bytes(1, maxWrapped), ikm: bytes(ikmLength) },
    recovered: { ...head, ikm: bytes(ikmLength) },
    health: { ...head, health: hsmHealthShape },
    probed: head,
    problem: { ...head, problem: problemShape },
  }),
);
/** A reply of the HSM process. */
export type HsmReply = ReturnType<typeof hsmReply.decode>;
/** Shape of the reply of one kind. */
export type ReplyOf<R extends HsmReply['result']> = Extract<HsmReply, { readonly result: R }>;

const prefix = 4;
/** Puts the length in front. The caller wipes the result after it was written. */
export function frame(body: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefix + body.length);
  new DataView(framed.buffer).setUint32(0, body.length);
  framed.set(body, prefix);
  return framed;
}

/** Cuts a byte stream into frames. Holds at most one frame; wipes what it held. */
export class FrameReader {
  readonly #room = new Uint8Array(prefix + maxHsmFrame);
  readonly #view = new DataView(this.#room.buffer);
  #held = 0;

  /** Whether a frame was begun and has not ended. */
  get partial(): boolean {
    return this.#held > 0;
  }

  /**
   * Takes a chunk, wipes it, and gives the bodies that are complete. The caller wipes them.
   * @throws SymbolonError `wire/oversize` as soon as a length is above the cap, before any of its body is kept (T34)
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const bodies: Uint8Array[] = [];
    try {
      this.#cut(chunk, bodies);
      return bodies;
    } catch (error) {
      for (const body of bodies) {
        body.fill(0);
      }
      throw error;
    } finally {
      chunk.fill(0);
    }
  }

  #cut(chunk: Uint8Array, bodies: Uint8Array[]): void {
    let at = 0;
    while (at < chunk.length) {
      const wanted = this.#held < prefix ? prefix : prefix + this.#view.getUint32(0);
      const take = Math.min(wanted - this.#held, chunk.length - at);
      this.#room.set(chunk.subarray(at, at + take), this.#held);
      this.#held += take;
      at += take;
      if (this.#held === prefix) {
        this.#checkLength(this.#view.getUint32(0));
      } else if (this.#held === wanted && wanted > prefix) {
        bodies.push(this.#room.slice(prefix, wanted));
        this.wipe();
      }
    }
  }

  /** Forgets what was held. */
  wipe(): void {
    this.#room.fill(0, 0, this.#held);
    this.#held = 0;
  }

  #checkLength(length: number): void {
    if (length > maxHsmFrame) {
      throw new SymbolonError('wire/oversize', { what: 'hsm-frame', size: length, limit: maxHsmFrame });
    }
    if (length === 0) {
      throw new SymbolonError('hsm/bad-frame', { reason: 'empty frame' });
    }
  }
}
