/** Fixed identities for tests and frozen vectors. No product code imports this file. */
import { createPublicKey } from 'node:crypto';
import type { EnvelopeKeys } from './identity.ts';
import { privateKeyFromRaw, rawPublicKey } from './keys.ts';

/** An identity whose keys all follow from one byte: known to everyone, worth nothing. */
export function unsafeFixedKeys(byte: number): EnvelopeKeys {
  const signKey = privateKeyFromRaw('ed25519', new Uint8Array(32).fill(byte));
  const encryptKey = privateKeyFromRaw('x25519', new Uint8Array(32).fill(byte ^ 0x80));
  const sign = rawPublicKey(createPublicKey(signKey), 'ed25519') ?? new Uint8Array();
  const encrypt = rawPublicKey(createPublicKey(encryptKey), 'x25519') ?? new Uint8Array();
  return { public: { v: 1, sign, encrypt, tls: new Uint8Array(32).fill(byte) }, signKey, encryptKey };
}
