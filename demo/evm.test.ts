import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { addr, Transaction } from 'micro-eth-signer';
import { evmAddress, evmTransfer, executeTransfer } from './evm.ts';
import type { DemoSigner } from './transaction.ts';

const signer =
  (secretKey: Uint8Array, change: (message: Uint8Array) => Uint8Array = (message) => message): DemoSigner =>
  (payload) => {
    assert.equal(payload.kind, 'ecdsa-keccak256');
    return Promise.resolve(
      secp256k1.sign(keccak_256(change(payload.message)), secretKey, { prehash: false, lowS: true }),
    );
  };

test('an EIP-1559 transfer signed over the hash of its unsigned bytes is executed by the second library', async () => {
  const { secretKey, publicKey } = secp256k1.keygen(new Uint8Array(randomBytes(48)));
  const done = await evmTransfer(publicKey, signer(secretKey));
  assert.equal(done.from, evmAddress(publicKey));
  assert.equal(addr.isValid(done.from), true);
  assert.match(done.txid, /^0x[0-9a-f]{64}$/);
});

test('a signature over other bytes recovers another sender and is refused', async () => {
  const { secretKey, publicKey } = secp256k1.keygen(new Uint8Array(randomBytes(48)));
  const other = signer(secretKey, (message) => Uint8Array.of(...message, 0));
  await assert.rejects(evmTransfer(publicKey, other), /not one of 0x/);
});

test('the EVM refuses a transfer of somebody who has no funds there', async () => {
  const [poor, rich] = [0, 1].map(() => secp256k1.keygen(new Uint8Array(randomBytes(48))));
  assert.ok(poor !== undefined && rich !== undefined);
  const to = evmAddress(rich.publicKey);
  const tx = Transaction.prepare({
    chainId: 1n,
    nonce: 0n,
    to,
    value: 1n,
    maxFeePerGas: 10n ** 10n,
    gasLimit: 21_000n,
  }).signBy(poor.secretKey);
  await assert.rejects(executeTransfer(tx.toBytes(), { from: to, to }), /the EVM recovers/);
});
