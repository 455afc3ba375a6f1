/** Byte formats of share repair. The pairwise messages are plain 32-byte scalars. */
import { maxNodes } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint } from '../../wire/shape.ts';
import { firstGeneration } from '../keyShare.ts';

/** Round 1 broadcast, at most 1,150 bytes. The broadcasts of rounds 2 and 3 are hashes of 32 bytes. */
export const repairSummands = message(
  'repair-summands',
  2_048,
  record({
    v: oneOf(1),
    /** Generation of the shares that the sender has, or wants one of. */
    generation: uint(Number.MAX_SAFE_INTEGER, firstGeneration),
    /** From a helper, its summands times the generator in the order of the helpers; none from the lost holder. */
    summands: list(bytes(32, 33), maxNodes),
  }),
);
