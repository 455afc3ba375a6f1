/**
 * Byte formats of ECDSA signing. The pairwise message of round 1 is the OT-extension message of the multiplication as it
 * is; the broadcast of round 3 of a presignature is the 32-byte confirmation.
 */
import { hash32 } from '../../wire/ids.ts';
import { maxNodes, maxRoundPayload } from '../../wire/limits.ts';
import { bytes, list, message, oneOf, record, uint } from '../../wire/shape.ts';

/** SEC 1 compressed. */
const element = bytes(33);
const scalar = bytes(32);

/** Round 1 broadcast: 140 bytes for two signers, 27 more for each further one. */
export const ecdsaCommitment = message(
  'ecdsa-commitment',
  1_280,
  record({
    v: oneOf(1),
    /** Generation of the shares that will sign (T20). */
    generation: uint(Number.MAX_SAFE_INTEGER, 1),
    /** Hash of the whole context, as the sender has it. */
    context: hash32,
    /** Hash commitment to R_i. */
    commitment: hash32,
    /** The sender's pairing with each other signer, in the order of the signers. */
    pairings: list(record({ peer: uint(maxNodes, 1), id: bytes(16) }), maxNodes - 1, 1),
  }),
);

/** Round 2 broadcast, 123 bytes. */
export const ecdsaOpening = message(
  'ecdsa-opening',
  160,
  record({
    v: oneOf(1),
    /** R_i. */
    nonce: element,
    /** The salt of the commitment. */
    salt: bytes(32),
    /** pk_i: the sender's additive share of the key, masked with shares of zero, times G. */
    key: element,
  }),
);

/** Round 2 pairwise: the multiplication message and about 190 bytes. */
export const ecdsaProduct = message(
  'ecdsa-product',
  maxRoundPayload,
  record({
    v: oneOf(1),
    /** Hash of all broadcasts of round 1, as the sender saw them. */
    echo: hash32,
    /** The sender's output of the multiplication with R_i's secret, times G. */
    gammaU: element,
    /** The sender's output of the multiplication with its key share, times G. */
    gammaV: element,
    /** phi_i - chi_ij. */
    psi: scalar,
    /** The multiplication message. */
    product: bytes(1, maxRoundPayload - 256),
  }),
);

/** The signature share of an ECDSA signature: the last broadcast, 117 bytes. */
export const ecdsaShare = message(
  'ecdsa-share',
  160,
  record({
    v: oneOf(1),
    /** R, or R' where a presignature was used: the same for all signers. */
    nonce: element,
    /** w_i = m * phi_i + r * v_i. */
    w: scalar,
    /** u_i. */
    u: scalar,
  }),
);
/** A decoded signature share. */
export type EcdsaShare = ReturnType<typeof ecdsaShare.decode>;
