/**
 * The threshold protocols: key generation and signing, pure. No input or output, no clock; randomness is passed in.
 * See SPEC.md for the messages and every check.
 */
import type { DkgRound1State } from './dkg/round1.ts';
import type { DkgRound2State } from './dkg/round2.ts';
import type { Nonces } from './frost/round1.ts';

export type { Random } from './group/group.ts';
export {
  checkKeyShare,
  decodeKeyPublic,
  encodeKeyPublic,
  firstGeneration,
  keyPublicBytes,
  wipeKeyShare,
  type KeyPublic,
  type KeyShare,
} from './keyShare.ts';
export { dkgRound1, type DkgOptions, type DkgRound1State } from './dkg/round1.ts';
export { dkgRound2, type DkgRound2State } from './dkg/round2.ts';
export { dkgRound3 } from './dkg/round3.ts';
export { dkgCommitment, dkgOpening } from './dkg/messages.ts';
export { frostCommitment } from './frost/messages.ts';
export { commit, type Nonces } from './frost/round1.ts';
export { signShare, type SignShareOptions } from './frost/round2.ts';
export { aggregate, type AggregateOptions } from './frost/aggregate.ts';
export { verifySignature } from './frost/verify.ts';
export { publicKeyOf, type Tweak } from './frost/signingKey.ts';
export type { SigningInput } from './frost/session.ts';
export { backends } from './scheme.ts';

/** Overwrites the secrets of a state or of nonces that will not be used; does nothing on a used one. */
export function wipe(holder: DkgRound1State | DkgRound2State | Nonces): void {
  holder.wipe();
}
