/** Account addresses of Cosmos chains: bech32 of RIPEMD-160 of SHA-256 of the compressed key (ADR-028, secp256k1 keys). */
import { createHash } from 'node:crypto';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { bech32 } from '@scure/base';

/** Prefix of the Cosmos Hub; other chains have their own. */
export const defaultHrp = 'cosmos';
/** Prefixes that an address can be asked for: lower case letters and digits (BIP173 allows more, chains do not use it). */
export const hrpPattern = '^[a-z][a-z0-9]{0,31}$';

/** The address of a compressed secp256k1 public key (33 bytes) on the chain with this prefix. */
export function cosmosAddress(publicKey: Uint8Array, hrp: string): string {
  const digest = ripemd160(new Uint8Array(createHash('sha256').update(publicKey).digest()));
  return bech32.encode(hrp, bech32.toWords(digest));
}
