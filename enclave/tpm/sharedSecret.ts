/**
 * Sends a secret to a TPM key that only its TPM can open: the seed of a credential, the salt of a session (TPM 2.0 Part 1 Annex B.10 for
 * RSA, Annex C.6 for ECC).
 */
import { constants, createECDH, publicEncrypt } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { digestBytes } from './algorithms.ts';
import { TpmWriter } from './bytes.ts';
import { kdfE } from './kdf.ts';
import { coordinateBytes, leftPadded, publicKeyOf, type EccPublic, type TpmPublic } from './public.ts';

/** Randomness, passed in: gives `length` fresh random bytes that the caller owns. */
export type Random = (length: number) => Uint8Array;

/** A secret and what carries it. */
export interface SharedSecret {
  /** As long as a digest of the key's name algorithm; the caller wipes it. */
  readonly secret: Uint8Array;
  /** What a TPM2B_ENCRYPTED_SECRET holds: an RSA ciphertext, or a TPMS_ECC_POINT. */
  readonly encrypted: Uint8Array;
}

/**
 * Makes a secret for `key`. The padding of RSA-OAEP comes from OpenSSL's own random source.
 * @param use - what for: `IDENTITY` (credential, Part 1 section 24) or `SECRET` (session salt, section 19.6.13).
 * @throws SymbolonError `tpm/key-unusable`.
 */
export function shareSecret(key: TpmPublic, use: 'IDENTITY' | 'SECRET', random: Random): SharedSecret {
  if (key.type === 'ecc') {
    return byEcdh(key, use, random);
  }
  const secret = random(digestBytes[key.nameAlg]);
  // Annex B.4: OAEP with the name algorithm; the label ends with a zero byte.
  const encrypted = publicEncrypt(
    {
      key: publicKeyOf(key),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: key.nameAlg,
      oaepLabel: Buffer.from(`${use}\0`),
    },
    secret,
  );
  return { secret, encrypted: new Uint8Array(encrypted) };
}

function byEcdh(key: EccPublic, use: 'IDENTITY' | 'SECRET', random: Random): SharedSecret {
  const size = coordinateBytes[key.curve];
  const x = leftPadded(key.x, size);
  const own = createECDH(key.curve === 'p256' ? 'prime256v1' : 'secp384r1');
  for (;;) {
    const scalar = random(size);
    try {
      own.setPrivateKey(scalar);
      break;
    } catch {
      // Not below the order of the curve: one in 2^32 for P-256; drawn anew.
    } finally {
      scalar.fill(0);
    }
  }
  const point = own.getPublicKey();
  const ownX = new Uint8Array(point.subarray(1, 1 + size));
  let z: Buffer;
  try {
    z = own.computeSecret(Buffer.concat([Uint8Array.of(4), x, leftPadded(key.y, size)]));
  } catch (cause) {
    throw new SymbolonError('tpm/key-unusable', { reason: 'not a point of its curve' }, { cause });
  }
  try {
    // Annex C.6: the x coordinates of the ephemeral and of the static key; nothing but x of the shared point.
    const secret = kdfE(key.nameAlg, z, use, ownX, x, digestBytes[key.nameAlg]);
    return {
      secret,
      encrypted: new TpmWriter()
        .sized(ownX)
        .sized(point.subarray(1 + size))
        .done(),
    };
  } finally {
    z.fill(0);
  }
}
