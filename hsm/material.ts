/** What the two sides of the private socket speak about: key material, the token's identity, its health. */
import { oneOf, record, text, uint, type TypeOf } from '../wire/shape.ts';

/**
 * Ways to wrap key material, in the order of preference at enrolment. The algorithm is fixed in the profile and named
 * in each record; a record of another one is refused, so there is no downgrade.
 */
export const wrappingAlgorithms = ['rsa-oaep-sha256', 'hmac-sha256', 'rsa-oaep-sha1'] as const;
/** A way to wrap key material. */
export type WrappingAlgorithm = (typeof wrappingAlgorithms)[number];

/** Input key material for one record. */
export interface KeyMaterial {
  /** What the token needs to make `ikm` again: RSA-OAEP ciphertext (384 bytes) or HMAC salt (32 bytes). Public. */
  readonly wrapped: Uint8Array;
  /** 32 secret bytes. The receiver owns and wipes them. */
  readonly ikm: Uint8Array;
}

/** Longest `wrapped` in bytes: an RSA-8192 ciphertext. */
export const maxWrapped = 1_024;
/** Length of the input key material in bytes. */
export const ikmLength = 32;

/** Printable ASCII, as PKCS#11 labels and serial numbers are here: they are compared and shown, never parsed. */
const printable = /^[\x20-\x7e]+$/;
/** Shape of a {@link TokenIdentity}. */
export const tokenIdentityShape = record({
  /** CKA label of the token, at most 32 characters. */
  label: text(32, printable),
  /** Serial number of the token, at most 16 characters. */
  serial: text(16, printable),
  /** CKA_ID of the wrapping key as lower-case hexadecimal, 1 to 32 bytes. */
  keyId: text(64, /^(?:[0-9a-f]{2})+$/),
  algorithm: oneOf(...wrappingAlgorithms),
});
/** Which token and which of its keys wraps. Public. */
export type TokenIdentity = TypeOf<typeof tokenIdentityShape>;

/** Shape of a {@link HsmHealth}. */
export const hsmHealthShape = record({
  token: tokenIdentityShape,
  /** Name of the node that the process was configured for. */
  node: text(32),
  /** Unix milliseconds of the login. */
  startedAt: uint(),
  /** Key material made or recovered since then. */
  operations: uint(),
});
/** State of the HSM process; an answer means that the token answered too. */
export type HsmHealth = TypeOf<typeof hsmHealthShape>;

/** What the daemon sees of the HSM process: made by `connectHsm`. Every call throws `hsm/*` refusals. */
export interface HsmLink {
  /** Fresh key material for one record. */
  newKeyMaterial(): Promise<KeyMaterial>;
  /**
   * The 32 bytes that `wrapped` was made with. In the HMAC algorithm any 32 bytes give some answer: the seal of the
   * record is what tells right from wrong. The caller wipes the result.
   */
  recoverKeyMaterial(wrapped: Uint8Array): Promise<Uint8Array>;
  /** Asks the process, which asks the token. */
  health(): Promise<HsmHealth>;
  /** The token as it was at connect. A process that comes back with another token is refused. */
  readonly token: TokenIdentity;
  /** Closes the connection; the HSM process goes on. */
  close(): Promise<void>;
}
