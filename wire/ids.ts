/**
 * Identifiers, and the one way anything is hashed for an identifier or a signature: {@link hashOf} over a label and
 * length-prefixed parts, so that no two different inputs meet in one hash.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { encodeCbor, type CborInput } from './cbor.ts';
import { bytes, text } from './shape.ts';

/** A node's or client's name: lower case letters, digits and inner hyphens, 1 to 32 characters. */
export const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
/** Shape of a name. */
export const name = text(32, namePattern);
/** Shape of a key id: 32 hexadecimal digits, see {@link keyIdOf}. */
export const keyId = text(32, /^[0-9a-f]{32}$/);
/** Shape of a hash: 32 bytes. */
export const hash32 = bytes(32);
/** Shape of a purpose tag: what a key may be used for, for example `solana-treasury`. */
export const purpose = text(64, /^[a-z0-9](?:[a-z0-9./-]{0,62}[a-z0-9])?$/);

/**
 * Shape of a label that people read: 1 to 64 characters. None of them moves a cursor, ends a line or turns the direction
 * of the text, because labels of clients are printed on the terminals of operators.
 */
export const label = text(64, /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+$/u);

/** The signature schemes that the product speaks. */
export const schemes = ['frost-ed25519', 'frost-secp256k1-tr', 'dkls23-secp256k1', 'dkls23-p256'] as const;
/**
 * A signature scheme: FROST(Ed25519, SHA-512) of RFC 9591, FROST for BIP340 signatures over secp256k1, or threshold ECDSA
 * (DKLs23) over secp256k1 or P-256.
 */
export type Scheme = (typeof schemes)[number];

/** The schemes that make Schnorr signatures with FROST. */
export const frostSchemes = ['frost-ed25519', 'frost-secp256k1-tr'] as const;
/** A scheme of {@link frostSchemes}. */
export type FrostScheme = (typeof frostSchemes)[number];
/** The schemes that make ECDSA signatures with DKLs23: their nodes need pairings. */
export const ecdsaSchemes = ['dkls23-secp256k1', 'dkls23-p256'] as const;
/** A scheme of {@link ecdsaSchemes}. */
export type EcdsaScheme = (typeof ecdsaSchemes)[number];

/** Whether keys of a scheme sign with ECDSA. */
export const isEcdsa = (scheme: Scheme): scheme is EcdsaScheme =>
  scheme === 'dkls23-secp256k1' || scheme === 'dkls23-p256';

/**
 * SHA-256 over `label` and the deterministic CBOR of `parts`. The label names the use and the version
 * (`symbolon/request/1`); CBOR prefixes every length, so the encoding is unambiguous (T18).
 */
export function hashOf(label: string, ...parts: readonly CborInput[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(encodeCbor([label, ...parts]))
      .digest(),
  );
}

/**
 * The id of a key, recomputable from public data: the first 16 bytes, as hexadecimal, of
 * `hashOf("symbolon/key-id/1", cluster, scheme, purpose, groupPublicKey)`.
 */
export function keyIdOf(
  cluster: Uint8Array,
  scheme: Scheme,
  purposeTag: string,
  groupPublicKey: Uint8Array,
): string {
  return toHex(hashOf('symbolon/key-id/1', cluster, scheme, purposeTag, groupPublicKey).subarray(0, 16));
}

/** Lower-case hexadecimal of public bytes. Never for secrets: strings can't be wiped. */
export function toHex(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('hex');
}

/** Bytes of strict lower- or upper-case hexadecimal, or `undefined` where `text` is not that. */
export function fromHex(hex: string): Uint8Array | undefined {
  return hex.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(hex)
    ? new Uint8Array(Buffer.from(hex, 'hex'))
    : undefined;
}

/** Whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
