/**
 * The evidence of a TPM 2.0 as one message: the quote as the TPM signed it, the key that signed, the registers, and what
 * is bound through the quote's extraData. Form only: nothing here is proof. SPEC.md has the bytes.
 */
import { hashOf } from '../../../wire/ids.ts';
import { maxEventLog, maxEvidence } from '../../../wire/limits.ts';
import { bytes, indexed, message, oneOf, optional, record, uint, type TypeOf } from '../../../wire/shape.ts';

/** Longest TPMS_ATTEST in bytes: of a quote over one bank it has at most 281 (Part 2 section 10.12.12). */
export const maxQuote = 512;
/** Longest TPMT_SIGNATURE in bytes: RSA 4096 has 518 (Part 2 section 11.3.4). */
export const maxQuoteSignature = 640;
/** Longest TPMT_PUBLIC in bytes: RSA 4096 with a policy of 64 bytes has 602 (Part 2 section 12.2.4). */
export const maxTpmPublic = 768;
/** Highest register of a PC client TPM (PC Client Platform TPM Profile section 4.6: 24 registers). */
export const maxTpmPcr = 23;

/** Banks that evidence may show: SHA-1 is broken, and larger ones are in no TPM that was seen. */
export const tpmBanks = ['sha256', 'sha384'] as const;
/** A bank of {@link tpmBanks}. */
export type TpmBank = (typeof tpmBanks)[number];
/** Size of a register of a bank in bytes. */
export const bankBytes: Readonly<Record<TpmBank, number>> = { sha256: 32, sha384: 48 };

const tpm2Shape = record({
  v: oneOf(1),
  /** TPMS_ATTEST as the TPM returned it, without the 16-bit length of its TPM2B. */
  quote: bytes(1, maxQuote),
  /** TPMT_SIGNATURE over `quote`. */
  signature: bytes(1, maxQuoteSignature),
  /** TPMT_PUBLIC of the attestation key. */
  key: bytes(1, maxTpmPublic),
  bank: oneOf(...tpmBanks),
  /** The quoted registers, all of them and no other; each has the size of the bank's hash. */
  pcrs: indexed(bytes(32, 48), maxTpmPcr),
  /** Unix milliseconds by the attester's clock. */
  madeAt: uint(),
  nonce: bytes(0, 1_024),
  publicKey: bytes(0, 1_024),
  userData: bytes(0, 1_024),
  /** The firmware's log of the boot, crypto-agile form; only where it was asked for. */
  eventLog: optional(bytes(1, maxEventLog)),
});

/** Evidence of a TPM 2.0, decoded. */
export type Tpm2Evidence = TypeOf<typeof tpm2Shape>;

/**
 * Byte format of the evidence of a TPM 2.0.
 * `decode` throws `wire/oversize`, `wire/malformed-cbor` or `wire/unexpected-shape`.
 */
export const tpm2Document = message('tpm2-evidence', maxEvidence, tpm2Shape);

/**
 * What the TPM is asked to sign as qualifyingData, and what then stands in the quote as extraData: 32 bytes over all that
 * the evidence binds. `madeAt` is in Unix milliseconds.
 */
export const tpm2QualifyingData = ({
  nonce,
  publicKey,
  userData,
  madeAt,
}: Pick<Tpm2Evidence, 'nonce' | 'publicKey' | 'userData' | 'madeAt'>): Uint8Array =>
  hashOf('symbolon/tpm2-quote/1', nonce, publicKey, userData, madeAt);
