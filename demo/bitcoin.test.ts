import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bitcoinAddress, bitcoinSpend, scriptOf, verifyTaprootSpend } from './bitcoin.ts';

/** BIP341, "Constructing and spending Taproot outputs": the secret key tweaked for a spend without script tree. */
function tweakedSecret(secret: Uint8Array): Uint8Array {
  const n = secp256k1.Point.Fn;
  const hash = schnorr.utils.taggedHash('TapTweak', schnorr.getPublicKey(secret));
  const tweak = n.create(BigInt(`0x${Buffer.from(hash).toString('hex')}`));
  const d = n.fromBytes(secret);
  return n.toBytes(n.add(secp256k1.getPublicKey(secret)[0] === 2 ? d : n.neg(d), tweak));
}
const localKey = () => {
  const { secretKey } = schnorr.keygen(new Uint8Array(randomBytes(48)));
  return { publicKey: secp256k1.getPublicKey(secretKey), secret: tweakedSecret(secretKey) };
};

test('a key-path spend signed under the tweaked key is verified by the second library', async () => {
  const { publicKey, secret } = localKey();
  const done = await bitcoinSpend(publicKey, (payload) => {
    assert.equal(payload.kind, 'bip341-key-spend');
    return Promise.resolve(schnorr.sign(payload.digest, secret));
  });
  assert.equal(done.from, bitcoinAddress(publicKey));
  assert.match(done.from, /^bcrt1p/);
  assert.match(done.txid, /^[0-9a-f]{64}$/);
});

test('a compressed and an x-only group key give one address', () => {
  const { publicKey } = localKey();
  assert.equal(bitcoinAddress(publicKey), bitcoinAddress(publicKey.slice(1)));
  assert.equal(scriptOf(bitcoinAddress(publicKey)).length, 34);
});

test('a signature under the untweaked key is refused by the second library', async () => {
  const { secretKey } = schnorr.keygen(new Uint8Array(randomBytes(48)));
  await assert.rejects(
    bitcoinSpend(secp256k1.getPublicKey(secretKey), (payload) => {
      assert.equal(payload.kind, 'bip341-key-spend');
      return Promise.resolve(schnorr.sign(payload.digest, secretKey));
    }),
    /the second library refuses the signature/,
  );
});

test('bytes that are no transaction are refused', () => {
  assert.throws(() => verifyTaprootSpend(new Uint8Array(10), new Uint8Array(34), 1n));
});
