/** A verified quote of a TPM 2.0 as the statement that all platforms share. */
import { SymbolonError } from '../../../wire/errors/index.ts';
import type { Statement } from '../statement.ts';

/**
 * Verifies the evidence of a TPM 2.0.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function tpm2Statement(document: Uint8Array): Statement {
  throw new SymbolonError('evidence/platform-unsupported', { platform: `tpm2, ${document.length} bytes` });
}
