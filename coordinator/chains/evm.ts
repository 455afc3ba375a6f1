/** Addresses of EVM chains: the last 20 bytes of the Keccak-256 hash of the key, with the checksum of EIP-55. */
import { ECDH } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { toHex } from '../../wire/ids.ts';

const utf8 = new TextEncoder();

/** The address of a compressed secp256k1 public key (33 bytes): `0x` and 40 hexadecimal digits in mixed case. */
export function evmAddress(publicKey: Uint8Array): string {
  // Yellow paper, appendix F: both coordinates, 64 bytes, without the prefix of SEC 1.
  const uncompressed = ECDH.convertKey(publicKey, 'secp256k1', undefined, undefined, 'uncompressed');
  const digits = toHex(keccak_256(new Uint8Array(Buffer.from(uncompressed)).subarray(1)).subarray(12));
  // EIP-55: a letter is upper case where the digit of the hash at its place is 8 or above.
  const hash = toHex(keccak_256(utf8.encode(digits)));
  const mixed = digits.replace(/[a-f]/g, (letter, at: number) =>
    Number.parseInt(hash.charAt(at), 16) >= 8 ? letter.toUpperCase() : letter,
  );
  return `0x${mixed}`;
}
