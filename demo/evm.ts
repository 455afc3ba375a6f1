/**
 * An EIP-1559 transfer whose only signature comes from outside: the unsigned transaction is built with micro-eth-signer,
 * the ECDSA signature is asked for over its Keccak-256 hash, and an in-process EVM of another library parses the signed
 * bytes, recovers the sender and executes them as a node would.
 */
import { randomBytes } from 'node:crypto';
import { Common, Hardfork, Mainnet } from '@ethereumjs/common';
import { createTxFromRLP } from '@ethereumjs/tx';
import { createAccount, createAddressFromString, type Address } from '@ethereumjs/util';
import { createVM, runTx, type VM } from '@ethereumjs/vm';
import { addr, Transaction } from 'micro-eth-signer';
import { toHex } from '../wire/ids.ts';
import type { DemoSigner, DemoTransaction } from './transaction.ts';

/** Amounts in wei: what the sender has before, and what is sent. */
const amounts = { funding: 2_000_000_000_000_000_000n, payment: 1_000_000_000_000_000_000n };
/** Fees in wei for each unit of gas, and the gas of a plain transfer (yellow paper, G_transaction). */
const fees = { max: 30_000_000_000n, priority: 1_000_000_000n, gas: 21_000n };

/** The checksummed EVM address (EIP-55) of a compressed secp256k1 public key, 33 bytes. */
export const evmAddress = (publicKey: Uint8Array): string => addr.fromPublicKey(publicKey);

/**
 * Builds a transfer from the address of `publicKey` (33 bytes), has it signed, and executes it.
 * @throws Error where the EVM recovers another sender, refuses the transaction, or ends with other balances.
 */
export async function evmTransfer(publicKey: Uint8Array, sign: DemoSigner): Promise<DemoTransaction> {
  const from = evmAddress(publicKey);
  const to = addr.addChecksum(`0x${toHex(new Uint8Array(randomBytes(20)))}`);
  const unsigned = unsignedTransfer(to);
  // EIP-1559: what is hashed and signed is 0x02 and the RLP list without a signature.
  const signature = await sign({
    kind: 'ecdsa-keccak256',
    message: unsigned.toBytes({ includeSignature: false }),
  });
  const signed = withSignature(unsigned, signature, from);
  return executeTransfer(signed.toBytes(), { from, to });
}

const unsignedTransfer = (to: string) =>
  Transaction.prepare({
    chainId: BigInt(Mainnet.chainId),
    nonce: 0n,
    to,
    value: amounts.payment,
    maxFeePerGas: fees.max,
    maxPriorityFeePerGas: fees.priority,
    gasLimit: fees.gas,
  });
type Transfer = ReturnType<typeof unsignedTransfer>;

const integer = (raw: Uint8Array): bigint => BigInt(`0x${toHex(raw)}`);

/** The parity of R is not in the 64 bytes: it is the one under which the sender is recovered. */
function withSignature({ type, raw }: Transfer, signature: Uint8Array, from: string): Transfer {
  const [r, s] = [integer(signature.subarray(0, 32)), integer(signature.subarray(32))];
  for (const yParity of [0, 1]) {
    const signed = new Transaction(type, { ...raw, r, s, yParity });
    if (signed.recoverSender().address === from) {
      return signed;
    }
  }
  throw new Error(`the signature is not one of ${from}`);
}

async function balanceOf(vm: VM, address: Address): Promise<bigint> {
  return (await vm.stateManager.getAccount(address))?.balance ?? 0n;
}

/**
 * Executes a signed transfer in a fresh EVM in which `from` has the funds.
 * @throws Error where sender, nonce or balances are not what they should be.
 */
export async function executeTransfer(
  raw: Uint8Array,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<DemoTransaction> {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun });
  const vm = await createVM({ common });
  const [sender, receiver] = [createAddressFromString(from), createAddressFromString(to)];
  await vm.stateManager.putAccount(sender, createAccount({ balance: amounts.funding, nonce: 0n }));
  const tx = createTxFromRLP(raw, { common });
  if (!tx.getSenderAddress().equals(sender)) {
    throw new Error(`the EVM recovers ${tx.getSenderAddress().toString()}, not ${from}`);
  }
  const { execResult, amountSpent } = await runTx(vm, { tx });
  if (execResult.exceptionError !== undefined) {
    throw new Error(`the EVM refused the transaction: ${execResult.exceptionError.error}`);
  }
  const account = await vm.stateManager.getAccount(sender);
  const left = amounts.funding - amounts.payment - amountSpent;
  if (account?.nonce !== 1n || account.balance !== left) {
    throw new Error('nonce or balance of the sender after the transfer are not what was signed');
  }
  if ((await balanceOf(vm, receiver)) !== amounts.payment) {
    throw new Error('the balance of the receiver after the transfer is not what was signed');
  }
  return {
    chain: 'evm',
    txid: `0x${toHex(tx.hash())}`,
    from,
    to,
    story: `1 ether moved, nonce 0 to 1, fee ${amountSpent.toString()} wei`,
    verifiedBy: '@ethereumjs/vm',
  };
}
