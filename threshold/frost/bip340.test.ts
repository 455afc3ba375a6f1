/** The vectors of BIP340 and BIP341 against verification, and against signing where they come with a secret key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schnorr } from '@noble/curves/secp256k1.js';
import { raw, readJson } from '../../test/threshold/files.ts';
import { dealKey, indices, runSign } from '../../test/threshold/run.ts';
import { toHex } from '../../wire/ids.ts';
import { publicKeyOf, verifySignature, type KeyShare } from '../index.ts';
import { signingKeyOf } from './signingKey.ts';

interface Vector {
  readonly index: number;
  readonly secretKey?: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
  readonly comment?: string;
}

const scheme = 'frost-secp256k1-tr';
const { vectors } = readJson('test/vectors/bip340.json') as { readonly vectors: readonly Vector[] };
const deal = (secret: string): KeyShare[] => [
  ...dealKey({
    scheme,
    threshold: 2,
    participants: indices(3),
    seed: 'vector',
    secret: raw(secret),
  }).values(),
];

for (const { index, publicKey, message, signature, valid, comment } of vectors) {
  test(`BIP340 vector ${index} ${valid ? 'verifies' : 'is refused'}${comment === undefined ? '' : `: ${comment}`}`, () => {
    assert.equal(verifySignature(scheme, raw(publicKey), raw(message), raw(signature)), valid);
  });
}

test('the keys of BIP340 vectors 0 to 3, dealt to three: their public keys, and signatures that verify', () => {
  const withSecret = vectors.filter(({ secretKey }) => secretKey !== undefined);
  assert.equal(withSecret.length, 4);
  for (const { secretKey, publicKey, message } of withSecret) {
    const [one, two] = deal(secretKey ?? '');
    assert.ok(one !== undefined && two !== undefined);
    assert.equal(toHex(publicKeyOf(one.public, 'none')), publicKey);
    const { signature } = runSign([one, two], raw(message), 'none', publicKey);
    assert.ok(schnorr.verify(signature, raw(message), raw(publicKey)));
  }
});

test('the BIP341 vector of a key path spend, dealt to three: its output key, its secret, and a signature that verifies', () => {
  const vector = readJson('test/vectors/bip341.json') as Readonly<
    Record<'internalPrivkey' | 'internalPubkey' | 'tweakedPrivkey' | 'tweakedPubkey' | 'sigHash', string>
  >;
  const [one, , three] = deal(vector.internalPrivkey);
  assert.ok(one !== undefined && three !== undefined);
  assert.equal(toHex(publicKeyOf(one.public, 'none')), vector.internalPubkey);
  assert.equal(toHex(publicKeyOf(one.public, 'bip341')), vector.tweakedPubkey);
  // The vector's tweaked secret is the one before BIP340 looks at the parity of the output key.
  const { negate, addend } = signingKeyOf(one.public, 'bip341', []);
  const { Fn } = schnorr.Point;
  const secret = Fn.fromBytes(raw(vector.internalPrivkey));
  const tweaked = Fn.create((negate ? -secret : secret) + addend);
  assert.ok([tweaked, Fn.neg(tweaked)].some((one) => toHex(Fn.toBytes(one)) === vector.tweakedPrivkey));
  const { signature } = runSign([one, three], raw(vector.sigHash), 'bip341', 'bip341');
  assert.ok(schnorr.verify(signature, raw(vector.sigHash), raw(vector.tweakedPubkey)));
});
