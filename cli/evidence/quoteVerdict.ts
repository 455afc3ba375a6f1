/** The verdict over a quote of a TPM that lies in several files, as other tools leave it. */
import { verifyQuote, type QuoteReport } from '../../enclave/evidence/index.ts';
import { firstDifference, refuseZeros } from '../../enclave/evidence/policy.ts';
import { readAttested } from '../../enclave/tpm/attested.ts';
import type { PcrSelection } from '../../enclave/tpm/pcrs.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { readPcrFile } from './pcrFile.ts';

/** The files, read, and what is wanted of them. Every expectation is given, or waived by its name. */
export interface QuoteQuestion {
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  /** PEM, TPMT_PUBLIC or TPM2B_PUBLIC. */
  readonly key: Uint8Array;
  readonly pcrFile: { readonly bytes: Uint8Array; readonly path: string };
  readonly eventLog: Uint8Array | undefined;
  readonly nonce: Uint8Array | 'any';
  readonly pcrs: ReadonlyMap<number, Uint8Array> | 'any';
  /** `refuse`: registers of only zeros are no expectation (T04). */
  readonly debug: 'refuse' | 'allow';
}

/** An accepted quote, and the registers that it covers. */
export interface QuoteVerdict {
  readonly report: QuoteReport;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

/**
 * Verifies a quote with its files.
 * @throws SymbolonError of the boundary `evidence` where it is refused; `cli/unreadable-file` where the file of registers is
 * none.
 */
export function judgeQuote(question: QuoteQuestion): QuoteVerdict {
  const { quote, signature, key, pcrFile, eventLog, nonce, pcrs: wanted, debug } = question;
  if (wanted !== 'any' && debug === 'refuse') {
    refuseZeros('expected PCRs', wanted);
  }
  const selection = selectionOf(quote);
  const pcrs = selection === undefined ? new Map() : readPcrFile(pcrFile.bytes, selection, pcrFile.path);
  const report = verifyQuote({
    quote,
    signature,
    key,
    pcrs,
    nonce,
    ...(eventLog === undefined ? {} : { eventLog }),
  });
  const difference = wanted === 'any' ? undefined : firstDifference(wanted, pcrs);
  if (difference !== undefined) {
    throw new SymbolonError('evidence/measurement-mismatch', {
      node: '-',
      measurement: 'given',
      ...difference,
    });
  }
  return { report, pcrs };
}

/** What the quote selects; `undefined` where it is none, which the verification then says by its own code. */
function selectionOf(quote: Uint8Array): PcrSelection | undefined {
  try {
    return readAttested(quote).selections[0];
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}
