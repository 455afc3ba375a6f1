/**
 * The three files of an enrolment (request, challenge, answer) and the one that its verifier keeps meanwhile. SPEC.md has
 * the exchange.
 */
import { hash32 } from '../../../wire/ids.ts';
import { bytes, list, message, oneOf, record, uint, type TypeOf } from '../../../wire/shape.ts';
import { maxTpmPublic } from './document.ts';

/** Longest certificate in an enrolment, in bytes; the longest endorsement certificate seen has about 1,600. */
export const maxTpmCertificate = 4_096;
/** Most certificates in one request. */
export const maxTpmCertificates = 8;
/** A Name: hash id and digest, 34 bytes with SHA-256. The manifest pins no other. */
const tpmName = bytes(34);

/** What the machine's operator brings: public only. */
export const tpm2EnrolmentRequest = message(
  'tpm2-enrolment-request',
  maxTpmCertificate * maxTpmCertificates + 2_048,
  record({
    v: oneOf(1),
    /** TPMT_PUBLIC of the endorsement key. */
    ek: bytes(1, maxTpmPublic),
    /** TPMT_PUBLIC of the attestation key. */
    ak: bytes(1, maxTpmPublic),
    /** DER of the endorsement key's certificate, then of authorities above it as far as the machine has them. */
    certificates: list(bytes(1, maxTpmCertificate), maxTpmCertificates),
  }),
);
/** A decoded request. */
export type Tpm2EnrolmentRequest = ReturnType<typeof tpm2EnrolmentRequest.decode>;

/** What goes back to the machine: a secret that only this TPM gives out, and only where the attestation key is in it. */
export const tpm2EnrolmentChallenge = message(
  'tpm2-enrolment-challenge',
  2_048,
  record({
    v: oneOf(1),
    /** Name of the attestation key. */
    name: tpmName,
    /** What a TPM2B_ID_OBJECT holds. */
    credentialBlob: bytes(1, 256),
    /** What a TPM2B_ENCRYPTED_SECRET holds. */
    encryptedSecret: bytes(1, 512),
  }),
);
/** A decoded challenge. */
export type Tpm2EnrolmentChallenge = ReturnType<typeof tpm2EnrolmentChallenge.decode>;

/** The machine's answer: the secret of the challenge, as TPM2_ActivateCredential gave it out. Worth nothing afterwards. */
export const tpm2EnrolmentAnswer = message(
  'tpm2-enrolment-answer',
  256,
  record({ v: oneOf(1), name: tpmName, secret: bytes(32) }),
);
/** A decoded answer. */
export type Tpm2EnrolmentAnswer = ReturnType<typeof tpm2EnrolmentAnswer.decode>;

const pendingShape = record({
  v: oneOf(1),
  name: tpmName,
  /** Hash of the secret and the Name: whoever reads this file can not answer with it. */
  expected: hash32,
  /** Unix milliseconds: until when an answer is taken. */
  until: uint(),
  /** SHA-256 of the DER of the endorsement certificate. */
  certificate: hash32,
  /** SHA-256 of the DER of the root that its chain leads to. */
  root: hash32,
  /** SHA-256 of the endorsement key's SubjectPublicKeyInfo. */
  endorsement: hash32,
});
/** What the verifier keeps between challenge and answer. It holds no secret, but must not be changed by others. */
export const tpm2PendingEnrolment = message('tpm2-pending-enrolment', 512, pendingShape);
/** A decoded pending enrolment. */
export type Tpm2PendingEnrolment = TypeOf<typeof pendingShape>;
