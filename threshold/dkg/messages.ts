/** Byte formats of key generation. The pairwise message of round 2 is the plain 32-byte scalar f_i(j). */
import { hash32 } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, type TypeOf } from '../../wire/shape.ts';

const element = bytes(32, 33);

/** Round 1 broadcast, 49 bytes: the hash of the opening. */
export const dkgCommitment = message('dkg-commitment', 64, record({ v: oneOf(1), commitment: hash32 }));

const openingShape = record({
  v: oneOf(1),
  /** A_0 to A_(t-1): the coefficients times the generator, constant term first. */
  coefficients: list(element, maxNodes, 2),
  /** Schnorr proof of knowledge of the constant term: the point k * G, */
  proofPoint: element,
  /** and the scalar k + c * a_0. */
  proofScalar: bytes(32),
  /** This party's contribution to the chain code. */
  chainCode: hash32,
});
/** A decoded opening. */
export type DkgOpening = TypeOf<typeof openingShape>;
/** Round 2 broadcast, at most 1,300 bytes: what round 1 committed to. */
export const dkgOpening = message('dkg-opening', 2_048, openingShape);
