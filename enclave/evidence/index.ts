/**
 * Evidence: verification of attestation documents (RFC 9334, the verifier's part). Pure: no I/O and no clock.
 * SPEC.md has the rules with their numbers.
 */
export {
  appraise,
  appraiseDocument,
  type Appraisal,
  type AppraisalResult,
  type DocumentQuestion,
  type DocumentResult,
  type Evidence,
  type EvidenceRefusal,
} from './appraise.ts';
export { makeAuthorityCache, type AuthorityCache, type VerifiedAuthority } from './nitro/cache.ts';
export type { Expected } from './claims.ts';
export {
  unsafeReadDocument,
  verifyNitroDocument,
  type DocumentExpectation,
  type UnverifiedDocument,
  type VerifiedDocument,
} from './nitro/document.ts';
export type { NitroPayload } from './nitro/payload.ts';
export type { NamedEvent, Statement, TpmClock } from './statement.ts';
export { extendFresh, instancePcr, isZeroPcr, measureInto, rolePcr } from './pcrs.ts';
export { policyFor, type AcceptedImage, type AppraisalPolicy } from './policy.ts';
