/**
 * Reads evidence of every kind for a person, without verifying anything: what {@link readEvidence} returns is what somebody
 * wrote, not what is true. Verification is `symbolon evidence verify`.
 */
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { claimsBytes, identityBytes } from '../../wire/messages/session.ts';
import type { PartialReading, Reading } from './contract.ts';
import { readNitro } from './nitroReading.ts';
import { readLog, readQuote, readQuoteBundle } from './tpmReading.ts';

/**
 * Reads evidence of any kind, **unverified**.
 * @param read - gives the bytes, or refuses them by their size.
 * @param path - for refusals.
 * @throws SymbolonError `cli/not-evidence` for everything that is none, whatever is wrong with it; `cli/unreadable-file`.
 */
export function readEvidence(read: () => Uint8Array, path: string): Reading {
  try {
    const bytes = read();
    const reading = readByKind(bytes);
    return {
      ...reading,
      size: bytes.length,
      claims: decoded(reading.userData, claimsBytes.decode),
      identity: decoded(reading.publicKey, identityBytes.decode),
    };
  } catch (error) {
    if (!isSymbolonError(error) || isSymbolonError(error, 'cli/unreadable-file')) {
      throw error;
    }
    throw new SymbolonError('cli/not-evidence', { path, reason: error.message }, { cause: error });
  }
}

/** TPM_GENERATED_VALUE, with which every attestation of a TPM starts. */
const tpmMagic = Uint8Array.of(0xff, 0x54, 0x43, 0x47);

/** A document starts as a COSE array (RFC 9052, tagged or not), ours as a CBOR map, a log with a register number. */
function readByKind(bytes: Uint8Array): PartialReading {
  const [first = -1, second = -1, third = -1, fourth = -1] = bytes;
  if (first === 0xd2 || first >> 5 === 4) {
    return readNitro(bytes);
  }
  if (first >> 5 === 5) {
    return readQuoteBundle(bytes);
  }
  if (equalBytes(bytes.subarray(0, 4), tpmMagic)) {
    return readQuote(bytes);
  }
  if (second === 0 && third === 0 && fourth === 0) {
    return readLog(bytes);
  }
  throw new SymbolonError('evidence/malformed', {
    part: 'file',
    reason: 'neither a document of AWS, nor evidence of a TPM, nor an event log',
  });
}

/** A field as ours, or `undefined` where it is something else: the document may be of any other software. */
function decoded<T>(raw: Uint8Array | undefined, decode: (raw: Uint8Array) => T): T | undefined {
  try {
    return raw === undefined ? undefined : decode(raw);
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}
