/**
 * What two nodes share once they are paired: the seeds from which every multiplication and every share of zero between
 * them is stretched, under the session id of its use. Sealed at rest, opened for one run, wiped after it.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, message, oneOf, record, uint, type TypeOf } from '../../wire/shape.ts';
import { aliceLeavesBytes, bobLeavesBytes } from './puncturedPrf.ts';

const secretShape = record({
  v: oneOf(1),
  /** The pairing's id: the same for both nodes. Public. */
  id: bytes(16),
  /** Index of this node and of its peer in the run that made the pairing. */
  index: uint(maxNodes, 1),
  peer: uint(maxNodes, 1),
  /** Alice's bits of Delta, block by block. */
  nabla: bytes(16),
  /** Where this node is Alice: three leaves of each block, by offset. */
  aliceLeaves: bytes(aliceLeavesBytes),
  /** Where this node is Bob: four leaves of each block. */
  bobLeaves: bytes(bobLeavesBytes),
  /** The joint seed for shares of zero. */
  zeroSeed: bytes(32),
});
/** The content of a pairing. */
export type PairingSecret = TypeOf<typeof secretShape>;
/** Byte format of a pairing's secret, 7,299 bytes or a few more with large indices. Sealed wherever it is kept. */
export const pairingBytes = message('pairing', 16_000, secretShape);

/** Overwrites the secret parts. */
export function wipePairingSecret(secret: PairingSecret): void {
  for (const part of [secret.nabla, secret.aliceLeaves, secret.bobLeaves, secret.zeroSeed]) {
    part.fill(0);
  }
}

/**
 * A pairing opened for use. JSON, structured clone and the inspector show its id and indices only. Reading a secret of a
 * wiped one throws `threshold/state-used`: seeds of zeros would be known to everyone. What is read stays this object's.
 */
export class PairingKeys {
  /** 16 bytes. Public. */
  readonly id: Uint8Array;
  /** This node's index and its peer's. */
  readonly index: number;
  readonly peer: number;
  #secret: PairingSecret | undefined;

  /** Takes over `secret` and wipes it in the end. */
  constructor(secret: PairingSecret) {
    this.id = secret.id;
    this.index = secret.index;
    this.peer = secret.peer;
    this.#secret = secret;
  }

  /** Alice's bits of Delta, 16 bytes. */
  get nabla(): Uint8Array {
    return this.#open().nabla;
  }

  /** Alice's leaves, 64 * 3 * 16 bytes. */
  get aliceLeaves(): Uint8Array {
    return this.#open().aliceLeaves;
  }

  /** Bob's leaves, 64 * 4 * 16 bytes. */
  get bobLeaves(): Uint8Array {
    return this.#open().bobLeaves;
  }

  /** The joint seed for shares of zero, 32 bytes. */
  get zeroSeed(): Uint8Array {
    return this.#open().zeroSeed;
  }

  #open(): PairingSecret {
    if (this.#secret === undefined) {
      throw new SymbolonError('threshold/state-used', { what: 'pairing' });
    }
    return this.#secret;
  }

  /** Overwrites every secret. May be called more than once. */
  wipe(): void {
    if (this.#secret !== undefined) {
      wipePairingSecret(this.#secret);
      this.#secret = undefined;
    }
  }
}

/**
 * Opens the secret of a stored pairing. The bytes stay the caller's to wipe.
 * @throws SymbolonError `wire/*` on bytes that are no pairing.
 */
export const openPairing = (secret: Uint8Array): PairingKeys => new PairingKeys(pairingBytes.decode(secret));
