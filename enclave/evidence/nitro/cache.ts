/**
 * A bounded memory of certificate authorities that were verified, so that the same four links are not checked again for
 * every document. What depends on time is never remembered, and leaf certificates never come here.
 */
import type { Es384Key } from './es384.ts';

/** An authority that was verified under a pinned root. */
export interface VerifiedAuthority {
  /** The authority that issued it; `undefined` for the root itself. */
  readonly issuer: VerifiedAuthority | undefined;
  /** SHA-256 of the DER of the root that its path starts at, 32 bytes; compared with the policy at every use. */
  readonly root: Uint8Array;
  /** Its name, encoded. */
  readonly subject: Uint8Array;
  readonly commonName: string | undefined;
  /** Unix milliseconds, inclusive; checked at every use. */
  readonly notBefore: number;
  /** Unix milliseconds, inclusive; checked at every use. */
  readonly notAfter: number;
  readonly key: Es384Key;
  /** How many further authorities may follow (RFC 5280 section 6.1.4, max_path_length). */
  readonly pathBudget: number;
}

/**
 * Authorities by the hash of the whole path from the root to them; the one used longest ago is dropped first. An
 * authority keeps those above it, so one lookup finds a whole path.
 */
export interface AuthorityCache {
  readonly get: (path: string) => VerifiedAuthority | undefined;
  readonly set: (path: string, authority: VerifiedAuthority) => void;
  readonly size: () => number;
}

/** Makes a cache of at most `limit` authorities (about 2 kB each). */
export function makeAuthorityCache(limit: number): AuthorityCache {
  const entries = new Map<string, VerifiedAuthority>();
  return {
    get: (path) => {
      const found = entries.get(path);
      if (found !== undefined) {
        // A Map iterates in the order of insertion: the entry moves to the end.
        entries.delete(path);
        entries.set(path, found);
      }
      return found;
    },
    set: (path, authority) => {
      entries.delete(path);
      entries.set(path, authority);
      const [oldest] = entries.keys();
      if (entries.size > limit && oldest !== undefined) {
        entries.delete(oldest);
      }
    },
    size: () => entries.size,
  };
}
