/**
 * A taproot key-path spend (BIP341) in the form of a regtest transaction: one made-up funding output to the group's
 * address, two outputs. It is built with \@scure/btc-signer; then bitcoinjs-lib, which had no part in that, parses the
 * final bytes, computes the signature hash again, and libsecp256k1 verifies the signature.
 */
import { randomBytes } from 'node:crypto';
import { Address, OutScript, p2tr, Transaction as ScureTransaction } from '@scure/btc-signer';
import { Transaction as CheckTransaction } from 'bitcoinjs-lib';
import { verifySchnorr } from 'tiny-secp256k1';
import { toHex } from '../wire/ids.ts';
import type { DemoSigner, DemoTransaction } from './transaction.ts';

/** Bitcoin's regression-test network. */
const regtest = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };
/** Amounts in satoshi: what the made-up output holds, what is paid, and the fee. */
const amounts = { funding: 100_000n, payment: 60_000n, fee: 400n };
/** BIP341: SIGHASH_DEFAULT signs everything and is left out of the witness. */
const sighashDefault = 0;

/** The internal key of BIP341, 32 bytes, of a compressed (33 bytes) or x-only (32 bytes) group public key. */
const internalKey = (publicKey: Uint8Array): Uint8Array =>
  publicKey.length === 33 ? publicKey.slice(1) : publicKey;

/** The regtest address of a group public key, for spends by key path without a script tree. */
export function bitcoinAddress(publicKey: Uint8Array): string {
  return p2tr(internalKey(publicKey), undefined, regtest).address;
}

/**
 * Builds the spend, has its signature hash signed under the tweaked group key, and has it verified.
 * @param publicKey - the group's public key: 33 bytes compressed, or 32 bytes x-only.
 * @throws Error where the second library does not agree.
 */
export async function bitcoinSpend(publicKey: Uint8Array, sign: DemoSigner): Promise<DemoTransaction> {
  const ours = p2tr(internalKey(publicKey), undefined, regtest);
  const from = bitcoinAddress(publicKey);
  // Anybody's key: nobody can spend from it, and nothing is on a chain here.
  const to = p2tr(Uint8Array.from(knownPoint), undefined, regtest);
  const tx = new ScureTransaction({ version: 2 });
  tx.addInput({
    txid: new Uint8Array(randomBytes(32)),
    index: 0,
    witnessUtxo: { script: ours.script, amount: amounts.funding },
    tapInternalKey: ours.tapInternalKey,
  });
  tx.addOutput({ script: to.script, amount: amounts.payment });
  tx.addOutput({ script: ours.script, amount: amounts.funding - amounts.payment - amounts.fee });
  const digest = tx.preimageWitnessV1(0, [ours.script], sighashDefault, [amounts.funding]);
  const signature = await sign({ kind: 'bip341-key-spend', digest });
  tx.updateInput(0, { tapKeySig: signature });
  tx.finalize();
  const txid = verifyTaprootSpend(tx.extract(), ours.script, amounts.funding);
  return {
    chain: 'bitcoin',
    txid,
    from,
    to: to.address,
    story: `${amounts.payment} sat paid, ${amounts.funding - amounts.payment - amounts.fee} sat back, fee ${amounts.fee} sat`,
    verifiedBy: 'bitcoinjs-lib + tiny-secp256k1',
  };
}

/** x of the generator of secp256k1 (SEC 2 section 2.4.1): a point that every implementation accepts. */
const knownPoint = Buffer.from('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798', 'hex');

/**
 * Parses a final transaction with bitcoinjs-lib and verifies the key-path witness of its only input.
 * @returns the transaction id, as bitcoinjs-lib computes it.
 * @throws Error where the witness or the signature is not right.
 */
export function verifyTaprootSpend(raw: Uint8Array, previousScript: Uint8Array, amount: bigint): string {
  const tx = CheckTransaction.fromBuffer(raw);
  const [input] = tx.ins;
  const [signature] = input?.witness ?? [];
  // BIP341: a key-path spend has exactly one witness element; 64 bytes mean SIGHASH_DEFAULT.
  if (tx.ins.length !== 1 || input?.witness.length !== 1 || signature?.length !== 64) {
    throw new Error('the transaction is not a key-path spend with one input');
  }
  const digest = tx.hashForWitnessV1(0, [previousScript], [amount], sighashDefault);
  // The output script is OP_1 and the 32-byte output key (BIP341).
  if (previousScript.length !== 34 || !verifySchnorr(digest, previousScript.subarray(2), signature)) {
    throw new Error(`the second library refuses the signature over ${toHex(digest)}`);
  }
  return tx.getId();
}

/** The output script of a regtest address. */
export const scriptOf = (address: string): Uint8Array => OutScript.encode(Address(regtest).decode(address));
