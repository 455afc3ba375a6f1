/**
 * Templates of the keys that we make. A primary key is a function of its hierarchy's seed and its template: the same template
 * gives the same key, with the same Name, until that seed changes: the storage seed with TPM2_Clear, the endorsement seed with
 * TPM2_ChangeEPS (Part 1 section 14.4).
 */
import type { TpmHash } from './algorithms.ts';
import { attribute } from './attributes.ts';
import { TpmWriter } from './bytes.ts';
import { emptyPolicy, policySecret } from './policyDigest.ts';
import type { EccPublic, KeyedHashPublic, RsaPublic } from './public.ts';

/** Handles of the hierarchies (TPM_RH, Part 2 section 7.4). */
export const hierarchy = {
  owner: 0x40000001,
  null: 0x40000007,
  endorsement: 0x4000000b,
} as const;

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, adminWithPolicy, noDA } = attribute;
const { restricted, decrypt, sign } = attribute;
const born = fixedTPM | fixedParent | sensitiveDataOrigin;
const empty = new Uint8Array();

/** PolicySecret of the endorsement hierarchy: TCG EK Credential Profile for TPM 2.0, section B.6.2, PolicyA with SHA-256. */
export const endorsementPolicy = policySecret(
  'sha256',
  emptyPolicy('sha256'),
  new TpmWriter().u32(hierarchy.endorsement).done(),
);

/** Storage root key: ECC P-256 (TCG TPM v2.0 Provisioning Guidance section 7.5.1, after template L-2). */
export const storageRootTemplate: EccPublic = {
  type: 'ecc',
  nameAlg: 'sha256',
  attributes: born | userWithAuth | noDA | restricted | decrypt,
  authPolicy: empty,
  symmetric: { bits: 128 },
  scheme: undefined,
  curve: 'p256',
  x: new Uint8Array(32),
  y: new Uint8Array(32),
};

/** Endorsement key: RSA-2048 (EK Credential Profile section B.3.3, template L-1). */
export const rsaEndorsementTemplate: RsaPublic = {
  type: 'rsa',
  nameAlg: 'sha256',
  attributes: born | adminWithPolicy | restricted | decrypt,
  authPolicy: endorsementPolicy,
  symmetric: { bits: 128 },
  scheme: undefined,
  bits: 2048,
  exponent: 0,
  modulus: new Uint8Array(256),
};

/** Endorsement key: ECC P-256 (EK Credential Profile section B.3.4, template L-2). */
export const eccEndorsementTemplate: EccPublic = {
  ...storageRootTemplate,
  attributes: rsaEndorsementTemplate.attributes,
  authPolicy: endorsementPolicy,
};

/** NV indices of the endorsement keys' certificates (EK Credential Profile section 2.2.1.4). */
export const endorsementCertificateIndex = { rsa: 0x01c00002, ecc: 0x01c0000a } as const;

/**
 * Attestation key: ECC P-256, signs with ECDSA and SHA-256, restricted to what the TPM itself made. As a primary key of the
 * endorsement hierarchy it needs no file.
 */
export const attestationTemplate: EccPublic = {
  type: 'ecc',
  nameAlg: 'sha256',
  attributes: born | userWithAuth | noDA | restricted | sign,
  authPolicy: empty,
  symmetric: undefined,
  scheme: { name: 'ecdsa', hash: 'sha256' },
  curve: 'p256',
  x: empty,
  y: empty,
};

/**
 * A sealed data object. It has neither userWithAuth nor a secret that the TPM made: the policy alone opens it.
 * @param policy - digest of `nameAlg`.
 * @param lockout - whether wrong auth values count towards the TPM's lockout.
 */
export const sealedTemplate = (
  nameAlg: Exclude<TpmHash, 'sha1'>,
  policy: Uint8Array,
  lockout: boolean,
): KeyedHashPublic => ({
  type: 'keyedHash',
  nameAlg,
  attributes: fixedTPM | fixedParent | adminWithPolicy | (lockout ? 0 : noDA),
  authPolicy: policy,
  scheme: undefined,
  unique: empty,
});
