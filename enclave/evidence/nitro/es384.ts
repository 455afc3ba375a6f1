/**
 * ES384 keys (RFC 9053 section 2.1, P-384 with SHA-384): what the chain and the document are verified with. Who has a faster
 * implementation hands it in; it changes no verdict.
 */
import { createPublicKey, verify } from 'node:crypto';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { DerReader, integerBytes, readDer, tag } from '../../x509/der.ts';

/** A key that verifies signatures of 96 bytes, r and s of 48 bytes each. */
export interface Es384Key {
  readonly verify: (data: Uint8Array, signature: Uint8Array) => boolean;
}
/** Opens a key of 97 bytes, an uncompressed point (SEC 1 section 2.3.3); `undefined` where it is none of the curve. */
export type OpenEs384Key = (point: Uint8Array) => Es384Key | undefined;

/** Size of an uncompressed point of P-384 in bytes. */
const pointBytes = 97;
/** Size of r and of s in bytes. */
const halfBytes = 48;
/** SubjectPublicKeyInfo of P-384 up to the point (RFC 5480 section 2). */
const spkiHead = Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex');

/** Keys by node:crypto. */
export const nodeEs384: OpenEs384Key = (point) => {
  try {
    // Also checks that the point is on the curve.
    const key = createPublicKey({ key: Buffer.concat([spkiHead, point]), format: 'der', type: 'spki' });
    return {
      verify: (data, signature) => verify('sha384', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
    };
  } catch {
    return undefined;
  }
};

/** The point of a P-384 SubjectPublicKeyInfo, whose form the certificate reader has checked. */
export const pointOf = (spki: Uint8Array): Uint8Array => spki.slice(-pointBytes);

/** An ECDSA-Sig-Value (RFC 3279 section 2.2.3) as 96 bytes; `undefined` where it is not strict DER of two fitting integers. */
export function signatureOf(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const parts = DerReader.inside(readDer(bytes, tag.sequence));
    const out = new Uint8Array(2 * halfBytes);
    for (const end of [halfBytes, 2 * halfBytes]) {
      const integer = integerBytes(parts.next(tag.integer));
      const unsigned = integer[0] === 0 ? integer.subarray(1) : integer;
      // A first bit that is set means a negative number (X.690 section 8.3.3).
      if (unsigned.length > halfBytes || (integer[0] ?? 0) >= 0x80) {
        return undefined;
      }
      out.set(unsigned, end - unsigned.length);
    }
    parts.end();
    return out;
  } catch (error) {
    if (isSymbolonError(error, 'certificate/malformed-der')) {
      return undefined;
    }
    throw error;
  }
}
