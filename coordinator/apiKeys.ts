/** API keys: 32 random bytes, shown once, kept as their SHA-256, compared in constant time. */
import { createHash } from 'node:crypto';
import { equalBytes } from '../wire/ids.ts';
import type { ApiKeyRecord } from './store/store.ts';

const prefix = 'symbolon_';
const pattern = /^symbolon_([A-Za-z0-9_-]{43})$/;

/** A new API key. `text` is what the caller sends; it exists only here until it is given away. */
export interface NewApiKey {
  readonly text: string;
  /** SHA-256 of the 32 bytes. */
  readonly hash: Uint8Array;
}

const hashOfKey = (raw: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(raw).digest());

/** Makes an API key. */
export function newApiKey(random: (length: number) => Uint8Array): NewApiKey {
  const raw = random(32);
  const made = { text: prefix + Buffer.from(raw).toString('base64url'), hash: hashOfKey(raw) };
  raw.fill(0);
  return made;
}

/** The hash of an API key text, or `undefined` where the text is none. */
export function apiKeyHash(text: string): Uint8Array | undefined {
  const body = pattern.exec(text)?.[1];
  return body === undefined ? undefined : hashOfKey(Buffer.from(body, 'base64url'));
}

/** Name of the API key that an `authorization` header carries, or `undefined`. Looks at every known key, always. */
export function callerOf(header: string | undefined, known: readonly ApiKeyRecord[]): string | undefined {
  const given = apiKeyHash(/^Bearer (\S{1,128})$/.exec(header ?? '')?.[1] ?? '');
  let found: string | undefined;
  for (const { name, hash } of known) {
    if (given !== undefined && equalBytes(hash, given)) {
      found = name;
    }
  }
  return found;
}
