/** Byte formats of a pairing run. The broadcast of round 3 is the plain 32-byte confirmation. */
import { hash32 } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint, type TypeOf } from '../../wire/shape.ts';
import { otOfferBytes } from './baseOt.ts';
import { otPointBytes } from './otGroup.ts';
import { checkSumsBytes, correctionsBytes } from './puncturedPrf.ts';

/** Round 1 broadcast: 63 bytes for two parties, 52 more for each further one. */
export const pairingOffer = message(
  'pairing-offer',
  2_048,
  record({
    v: oneOf(1),
    /** Hash commitments to the sender's seeds, one for each other party, in the order of their indices. */
    seeds: list(record({ peer: uint(maxNodes, 1), commitment: hash32 }), maxNodes - 1, 1),
  }),
);

/** Round 1 pairwise, 8,206 bytes: the points of the base OTs in which the sender of this message chooses. */
export const pairingPoints = message(
  'pairing-points',
  16_384,
  record({ v: oneOf(1), points: bytes(otOfferBytes) }),
);

/** Round 2 broadcast, 43 bytes: hash of the round 1 broadcasts as the sender saw them. */
export const pairingView = message('pairing-view', 64, record({ v: oneOf(1), view: hash32 }));

const answerShape = record({
  v: oneOf(1),
  /** A of the base OTs in which the receiver of this message chooses. */
  a: bytes(otPointBytes),
  /** C_0 and C_1 of each block. */
  corrections: bytes(correctionsBytes),
  /** XOR of the check values of each block. */
  checkSums: bytes(checkSumsBytes),
  /** Hash of all check values. */
  proof: hash32,
  /** Opening of the seed that was committed to. */
  seed: bytes(32),
});
/** A decoded answer. */
export type PairingAnswer = TypeOf<typeof answerShape>;
/** Round 2 pairwise, 4,243 bytes. */
export const pairingAnswer = message('pairing-answer', 16_384, answerShape);
