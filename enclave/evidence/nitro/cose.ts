/**
 * COSE_Sign1 (RFC 9052 section 4.2) in the one form that the Nitro hypervisor writes: ES384, nothing unprotected.
 */
import { decodeCbor, encodeCbor, type CborValue } from '../../../wire/cbor.ts';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { maxNitroDocument } from '../../../wire/limits.ts';
import type { Es384Key } from './es384.ts';

/** Tag 18 (COSE_Sign1) in its one-byte encoding; optional before a document (RFC 9052 section 2). */
const tagSign1 = 0xd2;
/** The encoded protected header, a map of label 1 to -35: algorithm ES384 (RFC 9053 section 2.1), and nothing else. */
export const protectedHeader: Uint8Array = Uint8Array.of(0xa1, 0x01, 0x38, 0x22);
/** Size of an ES384 signature: r and s of 48 bytes each (RFC 9053 section 2.1). */
const signatureBytes = 96;
/** Longest payload in bytes (AWS attestation_process.md section 3.1). */
export const maxPayload = 16_384;

/** A COSE_Sign1 as read; its protected header is always {@link protectedHeader}. */
export interface CoseSign1 {
  /** 1 to 16,384 bytes. */
  readonly payload: Uint8Array;
  /** 96 bytes, r then s. */
  readonly signature: Uint8Array;
}

/** Makes the refusal of a broken format rule. */
export const malformed = (
  part: string,
  reason: string,
  cause?: unknown,
): SymbolonError<'evidence/malformed'> =>
  new SymbolonError('evidence/malformed', { part, reason }, { cause });

/** Runs a strict decoder and turns its refusal into one of this boundary. */
export function decodePart<T>(part: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (
      isSymbolonError(cause, 'wire/malformed-cbor') ||
      isSymbolonError(cause, 'certificate/malformed-der')
    ) {
      throw malformed(part, `${cause.facts.reason}, at byte ${cause.facts.offset}`, cause);
    }
    if (isSymbolonError(cause, 'certificate/bad-form')) {
      throw malformed(part, cause.facts.reason, cause);
    }
    if (isSymbolonError(cause, 'wire/oversize')) {
      throw malformed(part, `${cause.facts.size} bytes, at most ${cause.facts.limit} are accepted`, cause);
    }
    throw cause;
  }
}

/**
 * Reads a COSE_Sign1, with or without its tag.
 * @throws SymbolonError `evidence/oversize` before the first byte is read (T34), `evidence/malformed` otherwise.
 */
export function readCoseSign1(document: Uint8Array): CoseSign1 {
  if (document.length > maxNitroDocument) {
    throw new SymbolonError('evidence/oversize', { size: document.length, limit: maxNitroDocument });
  }
  const untagged = document[0] === tagSign1 ? document.subarray(1) : document;
  const value = decodePart('cose', () => decodeCbor(untagged, { maxBytes: maxNitroDocument, maxDepth: 2 }));
  if (!isList(value) || value.length !== 4) {
    throw malformed('cose', 'not an array of exactly four elements');
  }
  const [header, unprotected, payload, signature] = value;
  // The encoding is deterministic, so comparing bytes is comparing values: alg ES384 and no other label, crit included.
  if (!(header instanceof Uint8Array) || Buffer.compare(header, protectedHeader) !== 0) {
    throw malformed('cose', 'protected header is not exactly {1: -35} (ES384)');
  }
  // attestation_process.md section 3.1: empty. What stands there is not signed.
  if (!(unprotected instanceof Map) || unprotected.size !== 0) {
    throw malformed('cose', 'unprotected header is not an empty map');
  }
  if (!(payload instanceof Uint8Array) || payload.length === 0 || payload.length > maxPayload) {
    throw malformed('cose', `payload is not 1 to ${maxPayload} bytes`);
  }
  if (!(signature instanceof Uint8Array) || signature.length !== signatureBytes) {
    throw malformed('cose', `signature is not ${signatureBytes} bytes`);
  }
  return { payload, signature };
}

/** How every Sig_structure here starts: context, header, no external data. What follows is the payload. */
const signedStart = encodeCbor(['Signature1', protectedHeader, new Uint8Array(), new Uint8Array()]).slice(
  0,
  -1,
);

/** What is signed: the Sig_structure of RFC 9052 section 4.4 with an empty external_aad. */
export function signedPart(payload: Uint8Array): Uint8Array {
  // The head of a byte string is that of its length as an integer, in major type 2 (RFC 8949 section 3.1). Put together
  // here, because the payload is most of a document and would be copied three times otherwise.
  const head = encodeCbor(payload.length);
  head[0] = (head[0] ?? 0) | 0x40;
  return Buffer.concat([signedStart, head, payload]);
}

/** Whether the signature is the key's. */
export const verifyCoseSign1 = (cose: CoseSign1, key: Es384Key): boolean =>
  key.verify(signedPart(cose.payload), cose.signature);

/** Writes a COSE_Sign1 without a tag, as the hypervisor does. */
export const writeCoseSign1 = (cose: CoseSign1): Uint8Array =>
  encodeCbor([protectedHeader, new Map(), cose.payload, cose.signature]);

const isList = (value: CborValue): value is readonly CborValue[] => Array.isArray(value);
