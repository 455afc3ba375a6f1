/** A verified Nitro document as the statement that all platforms share. */
import { SymbolonError } from '../../../wire/errors/index.ts';
import type { Platform } from '../../../wire/messages/manifest.ts';
import type { Statement } from '../statement.ts';
import { verifyNitroDocument, type DocumentExpectation } from './document.ts';

/**
 * Verifies a document of AWS, or of the insecure dev attester in the same form.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function nitroStatement(
  platform: Exclude<Platform, 'tpm2'>,
  document: Uint8Array,
  expectation: DocumentExpectation,
): Statement {
  if (platform === 'nitro-tpm') {
    throw new SymbolonError('evidence/platform-unsupported', { platform });
  }
  const { moduleId, instanceId, timestamp, ...verified } = verifyNitroDocument(document, expectation);
  const { pcrs, nonce, publicKey, userData, notAfter, rootName } = verified;
  return {
    platform,
    machine: moduleId,
    instanceId,
    pcrs,
    nonce,
    publicKey,
    userData,
    madeAt: timestamp,
    notAfter,
    rootName,
    events: undefined,
    tpm: undefined,
  };
}
