/** Signatures of TPM keys (TPMT_SIGNATURE, TPM 2.0 Part 2 section 11.3.4): RSASSA, RSAPSS and ECDSA, read strictly and verified. */
import { constants, verify, type KeyObject } from 'node:crypto';
import { alg, hashOfAlg, type TpmHash } from './algorithms.ts';
import { TpmReader } from './bytes.ts';
import { coordinateBytes, leftPadded } from './public.ts';

/** A signature. */
export type TpmSignature =
  | {
      readonly scheme: 'rsassa' | 'rsapss';
      /** SHA-1 is read, so that a refusal can name it; {@link verifySignature} never takes it. */
      readonly hash: TpmHash;
      /** 256, 384 or 512 bytes. */
      readonly signature: Uint8Array;
    }
  | {
      readonly scheme: 'ecdsa';
      readonly hash: TpmHash;
      /** 1 to 48 bytes, big endian, as they stand. */
      readonly r: Uint8Array;
      readonly s: Uint8Array;
    };

/**
 * Reads a TPMT_SIGNATURE from its first byte to its last.
 * @throws SymbolonError `tpm/malformed`.
 */
export function readSignature(bytes: Uint8Array): TpmSignature {
  const reader = new TpmReader('TPMT_SIGNATURE', bytes);
  const id = reader.u16();
  if (id !== alg.rsassa && id !== alg.rsapss && id !== alg.ecdsa) {
    return reader.refuse('not an RSASSA, RSAPSS or ECDSA signature');
  }
  const hash = hashOfAlg(reader.u16());
  if (hash === undefined) {
    return reader.refuse('a signature with an unknown hash');
  }
  if (id === alg.ecdsa) {
    const r = reader.sized(coordinateBytes.p384);
    const s = reader.sized(coordinateBytes.p384);
    if (r.length === 0 || s.length === 0) {
      reader.refuse('half of the signature is empty');
    }
    reader.end();
    return { scheme: 'ecdsa', hash, r, s };
  }
  const signature = reader.sized(512);
  if (signature.length !== 256 && signature.length !== 384 && signature.length !== 512) {
    reader.refuse('an RSA signature of no length that is used');
  }
  reader.end();
  return { scheme: id === alg.rsassa ? 'rsassa' : 'rsapss', hash, signature };
}

const coordinateBytesOf: ReadonlyMap<string | undefined, number> = new Map([
  ['prime256v1', coordinateBytes.p256],
  ['secp384r1', coordinateBytes.p384],
]);

/**
 * True where `signature` over `message` is of `key`. False for everything else: a key of another type, an RSA signature of
 * another length, SHA-1.
 */
export function verifySignature(key: KeyObject, signature: TpmSignature, message: Uint8Array): boolean {
  if (signature.hash === 'sha1') {
    return false;
  }
  if (signature.scheme === 'ecdsa') {
    const size = coordinateBytesOf.get(key.asymmetricKeyDetails?.namedCurve);
    const { r, s } = signature;
    if (key.asymmetricKeyType !== 'ec' || size === undefined || r.length > size || s.length > size) {
      return false;
    }
    const both = Buffer.concat([leftPadded(r, size), leftPadded(s, size)]);
    return verify(signature.hash, message, { key, dsaEncoding: 'ieee-p1363' }, both);
  }
  if (key.asymmetricKeyType !== 'rsa') {
    return false;
  }
  const padding =
    signature.scheme === 'rsassa'
      ? { padding: constants.RSA_PKCS1_PADDING }
      : // Part 1 Annex B.7: the salt is as long as fits, or as the digest (FIPS 186); both are in use.
        { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return verify(signature.hash, message, { key, ...padding }, signature.signature);
}
