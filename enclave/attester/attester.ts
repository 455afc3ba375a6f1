/** What a node asks of the platform that it runs on: evidence over a nonce, bound to its identity and claims. */
import type { Platform } from '../../wire/messages/manifest.ts';
import type { Claims } from '../../wire/messages/session.ts';

/** What evidence binds. Limits in bytes are the Nitro hypervisor's. */
export interface Bound {
  /** The relying party's nonce or the session id, at most 1,024 bytes. */
  readonly nonce: Uint8Array;
  /** `identityBytes` of the node, 1 to 1,024 bytes. */
  readonly publicKey: Uint8Array;
  /** `claimsBytes` of the node, at most 1,024 bytes. */
  readonly userData: Uint8Array;
  /** The role that `userData` claims. Evidence for a channel may carry what explains it; that of a session is short. */
  readonly role: Claims['role'];
}

/** An attester (RFC 9334 section 3). */
export interface Attester {
  readonly platform: Platform;
  /** When evidence made now stops being valid, in Unix milliseconds; `Number.MAX_SAFE_INTEGER` where nothing ends it. */
  readonly notAfter: () => number;
  /**
   * Makes a document of at most `maxEvidence` bytes. One that a device made is read back before it is handed out (T03).
   * @throws SymbolonError of the boundary `attester`.
   */
  readonly makeEvidence: (bound: Bound) => Promise<Uint8Array>;
}
