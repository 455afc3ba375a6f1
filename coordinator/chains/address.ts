/** The address of a key, or of a key derived from it, on a chain. */
import { deriveKey, publicKeyOf, type KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex, type Scheme } from '../../wire/ids.ts';
import { bitcoinNetworks, taprootAddress } from './bitcoin.ts';
import { cosmosAddress, defaultHrp } from './cosmos.ts';
import { evmAddress } from './evm.ts';
import { pathText } from './path.ts';
import { solanaAddress } from './solana.ts';

/** Chains that a key can have an address on. */
export const chains = ['solana', 'bitcoin', 'evm', 'cosmos'] as const;
/** A chain of {@link chains}. */
export type Chain = (typeof chains)[number];

/** Chains on which keys of a scheme have an address; the first is the default. */
export const chainsOf: Readonly<Record<Scheme, readonly Chain[]>> = {
  'frost-ed25519': ['solana'],
  'frost-secp256k1-tr': ['bitcoin'],
  'dkls23-secp256k1': ['evm', 'cosmos'],
  'dkls23-p256': [],
};

/** An address, and the public key that it stands for. */
export interface KeyAddress {
  readonly chain: Chain;
  /**
   * `mainnet`, `testnet` or `regtest` for Bitcoin; the prefix for Cosmos; `all` elsewhere, where an address is the same on
   * every network.
   */
  readonly network: string;
  /** Derivation path, `m` for the key itself. */
  readonly path: string;
  readonly address: string;
  /** Hexadecimal: the Ed25519 key or the tweaked x-only output key (32 bytes), or the compressed secp256k1 key (33). */
  readonly publicKey: string;
}

/** What an address is asked for. */
export interface AddressQuestion {
  /** Unless told the one that the scheme is for. */
  readonly chain?: string | undefined;
  /** Bitcoin; `mainnet` unless told. */
  readonly network?: string | undefined;
  /** Steps under the key. */
  readonly path?: readonly number[] | undefined;
  /** Cosmos: the prefix, `cosmos` unless told. */
  readonly hrp?: string | undefined;
}

/**
 * The address of a key.
 * @throws SymbolonError `coordinator/no-such-address`, and of `deriveKey`.
 */
export function addressOf(key: KeyPublic, asked: AddressQuestion = {}): KeyAddress {
  const { network, hrp, path = [] } = asked;
  const wanted = asked.chain ?? chainsOf[key.scheme][0];
  const chain = chainsOf[key.scheme].find((name) => name === wanted);
  const net = bitcoinNetworks.find((name) => name === (network ?? 'mainnet'));
  const fits =
    chain !== undefined &&
    (network === undefined || (chain === 'bitcoin' && net !== undefined)) &&
    (hrp === undefined || chain === 'cosmos');
  if (!fits) {
    throw new SymbolonError('coordinator/no-such-address', {
      scheme: key.scheme,
      chain: chains.find((name) => name === wanted) ?? 'unknown',
      network: net ?? 'unknown',
    });
  }
  const on = (networkName: string, address: string, publicKey: string): KeyAddress => ({
    chain,
    network: networkName,
    path: pathText(path),
    address,
    publicKey,
  });
  switch (chain) {
    case 'bitcoin': {
      const { address, outputKey } = taprootAddress(key, net ?? 'mainnet', path);
      return on(net ?? 'mainnet', address, outputKey);
    }
    case 'solana': {
      const publicKey = publicKeyOf(key, 'none', path);
      return on('all', solanaAddress(publicKey), toHex(publicKey));
    }
    case 'evm': {
      const { publicKey } = deriveKey(key, path);
      return on('all', evmAddress(publicKey), toHex(publicKey));
    }
    case 'cosmos': {
      const { publicKey } = deriveKey(key, path);
      return on(hrp ?? defaultHrp, cosmosAddress(publicKey, hrp ?? defaultHrp), toHex(publicKey));
    }
  }
}
