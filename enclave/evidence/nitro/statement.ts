/** A verified document of AWS as the statement that all platforms share. */
import type { Platform } from '../../../wire/messages/manifest.ts';
import type { Statement } from '../statement.ts';
import { verifyNitroDocument, verifyNitroTpmDocument, type DocumentExpectation } from './document.ts';

/**
 * Verifies a document of AWS, or of the insecure dev attester in the same form.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function nitroStatement(
  platform: Exclude<Platform, 'tpm2'>,
  document: Uint8Array,
  expectation: DocumentExpectation,
): Statement {
  const verify = platform === 'nitro-tpm' ? verifyNitroTpmDocument : verifyNitroDocument;
  const { moduleId, instanceId, timestamp, ...verified } = verify(document, expectation);
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
