import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { solanaAddress, solanaTransfer } from './solana.ts';

const localKey = () => {
  const pair = generateKeyPairSync('ed25519');
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  return { publicKey: new Uint8Array(spki.subarray(-32)), privateKey: pair.privateKey };
};

test('a transfer signed over the message bytes is executed by the SVM', async () => {
  const { publicKey, privateKey } = localKey();
  const done = await solanaTransfer(publicKey, (payload) => {
    assert.equal(payload.kind, 'message');
    return Promise.resolve(new Uint8Array(sign(null, payload.message, privateKey)));
  });
  assert.equal(done.from, solanaAddress(publicKey));
  assert.match(done.txid, /^[1-9A-HJ-NP-Za-km-z]{86,88}$/);
  assert.match(done.story, /fee 5000 lamports/);
});

test('a signature of another key is refused by the SVM', async () => {
  const { publicKey } = localKey();
  const other = localKey();
  await assert.rejects(
    solanaTransfer(publicKey, (payload) => {
      assert.equal(payload.kind, 'message');
      return Promise.resolve(new Uint8Array(sign(null, payload.message, other.privateKey)));
    }),
    /the SVM refused the transaction/,
  );
});

test('a signature over a changed message is refused by the SVM', async () => {
  const { publicKey, privateKey } = localKey();
  await assert.rejects(
    solanaTransfer(publicKey, (payload) => {
      assert.equal(payload.kind, 'message');
      const changed = Uint8Array.from(payload.message);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      return Promise.resolve(new Uint8Array(sign(null, changed, privateKey)));
    }),
    /the SVM refused the transaction/,
  );
});
