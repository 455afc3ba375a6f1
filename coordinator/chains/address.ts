/** The address of a key on a chain. */
import { publicKeyOf, type KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { bitcoinNetworks, taprootAddress } from './bitcoin.ts';
import { solanaAddress } from './solana.ts';

/** Chains that a key can have an address on. */
export const chains = ['solana', 'bitcoin'] as const;
/** A chain of {@link chains}. */
export type Chain = (typeof chains)[number];

/** An address, and the public key that it stands for. */
export interface KeyAddress {
  readonly chain: Chain;
  /** `mainnet`, `testnet` or `regtest` for Bitcoin; `all` for Solana, where an address is the same on every cluster. */
  readonly network: string;
  readonly address: string;
  /** Hexadecimal, 32 bytes: the Ed25519 key, or the tweaked x-only output key. */
  readonly publicKey: string;
}

/**
 * The address of a key. Without a chain it is the one that the scheme is for; without a network it is `mainnet`.
 * @throws SymbolonError `coordinator/no-such-address`.
 */
export function addressOf(key: KeyPublic, chain?: string, network?: string): KeyAddress {
  const wanted = chain ?? (key.scheme === 'frost-ed25519' ? 'solana' : 'bitcoin');
  if (wanted === 'solana' && key.scheme === 'frost-ed25519' && network === undefined) {
    const publicKey = publicKeyOf(key, 'none');
    return {
      chain: 'solana',
      network: 'all',
      address: solanaAddress(publicKey),
      publicKey: toHex(publicKey),
    };
  }
  const net = bitcoinNetworks.find((name) => name === (network ?? 'mainnet'));
  if (wanted === 'bitcoin' && key.scheme === 'frost-secp256k1-tr' && net !== undefined) {
    const { address, outputKey } = taprootAddress(key, net);
    return { chain: 'bitcoin', network: net, address, publicKey: outputKey };
  }
  throw new SymbolonError('coordinator/no-such-address', {
    scheme: key.scheme,
    chain: chains.find((name) => name === wanted) ?? 'unknown',
    network: net ?? 'unknown',
  });
}
