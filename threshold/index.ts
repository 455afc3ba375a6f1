/**
 * The threshold protocols: key generation, renewal of shares and signing, pure. No input or output, no clock; randomness
 * is passed in. See SPEC.md for the messages and every check.
 */
import type { DkgRound1State, DkgRound2State } from './dkg/rounds.ts';
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
export {
  dkgRound1,
  dkgRound2,
  dkgRound3,
  type DkgOptions,
  type DkgRound1State,
  type DkgRound2State,
} from './dkg/rounds.ts';
export { dkgRun } from './dkg/run.ts';
export { refreshRun } from './renew/refresh.ts';
export { reshareRun } from './renew/reshare.ts';
export { repairRun, type RepairPlan } from './repair/run.ts';
export { repairSummands } from './repair/messages.ts';
export { acceptSplitKey, spofEd25519Scalar, spofSplitKey, splitKey } from './import/splitKey.ts';
export { parseTssLibShare } from './import/tssLib.ts';
export { parseCggmpShare } from './import/cggmp.ts';
export {
  importedKey,
  importedShare,
  isSameForeignKey,
  type ForeignKey,
  type ForeignShare,
  type ImportOptions,
} from './import/foreign.ts';
export { maxImport } from './import/json.ts';
export { renewCommitment, renewOpening } from './renew/messages.ts';
export { dkgCommitment, dkgOpening } from './dkg/messages.ts';
export { frostCommitment } from './frost/messages.ts';
export { commit, type Nonces } from './frost/round1.ts';
export { signShare, type SignShareOptions } from './frost/round2.ts';
export { aggregate, type AggregateOptions } from './frost/aggregate.ts';
export { verifySignature } from './frost/verify.ts';
export { frostSignRun } from './frost/run.ts';
export type { Tweak } from './frost/signingKey.ts';
export type { SigningInput } from './frost/session.ts';
export { combineEcdsa } from './dkls/combine.ts';
export { digestOf, recoveryOf, verifyEcdsa } from './dkls/ecdsa.ts';
export { signingPublicKeyOf, verifySignable } from './signature.ts';
export { deriveKey, type DerivedKey } from './derive.ts';
export { publicKeyOf } from './publicKey.ts';
export { beginRun } from './beginRun.ts';
export type { LentPairing, PlanOf, Plans, RunPlan } from './plan.ts';
export type { PresignatureParts, RoundInput, RoundOutput, Run, RunResult } from './run.ts';
export { backends } from './scheme.ts';

/** Overwrites the secrets of a state or of nonces that will not be used; does nothing on a used one. */
export function wipe(holder: DkgRound1State | DkgRound2State | Nonces): void {
  holder.wipe();
}
