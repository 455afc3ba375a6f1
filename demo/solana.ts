/**
 * A Solana transfer whose only signature comes from outside: the message is built with \@solana/kit, the 64-byte
 * Ed25519 signature is asked for over exactly the message bytes, and an in-process SVM verifies and executes the
 * whole transaction as a validator would.
 */
import { randomBytes } from 'node:crypto';
import { getTransferSolInstruction } from '@solana-program/system';
import {
  address,
  appendTransactionMessageInstruction,
  compileTransaction,
  createNoopSigner,
  createTransactionMessage,
  getAddressDecoder,
  lamports,
  pipe,
  setTransactionMessageFeePayer,
  signatureBytes,
  type Transaction,
} from '@solana/kit';
import { base58 } from '@scure/base';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';
import type { DemoSigner, DemoTransaction } from './transaction.ts';

/** What the SVM gives the sender before the transfer, in lamports. */
const funding = 2_000_000_000n;
/** What is sent, in lamports. */
const amount = 1_000_000_000n;

/** The Solana address of an Ed25519 public key of 32 bytes: its base58. */
export const solanaAddress = (publicKey: Uint8Array): string => getAddressDecoder().decode(publicKey);

/**
 * Builds a transfer from the address of `publicKey` (32 bytes) to a new address, has it signed, and executes it.
 * @throws Error where the SVM refuses the transaction or the balances afterwards are not what was signed.
 */
export async function solanaTransfer(publicKey: Uint8Array, sign: DemoSigner): Promise<DemoTransaction> {
  const svm = new LiteSVM();
  const sender = address(solanaAddress(publicKey));
  const receiver = address(solanaAddress(new Uint8Array(randomBytes(32))));
  if (svm.airdrop(sender, lamports(funding)) instanceof FailedTransactionMetadata) {
    throw new Error('the SVM refused the airdrop');
  }
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (tx) => setTransactionMessageFeePayer(sender, tx),
    (tx) => svm.setTransactionMessageLifetimeUsingLatestBlockhash(tx),
    (tx) =>
      appendTransactionMessageInstruction(
        getTransferSolInstruction({
          source: createNoopSigner(sender),
          destination: receiver,
          amount: lamports(amount),
        }),
        tx,
      ),
  );
  const unsigned = compileTransaction(message);
  const signature = await sign({ kind: 'message', message: new Uint8Array(unsigned.messageBytes) });
  const signed: Transaction = { ...unsigned, signatures: { [sender]: signatureBytes(signature) } };
  const result = svm.sendTransaction(signed);
  if (result instanceof FailedTransactionMetadata) {
    throw new Error(`the SVM refused the transaction: ${String(result.err())}`);
  }
  const left = svm.getBalance(sender);
  if (svm.getBalance(receiver) !== amount || left === null || left >= funding - amount) {
    throw new Error('the balances after the transfer are not what was signed');
  }
  return {
    chain: 'solana',
    // Solana names a transaction by its first signature.
    txid: base58.encode(signature),
    from: sender,
    to: receiver,
    story: `1 SOL moved, fee ${(funding - amount - left).toString()} lamports`,
    verifiedBy: 'litesvm',
  };
}
