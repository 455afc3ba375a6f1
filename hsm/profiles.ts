/**
 * What is known of token families (data), and the profile file that an enrolment fixes: which module, token, key and
 * algorithm this node uses, for ever.
 */
import { existsSync } from 'node:fs';
import { SymbolonError } from '../wire/errors/index.ts';
import { oneOf, optional, record, text, uint, type TypeOf } from '../wire/shape.ts';
import { readJsonFile } from './json.ts';
import { wrappingAlgorithms, type TokenIdentity, type WrappingAlgorithm } from './material.ts';

/** A family of tokens. */
export interface TokenFamily {
  readonly name: string;
  /** Where distributions put the module, in the order of trial. */
  readonly modules: readonly string[];
  /**
   * Algorithms in the order of preference; the first that passes the probe is fixed. `rsa-oaep-sha1` is left out unless
   * the operator allowed it by an explicit flag.
   */
  readonly algorithms: readonly WrappingAlgorithm[];
  /** Modulus length of an RSA wrapping key in bits. */
  readonly rsaBits: number;
  /** Length of an HMAC wrapping key in bytes. */
  readonly hmacBytes: number;
}

/** SoftHSM2. Release 2.6.1 knows OAEP with SHA-1 only, so the probe there ends at HMAC-SHA256. */
export const softHsm2: TokenFamily = {
  name: 'softhsm2',
  modules: [
    '/usr/lib/softhsm/libsofthsm2.so',
    '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
    '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
    '/usr/lib64/softhsm/libsofthsm2.so',
    '/usr/lib64/pkcs11/libsofthsm2.so',
    '/usr/local/lib/softhsm/libsofthsm2.so',
  ],
  algorithms: ['rsa-oaep-sha256', 'hmac-sha256', 'rsa-oaep-sha1'],
  rsaBits: 3072,
  hmacBytes: 32,
};

/** Path of the first module of a family that is installed, or `undefined`. */
export function installedModule(family: TokenFamily): string | undefined {
  return family.modules.find((path) => existsSync(path));
}

const label = text(32, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);
/** Shape of `profile.json`. */
export const profileShape = record({
  v: oneOf(1),
  /** Absolute path of the PKCS#11 module. */
  module: text(512, /^\/[\x21-\x7e]+$/),
  tokenLabel: label,
  /** Serial number of the token, without padding. */
  tokenSerial: text(16, /^[\x21-\x7e]+$/),
  keyLabel: label,
  /** CKA_ID of the wrapping key, lower-case hexadecimal. */
  keyId: text(64, /^(?:[0-9a-f]{2})+$/),
  /** Fixed by the probe at enrolment; never changed to fit. */
  algorithm: oneOf(...wrappingAlgorithms),
  /** SHA-256 of the RSA wrapping key's SubjectPublicKeyInfo: the link to the token can't slip another key in (T29). */
  publicKeySha256: optional(text(64, /^[0-9a-f]{64}$/)),
  /** Unix milliseconds of the enrolment. */
  madeAt: uint(),
});
/** The profile of a node's token. */
export type Profile = TypeOf<typeof profileShape>;

/**
 * Reads `profile.json`.
 * @throws SymbolonError `hsm/profile-broken` where it is absent or not of the wanted form
 */
export function readProfile(file: string): Profile {
  const read = readJsonFile(file, profileShape);
  if (read.state !== 'read') {
    throw new SymbolonError('hsm/profile-broken', {
      file,
      reason: read.state === 'absent' ? 'absent' : read.reason,
    });
  }
  if ((read.value.algorithm === 'hmac-sha256') !== (read.value.publicKeySha256 === undefined)) {
    throw new SymbolonError('hsm/profile-broken', {
      file,
      reason: 'public key hash and algorithm do not agree',
    });
  }
  return read.value;
}

/** The identity that records are bound to. */
export const identityOf = (profile: Profile): TokenIdentity => ({
  label: profile.tokenLabel,
  serial: profile.tokenSerial,
  keyId: profile.keyId,
  algorithm: profile.algorithm,
});
