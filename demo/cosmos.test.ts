import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { cosmosAddress, cosmosTransfer } from './cosmos.ts';
import type { DemoSigner } from './transaction.ts';

const signer =
  (
    secretKey: Uint8Array,
    lowS = true,
    change: (message: Uint8Array) => Uint8Array = (one) => one,
  ): DemoSigner =>
  (payload) => {
    assert.equal(payload.kind, 'ecdsa-sha256');
    const digest = createHash('sha256').update(change(payload.message)).digest();
    const signature = secp256k1.sign(digest, secretKey, { prehash: false, lowS: true });
    const n = secp256k1.Point.Fn;
    const high = n.toBytes(n.neg(n.fromBytes(signature.subarray(32))));
    return Promise.resolve(lowS ? signature : Uint8Array.of(...signature.subarray(0, 32), ...high));
  };

test('a transfer signed over the hash of its sign doc is verified by the second library', async () => {
  const { secretKey, publicKey } = secp256k1.keygen(new Uint8Array(randomBytes(48)));
  const done = await cosmosTransfer(publicKey, signer(secretKey));
  assert.equal(done.from, cosmosAddress(publicKey));
  assert.match(done.from, /^cosmos1[a-z0-9]{38}$/);
  assert.match(done.txid, /^[0-9A-F]{64}$/);
});

test('an address is the known one of a known key', () => {
  // The public key of the secret key 1, whose HASH160 is 751e76e8199196d454941c45d1b3a323f1433bd6 (BIP173 test vectors).
  const key = secp256k1.Point.BASE.toBytes(true);
  assert.equal(cosmosAddress(key), 'cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c');
});

test('a signature over another sign doc is refused by the second library', async () => {
  const { secretKey, publicKey } = secp256k1.keygen(new Uint8Array(randomBytes(48)));
  const other = signer(secretKey, true, (message) => Uint8Array.of(...message, 0));
  await assert.rejects(cosmosTransfer(publicKey, other), /refuses the signature/);
});

test('a signature with high s is refused by the second library (T40)', async () => {
  const { secretKey, publicKey } = secp256k1.keygen(new Uint8Array(randomBytes(48)));
  await assert.rejects(cosmosTransfer(publicKey, signer(secretKey, false)), /refuses the signature/);
});
