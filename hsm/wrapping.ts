/**
 * The wrapping algorithms over one PKCS#11 operation each: hsm/SPEC.md section 3. RSA-OAEP: the key material is random
 * and encrypted to the token's public key; the token decrypts. HMAC: the key material is what the token computes over a
 * random salt.
 */
import { constants, createHash, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto';
import { SymbolonError } from '../wire/errors/index.ts';
import { ikmLength, type KeyMaterial, type WrappingAlgorithm } from './material.ts';
import { attribute, call, VendorError, type Cryptoki, type Handle } from './pkcs11.ts';
import type { Random } from './random.ts';

/** A key of the token, opened for work. */
export interface WrappingKey {
  readonly cryptoki: Cryptoki;
  readonly session: Handle;
  /** The private key (RSA-OAEP) or the secret key (HMAC). */
  readonly key: Handle;
  readonly algorithm: WrappingAlgorithm;
  /**
   * Public half of an RSA key, `undefined` for a secret key. Read once: what was compared with the profile is what
   * encrypts, whatever the link to the token shows later (T29).
   */
  readonly publicKey: KeyObject | undefined;
}

/** Opens a key for work. The public half is read from the private object: a public one with its label may be another's (T31). */
export function openWrappingKey(
  cryptoki: Cryptoki,
  session: Handle,
  key: Handle,
  algorithm: WrappingAlgorithm,
): WrappingKey {
  const publicKey = algorithm === 'hmac-sha256' ? undefined : readPublicKey(cryptoki, session, key);
  return { cryptoki, session, key, algorithm, publicKey };
}

/** Domain of the HMAC: the key is used for nothing else. */
const prfLabel = Buffer.from('symbolon/seal/prf/1\0', 'latin1');
const saltLength = 32;
/** CKZ_DATA_SPECIFIED (PKCS#11 2.40 section 2.1.7): the label is given, and empty. pkcs11js does not export it. */
const dataSpecified = 1;

/** Makes fresh key material. The caller wipes `ikm`. */
export function makeKeyMaterial(key: WrappingKey, random: Random): KeyMaterial {
  if (key.publicKey === undefined) {
    const wrapped = random(saltLength);
    return { wrapped, ikm: prf(key, wrapped) };
  }
  const ikm = random(ikmLength);
  const wrapped = publicEncrypt(
    {
      key: key.publicKey,
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: key.algorithm === 'rsa-oaep-sha1' ? 'sha1' : 'sha256',
    },
    ikm,
  );
  return { wrapped: new Uint8Array(wrapped), ikm };
}

/**
 * Recovers key material. The caller wipes the result.
 * @throws SymbolonError `hsm/wrapped-refused` where the length can't be right; VendorError where the token says no.
 */
export function recoverKeyMaterial(key: WrappingKey, wrapped: Uint8Array): Uint8Array {
  if (key.publicKey === undefined) {
    if (wrapped.length !== saltLength) {
      throw new SymbolonError('hsm/wrapped-refused', { algorithm: key.algorithm });
    }
    return prf(key, wrapped);
  }
  const { lib, ck } = key.cryptoki;
  const sha1 = key.algorithm === 'rsa-oaep-sha1';
  const parameter = {
    type: ck.CK_PARAMS_RSA_OAEP,
    hashAlg: sha1 ? ck.CKM_SHA_1 : ck.CKM_SHA256,
    mgf: sha1 ? ck.CKG_MGF1_SHA1 : ck.CKG_MGF1_SHA256,
    source: dataSpecified,
  };
  const modulusLength = Math.ceil((key.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  // RFC 8017 section 7.1.2 step 1: the ciphertext is exactly as long as the modulus.
  if (wrapped.length !== modulusLength) {
    throw new SymbolonError('hsm/wrapped-refused', { algorithm: key.algorithm });
  }
  call('C_DecryptInit', () => {
    lib.C_DecryptInit(key.session, { mechanism: ck.CKM_RSA_PKCS_OAEP, parameter }, key.key);
  });
  const room = Buffer.alloc(modulusLength);
  try {
    const plain = call('C_Decrypt', () => lib.C_Decrypt(key.session, Buffer.from(wrapped), room));
    if (plain.length !== ikmLength) {
      throw new SymbolonError('hsm/wrapped-refused', { algorithm: key.algorithm });
    }
    return Uint8Array.from(plain);
  } finally {
    room.fill(0);
  }
}

/** SHA-256 of the DER SubjectPublicKeyInfo of an RSA wrapping key; `undefined` for a secret key. */
export function publicKeyHash({ publicKey }: WrappingKey): Uint8Array | undefined {
  const der = publicKey?.export({ type: 'spki', format: 'der' });
  return der === undefined ? undefined : new Uint8Array(createHash('sha256').update(der).digest());
}

function prf(key: WrappingKey, salt: Uint8Array): Uint8Array {
  const { lib, ck } = key.cryptoki;
  call('C_SignInit', () => {
    lib.C_SignInit(key.session, { mechanism: ck.CKM_SHA256_HMAC }, key.key);
  });
  const room = Buffer.alloc(64);
  try {
    const mac = call('C_Sign', () => lib.C_Sign(key.session, Buffer.concat([prfLabel, salt]), room));
    if (mac.length !== ikmLength) {
      throw new VendorError('C_Sign', `MAC of ${mac.length} bytes`);
    }
    return Uint8Array.from(mac);
  } finally {
    room.fill(0);
  }
}

function readPublicKey(cryptoki: Cryptoki, session: Handle, key: Handle): KeyObject {
  const { ck } = cryptoki;
  const number = (type: number): string =>
    withoutLeadingZeros(attribute(cryptoki, session, key, type)).toString('base64url');
  return createPublicKey({
    key: { kty: 'RSA', n: number(ck.CKA_MODULUS), e: number(ck.CKA_PUBLIC_EXPONENT) },
    format: 'jwk',
  });
}

/** RFC 7518 section 6.3.1.1: the shortest big-endian form; some modules put a zero byte in front. */
function withoutLeadingZeros(value: Buffer): Buffer {
  const first = value.findIndex((byte) => byte !== 0);
  return value.subarray(Math.max(first, 0));
}
