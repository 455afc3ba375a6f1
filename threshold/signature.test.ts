import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combined, ecdsaSetting, signWhole } from '../test/threshold/ecdsa.ts';
import { dealKey, runSign } from '../test/threshold/run.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { ecdsaSchemes, frostSchemes } from '../wire/ids.ts';
import type { Signable } from '../wire/messages/request.ts';
import { deriveKey, digestOf, publicKeyOf, signingPublicKeyOf, verifySignable } from './index.ts';

const message = new TextEncoder().encode('a transaction');
const digest = digestOf('sha256', message);
const refused = (error: unknown): boolean => isSymbolonError(error, 'threshold/bad-parameters');

for (const scheme of frostSchemes) {
  test(`${scheme}: a signature holds for what was signed, under its path and tweak, and for nothing else`, () => {
    const shares = dealKey({ scheme, threshold: 2, participants: [1, 2, 3], seed: 'signable' });
    const [one, two] = [...shares.values()];
    assert.ok(one !== undefined && two !== undefined);
    const path = [5];
    const { signature } = runSign([one, two], digest, 'none', 'signable', path);
    const payload: Signable = { kind: 'frost', message: digest, tweak: 'none' };
    const opts = { public: one.public, path, payload };
    assert.ok(verifySignable(opts, signature));
    assert.deepEqual(signingPublicKeyOf(one.public, path, payload), publicKeyOf(one.public, 'none', path));
    assert.equal(verifySignable({ ...opts, path: [] }, signature), false);
    assert.equal(verifySignable({ ...opts, payload: { ...payload, message } }, signature), false);
    assert.equal(verifySignable(opts, signature.slice(1)), false);
    if (scheme === 'frost-secp256k1-tr') {
      assert.equal(verifySignable({ ...opts, payload: { ...payload, tweak: 'bip341' } }, signature), false);
    }
  });

  test(`T19: ${scheme}: a Schnorr key has no ECDSA signatures`, () => {
    const one = dealKey({ scheme, threshold: 2, participants: [1, 2], seed: 'kind' }).get(1);
    assert.ok(one !== undefined);
    const payload: Signable = { kind: 'ecdsa', message, hash: 'sha256' };
    assert.throws(() => signingPublicKeyOf(one.public, [], payload), refused);
    assert.throws(
      () => verifySignable({ public: one.public, path: [], payload }, new Uint8Array(64)),
      refused,
    );
  });
}

for (const scheme of ecdsaSchemes) {
  const setting = ecdsaSetting(scheme, 2, [1, 2, 3], 'signable');
  const { public: key } = setting;

  test(`${scheme}: a signature holds for the hash of its message, under its path, and for nothing else`, () => {
    const path = [44, 60];
    for (const [payload, signed] of [
      [{ kind: 'ecdsa', message, hash: 'sha256' }, digest],
      [{ kind: 'ecdsa', message, hash: 'keccak256' }, digestOf('keccak256', message)],
      [{ kind: 'ecdsa', message: digest, hash: 'none' }, digest],
    ] as const) {
      const { signature } = signWhole(setting, { signers: [1, 3], digest: signed, path, seed: payload.hash });
      const opts = { public: key, path, payload };
      assert.ok(verifySignable(opts, signature));
      assert.deepEqual(signingPublicKeyOf(key, path, payload), deriveKey(key, path).publicKey);
      assert.equal(verifySignable({ ...opts, path: [44, 61] }, signature), false);
      const other = payload.hash === 'keccak256' ? 'sha256' : 'keccak256';
      assert.equal(verifySignable({ ...opts, payload: { ...payload, hash: other } }, signature), false);
      assert.equal(verifySignable(opts, new Uint8Array(64)), false);
    }
  });

  test(`T19: ${scheme}: an ECDSA key has no Schnorr signatures, and a digest has 32 bytes`, () => {
    const payload: Signable = { kind: 'frost', message: digest, tweak: 'none' };
    assert.throws(() => signingPublicKeyOf(key, [], payload), refused);
    assert.throws(
      () =>
        verifySignable(
          { public: key, path: [], payload: { kind: 'ecdsa', message, hash: 'none' } },
          new Uint8Array(64),
        ),
      refused,
    );
    assert.throws(() => combined(setting, { digest }, new Map()), refused);
  });
}
