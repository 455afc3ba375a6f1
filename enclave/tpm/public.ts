/**
 * Public areas of TPM objects (TPMT_PUBLIC, TPM 2.0 Part 2 section 12.2.4) and their Names (Part 1 section 16). Read strictly: RSA, ECC
 * on P-256 and P-384, and keyed hash objects, in the forms that storage, endorsement and attestation keys have.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { alg, algOfHash, curve, digestBytes, hashOfAlg, type TpmHash } from './algorithms.ts';
import { knownAttributes } from './attributes.ts';
import { TpmReader, TpmWriter } from './bytes.ts';

/** What all public areas have. */
interface AnyPublic {
  /** The hash of the Name; never SHA-1. */
  readonly nameAlg: Exclude<TpmHash, 'sha1'>;
  /** Bits of {@link attribute}. */
  readonly attributes: number;
  /** Empty, or a digest of `nameAlg`. */
  readonly authPolicy: Uint8Array;
}

/** AES in CFB mode: what a storage or endorsement key protects its children with. */
export interface TpmSymmetric {
  readonly bits: 128 | 256;
}

/** A signing or encryption scheme, fixed in a key. */
export interface TpmScheme<Name extends string> {
  readonly name: Name;
  readonly hash: TpmHash;
}

/** An RSA key. In a template the modulus is empty or zeros. */
export interface RsaPublic extends AnyPublic {
  readonly type: 'rsa';
  readonly symmetric: TpmSymmetric | undefined;
  readonly scheme: TpmScheme<'rsassa' | 'rsapss' | 'oaep'> | undefined;
  readonly bits: 2048 | 3072 | 4096;
  /** As it stands: 0 means 65537. */
  readonly exponent: 0 | 65537;
  /** 256, 384 or 512 bytes, big endian. */
  readonly modulus: Uint8Array;
}

/** An ECC key. In a template the coordinates are empty or zeros. */
export interface EccPublic extends AnyPublic {
  readonly type: 'ecc';
  readonly symmetric: TpmSymmetric | undefined;
  readonly scheme: TpmScheme<'ecdsa' | 'ecdh'> | undefined;
  readonly curve: 'p256' | 'p384';
  /** Coordinates as they stand: at most 32 or 48 bytes, big endian; old TPMs leave leading zeros out. */
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** A sealed data object or an HMAC key. */
export interface KeyedHashPublic extends AnyPublic {
  readonly type: 'keyedHash';
  readonly scheme: TpmScheme<'hmac'> | undefined;
  /** A digest of `nameAlg` that binds the secret part; empty in a template. */
  readonly unique: Uint8Array;
}

/** A public area. */
export type TpmPublic = RsaPublic | EccPublic | KeyedHashPublic;

/** Bytes of a coordinate. */
export const coordinateBytes = { p256: 32, p384: 48 } as const;
const maxPolicy = 64;
const rsaSchemes = { rsassa: alg.rsassa, rsapss: alg.rsapss, oaep: alg.oaep } as const;
const eccSchemes = { ecdsa: alg.ecdsa, ecdh: alg.ecdh } as const;
const hmacScheme = { hmac: alg.hmac } as const;

/**
 * Reads a TPMT_PUBLIC, without a length in front, from its first byte to its last.
 * {@link writeTpmPublic} gives the same bytes back.
 * @throws SymbolonError `tpm/malformed`.
 */
export function readTpmPublic(bytes: Uint8Array): TpmPublic {
  const reader = new TpmReader('TPMT_PUBLIC', bytes);
  const type = reader.u16();
  const nameAlg = hashOfAlg(reader.u16());
  if (nameAlg === undefined || nameAlg === 'sha1') {
    return reader.refuse('the Name is not made with SHA-256, SHA-384 or SHA-512');
  }
  const attributes = reader.u32();
  // Part 2 section 8.3: reserved bits shall be zero.
  if ((attributes & ~knownAttributes) !== 0) {
    reader.refuse('attribute bits that have no meaning');
  }
  const authPolicy = reader.sized(maxPolicy);
  // Part 2 section 12.2.4: empty or a digest of the name algorithm.
  if (authPolicy.length !== 0 && authPolicy.length !== digestBytes[nameAlg]) {
    reader.refuse('the policy is not a digest of the name algorithm');
  }
  const body = bodyOf(reader, type, { nameAlg, attributes, authPolicy });
  reader.end();
  return body;
}

function bodyOf(reader: TpmReader, type: number, any: AnyPublic): TpmPublic {
  switch (type) {
    case alg.rsa:
      return readRsa(reader, any);
    case alg.ecc:
      return readEcc(reader, any);
    case alg.keyedHash:
      return readKeyedHash(reader, any);
    default:
      return reader.refuse('not an RSA, ECC or keyed hash object');
  }
}

function readRsa(reader: TpmReader, any: AnyPublic): RsaPublic {
  const symmetric = readSymmetric(reader);
  const scheme = readScheme(reader, rsaSchemes);
  const bits = reader.u16();
  if (bits !== 2048 && bits !== 3072 && bits !== 4096) {
    return reader.refuse('RSA of neither 2048, 3072 nor 4096 bits');
  }
  const exponent = reader.u32();
  if (exponent !== 0 && exponent !== 65537) {
    return reader.refuse('RSA exponent other than 65537');
  }
  const modulus = reader.sized(bits / 8);
  const [first = 0] = modulus;
  if (modulus.length !== bits / 8 || first < 0x80 || ((modulus.at(-1) ?? 0) & 1) === 0) {
    reader.refuse('the modulus is even or not of the length that the key has');
  }
  return { ...any, type: 'rsa', symmetric, scheme, bits, exponent, modulus };
}

function readEcc(reader: TpmReader, any: AnyPublic): EccPublic {
  const symmetric = readSymmetric(reader);
  const scheme = readScheme(reader, eccSchemes);
  const id = reader.u16();
  if (id !== curve.p256 && id !== curve.p384) {
    return reader.refuse('a curve other than P-256 and P-384');
  }
  const name = id === curve.p256 ? 'p256' : 'p384';
  // Part 2 section 12.2.3.6: kdf; no key that we use has one.
  if (reader.u16() !== alg.null) {
    reader.refuse('a key derivation scheme where none is used');
  }
  const x = reader.sized(coordinateBytes[name]);
  const y = reader.sized(coordinateBytes[name]);
  if (x.length === 0 || y.length === 0) {
    reader.refuse('a coordinate is empty');
  }
  return { ...any, type: 'ecc', symmetric, scheme, curve: name, x, y };
}

function readKeyedHash(reader: TpmReader, any: AnyPublic): KeyedHashPublic {
  const scheme = readScheme(reader, hmacScheme);
  const unique = reader.sized(maxPolicy);
  if (unique.length !== digestBytes[any.nameAlg]) {
    reader.refuse('the unique field is not a digest of the name algorithm');
  }
  return { ...any, type: 'keyedHash', scheme, unique };
}

/** TPMT_SYM_DEF_OBJECT (Part 2 section 11.1.7): none, or AES in CFB mode. */
function readSymmetric(reader: TpmReader): TpmSymmetric | undefined {
  const id = reader.u16();
  if (id === alg.null) {
    return undefined;
  }
  if (id !== alg.aes) {
    return reader.refuse('a symmetric algorithm other than AES');
  }
  const bits = reader.u16();
  if ((bits !== 128 && bits !== 256) || reader.u16() !== alg.cfb) {
    return reader.refuse('AES of neither 128 nor 256 bits, or not in CFB mode');
  }
  return { bits };
}

/** A scheme of the given ones with its hash, or none (Part 2 sections 11.1.23, 11.2.1.5 and 11.2.3.5). */
function readScheme<Name extends string>(
  reader: TpmReader,
  schemes: Readonly<Record<Name, number>>,
): TpmScheme<Name> | undefined {
  const id = reader.u16();
  if (id === alg.null) {
    return undefined;
  }
  for (const name in schemes) {
    if (schemes[name] === id) {
      const hash = hashOfAlg(reader.u16());
      return hash === undefined ? reader.refuse('an unknown hash in the scheme') : { name, hash };
    }
  }
  return reader.refuse('a scheme that does not belong to this type of key');
}

/** Writes a TPMT_PUBLIC: of a key, or of a template for one. */
export function writeTpmPublic(area: TpmPublic): Uint8Array {
  const types = { rsa: alg.rsa, ecc: alg.ecc, keyedHash: alg.keyedHash } as const;
  const writer = new TpmWriter()
    .u16(types[area.type])
    .u16(algOfHash[area.nameAlg])
    .u32(area.attributes)
    .sized(area.authPolicy);
  switch (area.type) {
    case 'rsa':
      writeSymmetric(writer, area.symmetric);
      writeScheme(writer, rsaSchemes, area.scheme);
      return writer.u16(area.bits).u32(area.exponent).sized(area.modulus).done();
    case 'ecc':
      writeSymmetric(writer, area.symmetric);
      writeScheme(writer, eccSchemes, area.scheme);
      return writer.u16(curve[area.curve]).u16(alg.null).sized(area.x).sized(area.y).done();
    case 'keyedHash':
      writeScheme(writer, hmacScheme, area.scheme);
      return writer.sized(area.unique).done();
  }
}

function writeSymmetric(writer: TpmWriter, symmetric: TpmSymmetric | undefined): void {
  if (symmetric === undefined) {
    writer.u16(alg.null);
  } else {
    writer.u16(alg.aes).u16(symmetric.bits).u16(alg.cfb);
  }
}

function writeScheme<Name extends string>(
  writer: TpmWriter,
  schemes: Readonly<Record<Name, number>>,
  scheme: TpmScheme<Name> | undefined,
): void {
  if (scheme === undefined) {
    writer.u16(alg.null);
  } else {
    writer.u16(schemes[scheme.name]).u16(algOfHash[scheme.hash]);
  }
}

/**
 * The Name of an object: its name algorithm (2 bytes) and the digest of its TPMT_PUBLIC (Part 1 section 16). 34 bytes with SHA-256.
 * @param publicBytes - the TPMT_PUBLIC as the TPM gave it; only its name algorithm is read.
 * @throws SymbolonError `tpm/malformed` where the name algorithm is unknown or SHA-1.
 */
export function nameOf(publicBytes: Uint8Array): Uint8Array {
  const reader = new TpmReader('TPMT_PUBLIC', publicBytes);
  reader.u16();
  const id = reader.u16();
  const hash = hashOfAlg(id);
  if (hash === undefined || hash === 'sha1') {
    return reader.refuse('the Name is not made with SHA-256, SHA-384 or SHA-512');
  }
  return new TpmWriter().u16(id).raw(createHash(hash).update(publicBytes).digest()).done();
}

/**
 * The public key for node:crypto.
 * @throws SymbolonError `tpm/key-unusable` where there is none: a keyed hash object, or a point that is not on its curve.
 */
export function publicKeyOf(area: TpmPublic): KeyObject {
  if (area.type === 'keyedHash') {
    throw new SymbolonError('tpm/key-unusable', { reason: 'a keyed hash object has no public key' });
  }
  const url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  try {
    if (area.type === 'rsa') {
      // RFC 7518 section 6.3.1: AQAB is 65537, which 0 stands for (Part 2 section 12.2.3.5).
      return createPublicKey({ key: { kty: 'RSA', n: url(area.modulus), e: 'AQAB' }, format: 'jwk' });
    }
    const size = coordinateBytes[area.curve];
    const crv = area.curve === 'p256' ? 'P-256' : 'P-384';
    const key = { kty: 'EC', crv, x: url(leftPadded(area.x, size)), y: url(leftPadded(area.y, size)) };
    // OpenSSL refuses a point that is not on the curve.
    return createPublicKey({ key, format: 'jwk' });
  } catch (cause) {
    throw new SymbolonError('tpm/key-unusable', { reason: 'not a point of its curve' }, { cause });
  }
}

/** `bytes` with zeros in front, `size` bytes in all. */
export function leftPadded(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes, size - bytes.length);
  return out;
}
