/** A verified quote of a TPM 2.0 as the statement that all platforms share. */
import { readSignature } from '../../tpm/signature.ts';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import type { Statement } from '../statement.ts';
import { readAttestationKey, readPart } from './attestationKey.ts';
import { tpm2Document, tpm2QualifyingData, type Tpm2Evidence } from './document.ts';
import { readEventLog } from './eventLog.ts';
import { matchLog } from './logMatch.ts';
import { checkQuote, checkScheme } from './quote.ts';

/**
 * Verifies the evidence of a TPM 2.0: form, attestation key, quote, what it binds, event log. Whether the key is the one
 * of the node is policy: the manifest pins its Name, which the statement gives as `machine`.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function tpm2Statement(document: Uint8Array): Statement {
  const shown = readDocument(document);
  const { area, key, machine } = readAttestationKey(shown.key);
  const signature = readPart('signature', () => readSignature(shown.signature));
  checkScheme(area, signature);
  const { quote, pcrs } = shown;
  const { bank, extraData, clock } = checkQuote({ quote, signature, key, machine, pcrs });
  if (bank !== shown.bank) {
    throw new SymbolonError('evidence/inconsistent', {
      what: 'bank of the quote and the one that is named',
      wanted: bank,
      got: shown.bank,
    });
  }
  checkBound(shown, extraData);
  const events =
    shown.eventLog === undefined ? undefined : matchLog(readEventLog(shown.eventLog), bank, pcrs);
  return {
    platform: 'tpm2',
    machine,
    instanceId: undefined,
    pcrs,
    nonce: shown.nonce,
    publicKey: shown.publicKey,
    userData: shown.userData,
    madeAt: shown.madeAt,
    // No certificate is shown: enrolment looked at it, and what the manifest pins ends with the manifest.
    notAfter: Number.MAX_SAFE_INTEGER,
    rootName: undefined,
    events,
    tpm: clock,
  };
}

function readDocument(document: Uint8Array): Tpm2Evidence {
  if (document.length > tpm2Document.maxBytes) {
    throw new SymbolonError('evidence/oversize', { size: document.length, limit: tpm2Document.maxBytes });
  }
  try {
    return tpm2Document.decode(document);
  } catch (cause) {
    if (isSymbolonError(cause)) {
      throw new SymbolonError('evidence/malformed', { part: 'document', reason: cause.message }, { cause });
    }
    throw cause;
  }
}

/**
 * What the message says of nonce, identity, claims and time is unsigned; the TPM signed a hash over all of it as extraData
 * (Part 2 section 10.12.12). Compared in constant time.
 */
function checkBound(shown: Tpm2Evidence, extraData: Uint8Array): void {
  const wanted = tpm2QualifyingData(shown);
  if (!equalBytes(wanted, extraData)) {
    throw new SymbolonError('evidence/inconsistent', {
      what: 'extraData of the quote and what the evidence binds',
      wanted: toHex(wanted),
      got: toHex(extraData),
    });
  }
}
