/**
 * The token, as the other parts see it: enrolment, the link to the HSM process, sealed records. Nothing that is
 * exported here loads vendor code into the caller's process.
 */
export { connectHsm, type HsmLinkOptions, type ProbingHsmLink } from './client.ts';
export { enrolToken, type Enrolment, type EnrolOptions } from './enrol.ts';
export { enrolmentFiles } from './enrolment.ts';
export { exitCodes, mayRestart } from './exitCodes.ts';
export {
  wrappingAlgorithms,
  type HsmHealth,
  type HsmLink,
  type KeyMaterial,
  type TokenIdentity,
  type WrappingAlgorithm,
} from './material.ts';
export { installedModule, readProfile, softHsm2, type Profile } from './profiles.ts';
export type { Random } from './random.ts';
export {
  maxOpen,
  maxSecret,
  openRecord,
  sealRecord,
  unsafeReadRecord,
  type ExpectedContext,
  type RecordHeader,
  type SealContext,
} from './seal.ts';
