/**
 * For tools: a quote by itself, with the files that other software writes. Nodes use the evidence message (statement.ts),
 * which leaves nothing out.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readAttested } from '../../tpm/attested.ts';
import { hashOfAlg, algOfHash, digestBytes, type TpmHash } from '../../tpm/algorithms.ts';
import { readSignature, verifySignature, type TpmSignature } from '../../tpm/signature.ts';
import { isWeakRsa } from '../../tpm/weakRsa.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import { DerReader, integerBytes, readDer, tag } from '../../x509/der.ts';
import type { NamedEvent, TpmClock } from '../statement.ts';
import { readAttestationKey, readPart, type AttestationKey } from './attestationKey.ts';
import { maxQuote, maxQuoteSignature, maxTpmPublic, type TpmBank } from './document.ts';
import { readEventLog } from './eventLog.ts';
import { matchLog } from './logMatch.ts';
import { checkQuote, checkScheme } from './quote.ts';

/** A quote as files hold it. Every expectation is given, or waived by its name. */
export interface QuoteFiles {
  /** TPMS_ATTEST, as `tpm2_quote --message` writes it. */
  readonly quote: Uint8Array;
  /** TPMT_SIGNATURE, or the bare signature: RSA of the size of the key, or DER of ECDSA. */
  readonly signature: Uint8Array;
  /** The attestation key: TPMT_PUBLIC, TPM2B_PUBLIC, or a public key as PEM (then its attributes are not known). */
  readonly key: Uint8Array;
  /** The registers: exactly those that the quote covers, 32 or 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** What the extraData must be, or `any` to look only. */
  readonly nonce: Uint8Array | 'any';
  readonly eventLog?: Uint8Array;
}

/** What a verified quote says. */
export interface QuoteReport {
  readonly bank: TpmBank;
  readonly scheme: TpmSignature['scheme'];
  readonly hash: TpmHash;
  /** Name of the attestation key in hexadecimal; `undefined` where only PEM was given: nothing then shows that a TPM made the quote. */
  readonly machine: string | undefined;
  readonly extraData: Uint8Array;
  readonly tpm: TpmClock;
  /** Vendor's own number. */
  readonly firmwareVersion: bigint;
  /** The boot by the event log, which replays to the registers; `undefined` where none was given. */
  readonly events: readonly NamedEvent[] | undefined;
}

/**
 * Verifies a quote outside any evidence.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function verifyQuote(files: QuoteFiles): QuoteReport {
  capped(files.quote, maxQuote);
  const { key, machine, area } = readKey(capped(files.key, 2 * maxTpmPublic));
  const signature = readSignatureFile(capped(files.signature, maxQuoteSignature), key, files.quote);
  if (area !== undefined) {
    checkScheme(area, signature);
  }
  const { quote, pcrs } = files;
  const verified = checkQuote({ quote, signature, key, machine: machine ?? 'PEM', pcrs });
  if (files.nonce !== 'any' && !equalBytes(files.nonce, verified.extraData)) {
    throw new SymbolonError('evidence/nonce-mismatch', {
      wanted: toHex(files.nonce),
      got: toHex(verified.extraData),
    });
  }
  return {
    bank: verified.bank,
    scheme: signature.scheme,
    hash: signature.hash,
    machine,
    extraData: verified.extraData,
    tpm: verified.clock,
    firmwareVersion: verified.firmwareVersion,
    events:
      files.eventLog === undefined ? undefined : matchLog(readEventLog(files.eventLog), verified.bank, pcrs),
  };
}

/** T34: sizes before parsing. */
function capped(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length > limit) {
    throw new SymbolonError('evidence/oversize', { size: bytes.length, limit });
  }
  return bytes;
}

/** PEM has neither a Name nor the key's public area. */
type QuoteKey =
  AttestationKey | { readonly key: KeyObject; readonly machine: undefined; readonly area: undefined };

function readKey(bytes: Uint8Array): QuoteKey {
  const text = Buffer.from(bytes).toString('latin1');
  if (text.trimStart().startsWith('-----BEGIN PUBLIC KEY-----')) {
    return { key: readPem(text), machine: undefined, area: undefined };
  }
  // A TPM2B_PUBLIC starts with its length, a TPMT_PUBLIC with a type of at most 0x25.
  const [high = 0, low = 0] = bytes;
  const inner = high * 256 + low === bytes.length - 2 ? bytes.subarray(2) : bytes;
  return readAttestationKey(inner);
}

function readPem(text: string): KeyObject {
  const refuse = (rule: string): never => {
    throw new SymbolonError('evidence/bad-attestation-key', { key: 'PEM', rule });
  };
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return refuse('not a public key in PEM');
  }
  const { modulusLength = 0, publicExponent, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  // The same floors as for keys in the TPM's own form (enclave/tpm/public.ts).
  const good =
    key.asymmetricKeyType === 'rsa'
      ? [2048, 3072, 4096].includes(modulusLength) && publicExponent === 65537n
      : key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1'].includes(namedCurve);
  const { n = '' } = key.asymmetricKeyType === 'rsa' ? key.export({ format: 'jwk' }) : {};
  if (isWeakRsa(Buffer.from(n, 'base64url'))) {
    refuse('an RSA key of a generator whose keys can be factored (CVE-2017-15361)');
  }
  return good ? key : refuse('neither RSA of 2048 bits or more with exponent 65537, nor P-256, nor P-384');
}

/** A bare signature names neither scheme nor hash: the hash is the one of the PCR digest, the scheme the one that fits. */
function readSignatureFile(bytes: Uint8Array, key: KeyObject, quote: Uint8Array): TpmSignature {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType === 'rsa' && bytes.length === bits / 8) {
    const hash = digestHash(quote);
    const pss = { scheme: 'rsapss', hash, signature: bytes } as const;
    return verifySignature(key, pss, quote) ? pss : { ...pss, scheme: 'rsassa' };
  }
  if (key.asymmetricKeyType === 'ec' && bytes[0] === tag.sequence) {
    return { scheme: 'ecdsa', hash: digestHash(quote), ...readEcdsa(bytes) };
  }
  return readPart('signature', () => readSignature(bytes));
}

/** The hash with which the PCR digest was made is that of the signing scheme (Part 3 section 18.4). */
function digestHash(quote: Uint8Array): TpmHash {
  const { pcrDigest } = readPart('quote', () => readAttested(quote));
  const hash = Object.values(algOfHash)
    .map(hashOfAlg)
    .find((one) => one !== undefined && digestBytes[one] === pcrDigest.length);
  // The reader takes no digest of another length.
  return hash ?? 'sha1';
}

/** ECDSA-Sig-Value (RFC 3279 section 2.2.3): two positive integers. */
function readEcdsa(bytes: Uint8Array): { readonly r: Uint8Array; readonly s: Uint8Array } {
  return readPart('signature', () => {
    const parts = DerReader.inside(readDer(bytes, tag.sequence));
    const number = (): Uint8Array => {
      const raw = integerBytes(parts.next(tag.integer));
      return raw[0] === 0 && raw.length > 1 ? raw.subarray(1) : raw;
    };
    const [r, s] = [number(), number()];
    parts.end();
    return { r, s };
  });
}
