/** Solana addresses: the base58 of an Ed25519 public key. */
import { base58 } from '@scure/base';

/** The address of a 32-byte Ed25519 public key, 32 to 44 characters. */
export const solanaAddress = (publicKey: Uint8Array): string => base58.encode(publicKey);
