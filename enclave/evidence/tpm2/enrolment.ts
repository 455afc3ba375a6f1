/**
 * Enrolment, the verifier's side: shows that an attestation key lives in a TPM that a vendor made, so that a manifest may
 * pin its Name (TPM 2.0 Part 1 section 24; TCG EK Credential Profile). Pure: time and randomness are passed in.
 */
import { createHash } from 'node:crypto';
import { attribute, hasAttributes } from '../../tpm/attributes.ts';
import { makeCredential } from '../../tpm/credential.ts';
import { publicKeyOf, readTpmPublic, type TpmPublic } from '../../tpm/public.ts';
import { isWeakRsa } from '../../tpm/weakRsa.ts';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, hashOf, toHex } from '../../../wire/ids.ts';
import type { Message } from '../../../wire/shape.ts';
import { readAttestationKey, readPart, type AttestationKey } from './attestationKey.ts';
import {
  tpm2EnrolmentAnswer,
  tpm2EnrolmentChallenge,
  tpm2EnrolmentRequest,
  tpm2PendingEnrolment,
} from './enrolmentMessages.ts';
import { verifyTpmChain, type TpmChain } from './tpmCertificate.ts';

/** How long an answer to a challenge is taken, in milliseconds (7 days): files travel between people. */
export const enrolmentLifeMs = 604_800_000;
/** Size of the secret of a challenge in bytes. */
const secretBytes = 32;

/** What an enrolment is begun with. */
export interface EnrolmentQuestion {
  /** The request's bytes. */
  readonly request: Uint8Array;
  /** DER of authorities that the verifier's operator adds, roots too; at most 8. The machine may not have them. */
  readonly authorities: readonly Uint8Array[];
  /** SHA-256 of the DER of each accepted vendor root, 32 bytes; at least one. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  /** Gives `length` fresh random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/** A begun enrolment. */
export interface BegunEnrolment {
  /** Goes to the machine: {@link tpm2EnrolmentChallenge}. */
  readonly challenge: Uint8Array;
  /** Stays with the verifier: {@link tpm2PendingEnrolment}. */
  readonly pending: Uint8Array;
  /** Name of the attestation key, 34 bytes; nothing is shown of it yet. */
  readonly name: Uint8Array;
  readonly chain: TpmChain;
}

/**
 * Checks a request and makes its challenge: the attestation key, the endorsement key, the chain of its certificate.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function beginEnrolment({
  request,
  authorities,
  roots,
  now,
  random,
}: EnrolmentQuestion): BegunEnrolment {
  const { ek, ak, certificates } = readFile(tpm2EnrolmentRequest, request);
  const { name } = readPinnable(ak);
  const area = readEndorsementKey(ek);
  const chain = verifyTpmChain({
    certificates: [...certificates, ...authorities],
    roots,
    now,
    use: 'endorsement',
    area,
  });
  const secret = random(secretBytes);
  try {
    const { credentialBlob, encryptedSecret } = readPart('endorsement key', () =>
      makeCredential({ ek: area, name, secret, random }),
    );
    return {
      challenge: tpm2EnrolmentChallenge.encode({ v: 1, name, credentialBlob, encryptedSecret }),
      pending: tpm2PendingEnrolment.encode({
        v: 1,
        name,
        expected: expectedOf(secret, name),
        until: Math.min(now + enrolmentLifeMs, chain.notAfter),
        certificate: chain.certificate,
        root: chain.root,
        endorsement: spkiHash(area),
      }),
      name,
      chain,
    };
  } finally {
    secret.fill(0);
  }
}

/** An attestation key that is known to be in a vendor's TPM. */
export interface EnrolledKey {
  /** Name of the attestation key, 34 bytes: `attestationKey` of the node in the manifest. */
  readonly attestationKey: Uint8Array;
  /** `endorsementKey` of the node, 32 bytes; `undefined` where a CA's certificate stands for it. */
  readonly endorsementKey: Uint8Array | undefined;
  /** SHA-256 of the DER of the certificate that showed it, and of the root of its chain, 32 bytes each. */
  readonly certificate: Uint8Array;
  readonly root: Uint8Array;
}

/**
 * Checks the machine's answer. TPM2_ActivateCredential gives the secret out only where endorsement key and attestation key
 * are in the same TPM (Part 3 section 12.5).
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize` or `evidence/activation-failed`.
 */
export function finishEnrolment({
  pending,
  answer,
  now,
}: {
  readonly pending: Uint8Array;
  readonly answer: Uint8Array;
  /** Unix milliseconds. */
  readonly now: number;
}): EnrolledKey {
  const { name, expected, until, certificate, root, endorsement } = readFile(tpm2PendingEnrolment, pending);
  const given = readFile(tpm2EnrolmentAnswer, answer);
  const key = toHex(name);
  // Written so that a time that is no number is refused too.
  if (!(now <= until)) {
    throw new SymbolonError('evidence/activation-failed', { key, reason: 'the challenge is too old' });
  }
  if (!equalBytes(given.name, name)) {
    throw new SymbolonError('evidence/activation-failed', { key, reason: 'the answer is of another key' });
  }
  if (!equalBytes(expectedOf(given.secret, name), expected)) {
    throw new SymbolonError('evidence/activation-failed', { key, reason: 'not the secret of the challenge' });
  }
  return { attestationKey: name, endorsementKey: endorsement, certificate, root };
}

/**
 * Enrols by a certificate over the attestation key itself, where a CA has done the exchange already (as clouds do for their
 * virtual TPMs). The CA's word then stands for attributes and residence: a certificate carries neither.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function enrolByCertificate(question: {
  /** TPMT_PUBLIC of the attestation key. */
  readonly ak: Uint8Array;
  /** DER: the attestation key's certificate first, then authorities, a root among them. */
  readonly certificates: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
}): EnrolledKey {
  const { certificates, roots, now } = question;
  const { name, area } = readPinnable(question.ak);
  const { certificate, root } = verifyTpmChain({ certificates, roots, now, use: 'attestation', area });
  return { attestationKey: name, endorsementKey: undefined, certificate, root };
}

/** What tells one TPM from another: a TPM can make as many attestation keys as it is asked for. */
const spkiHash = (area: TpmPublic): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(publicKeyOf(area).export({ format: 'der', type: 'spki' }))
      .digest(),
  );

const expectedOf = (secret: Uint8Array, name: Uint8Array): Uint8Array =>
  hashOf('symbolon/tpm2-enrolment/1', secret, name);

/** The manifest pins Names of 34 bytes. */
function readPinnable(bytes: Uint8Array): AttestationKey {
  const key = readAttestationKey(bytes);
  if (key.area.nameAlg !== 'sha256') {
    throw new SymbolonError('evidence/bad-attestation-key', {
      key: key.machine,
      rule: 'its Name is not made with SHA-256',
    });
  }
  return key;
}

/** Part 1 section 9.5.3.1 and EK Credential Profile appendix B: what an endorsement key is, whatever its template. */
function readEndorsementKey(bytes: Uint8Array): TpmPublic {
  const area = readPart('endorsement key', () => readTpmPublic(bytes));
  const { restricted, decrypt, fixedTPM, fixedParent, sensitiveDataOrigin, sign } = attribute;
  const refuse = (rule: string): never => {
    throw new SymbolonError('evidence/bad-endorsement-key', { rule });
  };
  if (!hasAttributes(area.attributes, restricted, decrypt, fixedTPM, fixedParent, sensitiveDataOrigin)) {
    refuse('not a restricted decryption key that its TPM made and keeps');
  }
  if (hasAttributes(area.attributes, sign)) {
    refuse('a signing key too');
  }
  if (area.type === 'keyedHash' || area.symmetric === undefined) {
    refuse('neither RSA nor ECC, or without a symmetric algorithm');
  }
  if (area.type === 'rsa' && isWeakRsa(area.modulus)) {
    refuse('an RSA key of a generator whose keys can be factored (CVE-2017-15361)');
  }
  return area;
}

/** Decodes a file of the exchange. */
function readFile<T>(format: Message<T>, bytes: Uint8Array): T {
  if (bytes.length > format.maxBytes) {
    throw new SymbolonError('evidence/oversize', { size: bytes.length, limit: format.maxBytes });
  }
  try {
    return format.decode(bytes);
  } catch (cause) {
    if (isSymbolonError(cause)) {
      throw new SymbolonError('evidence/malformed', { part: format.name, reason: cause.message }, { cause });
    }
    throw cause;
  }
}
