/**
 * TPM2_MakeCredential without a TPM (TPM 2.0 Part 1 section 24): a secret that comes out of a TPM only where the endorsement key and a
 * key of the given Name are both in it.
 */
import { createCipheriv, createHmac } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { digestBytes } from './algorithms.ts';
import { attribute, hasAttributes } from './attributes.ts';
import { TpmWriter } from './bytes.ts';
import { kdfA, noContext } from './kdf.ts';
import type { TpmPublic } from './public.ts';
import { shareSecret, type Random } from './sharedSecret.ts';

/** What TPM2_ActivateCredential takes. */
export interface Credential {
  /** What a TPM2B_ID_OBJECT holds: the HMAC with its length, and the encrypted secret. */
  readonly credentialBlob: Uint8Array;
  /** What a TPM2B_ENCRYPTED_SECRET holds. */
  readonly encryptedSecret: Uint8Array;
}

/**
 * Wraps `secret` for the object `name` in the TPM of `ek`.
 * @param input - `ek`: public area of the endorsement key, RSA or ECC; `name`: of the key to be activated; `secret`: 1 byte
 * to the digest size of the EK's name algorithm, 32 bytes is usual; `random`: fresh random bytes.
 * @throws SymbolonError `tpm/key-unusable` where `ek` is no restricted decryption key with AES; throws RangeError for a secret
 * of a wrong length.
 */
export function makeCredential(input: {
  readonly ek: TpmPublic;
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
  readonly random: Random;
}): Credential {
  const { ek, name, secret, random } = input;
  const { fixedTPM, restricted, decrypt } = attribute;
  // A key that could leave its TPM, or opens anything, proves nothing by opening this.
  if (!hasAttributes(ek.attributes, fixedTPM, restricted, decrypt) || ek.type === 'keyedHash') {
    throw new SymbolonError('tpm/key-unusable', { reason: 'not a restricted decryption key of a TPM' });
  }
  if (ek.symmetric === undefined) {
    throw new SymbolonError('tpm/key-unusable', { reason: 'the key has no symmetric algorithm' });
  }
  const size = digestBytes[ek.nameAlg];
  if (secret.length === 0 || secret.length > size) {
    throw new RangeError(`a credential of ${secret.length} bytes where 1 to ${size} are allowed`);
  }
  const { secret: seed, encrypted: encryptedSecret } = shareSecret(ek, 'IDENTITY', random);
  // Section 24.4: confidentiality is bound to the Name; section 24.5: so is integrity.
  const symmetricKey = kdfA(ek.nameAlg, seed, 'STORAGE', name, noContext, ek.symmetric.bits / 8);
  const hmacKey = kdfA(ek.nameAlg, seed, 'INTEGRITY', noContext, noContext, size);
  const writer = new TpmWriter().sized(secret);
  const plain = writer.done();
  try {
    const cipher = createCipheriv(`aes-${ek.symmetric.bits}-cfb`, symmetricKey, new Uint8Array(16));
    const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
    const hmac = createHmac(ek.nameAlg, hmacKey).update(encrypted).update(name).digest();
    return { credentialBlob: new TpmWriter().sized(hmac).raw(encrypted).done(), encryptedSecret };
  } finally {
    writer.wipe();
    for (const bytes of [seed, symmetricKey, hmacKey, plain]) {
      bytes.fill(0);
    }
  }
}
