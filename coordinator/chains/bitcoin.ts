/** Bitcoin addresses: pay to taproot (BIP341), key path only, as BIP86 has it; bech32m (BIP350). */
import { NETWORK, p2tr, TEST_NETWORK } from '@scure/btc-signer';
import { publicKeyOf, type KeyPublic } from '../../threshold/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { SymbolonError } from '../../wire/errors/index.ts';

/** Bitcoin networks that an address can be asked for. */
export const bitcoinNetworks = ['mainnet', 'testnet', 'regtest'] as const;
/** A network of {@link bitcoinNetworks}. */
export type BitcoinNetwork = (typeof bitcoinNetworks)[number];

const parameters = {
  mainnet: NETWORK,
  testnet: TEST_NETWORK,
  regtest: { ...TEST_NETWORK, bech32: 'bcrt' },
} as const;

/** A taproot output. */
export interface TaprootAddress {
  readonly address: string;
  /** The tweaked x-only output key as hexadecimal, 32 bytes. */
  readonly outputKey: string;
  /** The scriptPubKey as hexadecimal, 34 bytes. */
  readonly script: string;
}

/**
 * The P2TR address of a group key, or of the key at a path under it. The tweak is computed twice, by threshold/ (which
 * signs) and by the Bitcoin library: money is never sent to an address that the key could not spend from.
 */
export function taprootAddress(
  key: KeyPublic,
  network: BitcoinNetwork,
  path: readonly number[] = [],
): TaprootAddress {
  const internal = publicKeyOf(key, 'none', path);
  const output = publicKeyOf(key, 'bip341', path);
  const payment = p2tr(internal, undefined, parameters[network]);
  const { address } = payment;
  if (!equalBytes(payment.tweakedPubkey, output)) {
    throw new SymbolonError('coordinator/internal', {});
  }
  return { address, outputKey: toHex(output), script: toHex(payment.script) };
}
