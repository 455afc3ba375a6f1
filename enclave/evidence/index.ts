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
export { makeAuthorityCache, type AuthorityCache, type VerifiedAuthority } from './cache.ts';
export type { Expected } from './claims.ts';
export {
  unsafeReadDocument,
  verifyNitroDocument,
  type DocumentExpectation,
  type UnverifiedDocument,
  type VerifiedDocument,
} from './document.ts';
export type { NitroPayload } from './nitro.ts';
export { extendFresh, instancePcr, isZeroPcr, measureInto, rolePcr } from './pcrs.ts';
export { policyFor, type AppraisalPolicy } from './policy.ts';
