/** The time in evidence, for the node that has just made it: its own clock may be its parent's (T37). */
import type { Platform } from '../../wire/messages/manifest.ts';
import { readCoseSign1 } from './nitro/cose.ts';
import { readAnyPayload } from './nitro/payload.ts';

/**
 * The time that the platform itself put into a document, in Unix milliseconds; `undefined` where the time in evidence is the
 * node's own (a TPM tells no time of day). **Verifies nothing**: for a document that came from the own device.
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize`, `evidence/wrong-document-type`.
 */
export function unsafeReadTime(platform: Platform, document: Uint8Array): number | undefined {
  switch (platform) {
    case 'nitro':
    case 'nitro-tpm':
    case 'dev':
      return readAnyPayload(readCoseSign1(document).payload).timestamp;
    case 'tpm2':
      return undefined;
  }
}
