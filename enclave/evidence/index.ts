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
export type { Es384Key, OpenEs384Key } from './nitro/es384.ts';
export { makeAuthorityCache, type AuthorityCache, type VerifiedAuthority } from './nitro/cache.ts';
export type { Expected } from './claims.ts';
export {
  unsafeReadDocument,
  verifyNitroDocument,
  verifyNitroTpmDocument,
  type DocumentExpectation,
  type UnverifiedDocument,
  type VerifiedDocument,
} from './nitro/document.ts';
export type { DocumentKind, NitroPayload } from './nitro/payload.ts';
export {
  tpm2Document,
  tpm2QualifyingData,
  tpmBanks,
  type Tpm2Evidence,
  type TpmBank,
} from './tpm2/document.ts';
export {
  beginEnrolment,
  enrolByCertificate,
  finishEnrolment,
  type BegunEnrolment,
  type EnrolledKey,
  type EnrolmentQuestion,
} from './tpm2/enrolment.ts';
export {
  tpm2EnrolmentAnswer,
  tpm2EnrolmentChallenge,
  tpm2EnrolmentRequest,
  tpm2PendingEnrolment,
  type Tpm2EnrolmentAnswer,
  type Tpm2EnrolmentChallenge,
  type Tpm2EnrolmentRequest,
} from './tpm2/enrolmentMessages.ts';
export type { TpmChain } from './tpm2/tpmCertificate.ts';
export { explainEventLog, type ExplainedEvent, type ExplainedLog } from './tpm2/explainLog.ts';
export { verifyQuote, type QuoteFiles, type QuoteReport } from './tpm2/quoteFiles.ts';
export type { NamedEvent, Statement, TpmClock } from './statement.ts';
export { extendFresh, instancePcr, isZeroPcr, measureInto, rolePcr } from './pcrs.ts';
export { unsafeReadTime } from './time.ts';
export { policyFor, type AcceptedImage, type AppraisalPolicy } from './policy.ts';
