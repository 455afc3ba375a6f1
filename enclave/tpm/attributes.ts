/** Bits of a key's attributes (TPMA_OBJECT, TPM 2.0 Part 2 section 8.3), by the names that the specification uses. */
export const attribute = {
  /** The object never leaves this TPM. */
  fixedTPM: 1 << 1,
  /** Gone after TPM2_Startup(CLEAR). */
  stClear: 1 << 2,
  /** The object never gets another parent. */
  fixedParent: 1 << 4,
  /** The TPM itself made the secret part. */
  sensitiveDataOrigin: 1 << 5,
  /** The auth value is enough to use the object. */
  userWithAuth: 1 << 6,
  /** Only the policy is enough to administrate the object. */
  adminWithPolicy: 1 << 7,
  firmwareLimited: 1 << 8,
  svnLimited: 1 << 9,
  /** Wrong auth values do not count towards the lockout. */
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  /** A signing key signs only what the TPM made; a decryption key opens only what has the TPM's own form. */
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
  x509sign: 1 << 19,
} as const;

/** All bits that have a meaning; any other must be zero. */
export const knownAttributes = Object.values(attribute).reduce((all, bit) => all | bit, 0);

/** True where every bit of `wanted` is set in `attributes`. */
export const hasAttributes = (attributes: number, ...wanted: readonly number[]): boolean =>
  wanted.every((bit) => (attributes & bit) === bit);
