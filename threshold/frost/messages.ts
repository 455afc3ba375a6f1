/** Byte formats of signing. The signature share of round 2 is the plain 32-byte scalar z_i. */
import { bytes, message, oneOf, record, uint } from '../../wire/shape.ts';

const element = bytes(32, 33);

/** Round 1 broadcast, at most 120 bytes: RFC 9591 section 5.1 commitments, and the generation of the share. */
export const frostCommitment = message(
  'frost-commitment',
  128,
  record({
    v: oneOf(1),
    /** Generation of the shares that will sign (T20). */
    generation: uint(Number.MAX_SAFE_INTEGER, 1),
    /** D_i. */
    hiding: element,
    /** E_i. */
    binding: element,
  }),
);
