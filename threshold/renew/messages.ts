/** Byte formats of refresh and reshare. The pairwise message of round 2 is the plain 32-byte scalar f_i(j). */
import { hash32 } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint, type TypeOf } from '../../wire/shape.ts';
import { firstGeneration } from '../keyShare.ts';

/** Round 1 broadcast, 61 to 69 bytes: the generation that the sender's public data has, and the hash of its opening. */
export const renewCommitment = message(
  'renew-commitment',
  96,
  record({ v: oneOf(1), generation: uint(Number.MAX_SAFE_INTEGER, firstGeneration), commitment: hash32 }),
);

const openingShape = record({
  v: oneOf(1),
  /**
   * Coefficients times the generator. Reshare: A_0 to A_(t'-1) from a dealer, none from another party. Refresh: A_1 to
   * A_(t-1); A_0 is the identity, which has no encoding, and is left out.
   */
  coefficients: list(bytes(32, 33), maxNodes),
  /** 32 random bytes: every party, dealer or not, puts something fresh into what all confirm. */
  contribution: hash32,
});
/** A decoded opening. */
export type RenewOpening = TypeOf<typeof openingShape>;
/** Round 2 broadcast, at most 1,200 bytes: what round 1 committed to. */
export const renewOpening = message('renew-opening', 2_048, openingShape);
