/**
 * Everything that is hashed in a pairing, in one place. Each hash has its own label and covers session and participants;
 * what concerns two parties covers both of them and who of them sends (T18). Where a part is secret, it follows the hash of
 * the public parts as bytes of a fixed length, so that no encoder leaves a copy of it behind.
 */
import { createHash } from 'node:crypto';
import type { CborInput } from '../../wire/cbor.ts';
import { hashOf } from '../../wire/ids.ts';

/** What a pairing run is about, the same for all participants. */
export interface PairingContext {
  /** 32 bytes, fresh, agreed by all participants. */
  readonly session: Uint8Array;
  /** Indices, rising. */
  readonly participants: readonly number[];
}

const parts = (context: PairingContext): readonly CborInput[] => [context.session, [...context.participants]];

/** SHA-256 or SHA-512 over byte strings whose lengths do not vary. The result is the caller's to wipe. */
export function digest(algorithm: 'sha256' | 'sha512', ...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(algorithm);
  for (const piece of pieces) {
    hash.update(piece);
  }
  const raw = hash.digest();
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** The commitment to a seed of 32 uniform bytes, from `sender` for `receiver`: 32 bytes. The seed hides itself. */
export const seedCommitmentOf = (
  context: PairingContext,
  sender: number,
  receiver: number,
  seed: Uint8Array,
): Uint8Array =>
  digest('sha256', hashOf('symbolon/pairing-seed/1', ...parts(context), sender, receiver), seed);

/** The joint seed of two parties, 32 bytes, from the seed of the one with the lower index and that of the other. */
export const zeroSeedOf = (
  context: PairingContext,
  low: { readonly index: number; readonly seed: Uint8Array },
  high: { readonly index: number; readonly seed: Uint8Array },
): Uint8Array =>
  digest(
    'sha256',
    hashOf('symbolon/pairing-zero-seed/1', ...parts(context), low.index, high.index),
    low.seed,
    high.seed,
  );

/** What every hash of the base OTs of one direction starts from: `sender` holds both keys, `receiver` one of them. */
export const otBindingOf = (context: PairingContext, sender: number, receiver: number): Uint8Array =>
  hashOf('symbolon/base-ot/1', ...parts(context), sender, receiver);

/** The id of the pairing of two parties, the same for both: 16 bytes. Public. */
export const pairingIdOf = (context: PairingContext, one: number, other: number): Uint8Array =>
  hashOf('symbolon/pairing-id/1', ...parts(context), Math.min(one, other), Math.max(one, other)).slice(0, 16);

/** What each party says it has seen of round 1 (T16): every broadcast, in the order of the participants. */
export const viewOf = (context: PairingContext, broadcasts: readonly Uint8Array[]): Uint8Array =>
  hashOf('symbolon/pairing-view/1', ...parts(context), [...broadcasts]);

/** What all parties compare at the end (T16): every broadcast as it was received, and the ids of all pairings. */
export function confirmationOf(
  context: PairingContext,
  offers: readonly Uint8Array[],
  views: readonly Uint8Array[],
): Uint8Array {
  const { participants } = context;
  const ids = participants.flatMap((one) =>
    participants.filter((other) => one < other).map((other) => pairingIdOf(context, one, other)),
  );
  return hashOf('symbolon/pairing-confirmation/1', ...parts(context), [...offers], [...views], ids);
}
