/**
 * The cofactor of Ed25519 against signing: a signer, or a relay, puts points of small or of mixed order where nonce
 * commitments belong. Nobody answers to them (RFC 9591 section 3.1), so no signature comes out that verifiers with the
 * cofactor take and those without it refuse.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { dealKey, indices, insecureSeeded, runSign } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { aggregate, commit, frostCommitment, publicKeyOf, signShare, verifySignature } from '../index.ts';
import type { KeyShare } from '../index.ts';
import { suiteOf } from '../scheme.ts';

const keys = dealKey({
  scheme: 'frost-ed25519',
  threshold: 2,
  participants: indices(3),
  seed: 'small order',
});
const shareOf = (index: number): KeyShare => {
  const share = keys.get(index);
  assert.ok(share !== undefined);
  return share;
};
const { public: key } = shareOf(1);
const message = new TextEncoder().encode('a transfer that all honest signers approved');

/** A generator of the eight points of small order. */
const eighth = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const eighths = (k: number): typeof eighth =>
  Array.from({ length: k }).reduce<typeof eighth>((sum) => sum.add(eighth), ed25519.Point.ZERO);

/** The commitments of signers 1 and 2, the second changed, and the nonces of the first. */
function begin(change: (fields: ReturnType<typeof frostCommitment.decode>) => object) {
  const own = commit({ share: shareOf(1), random: insecureSeeded('1') });
  const other = commit({ share: shareOf(2), random: insecureSeeded('2') });
  const fields = frostCommitment.decode(other.commitment);
  const commitments = new Map([
    [1, own.commitment],
    [2, frostCommitment.encode({ ...fields, ...change(fields) })],
  ]);
  return { nonces: own.nonces, input: { commitments, message, tweak: 'none' as const, path: [] } };
}

const namesTwo = (error: unknown): boolean =>
  isSymbolonError(error, 'threshold/malformed-message') && error.facts.party === 2;

for (const name of ['hiding', 'binding'] as const) {
  for (const k of [1, 2, 3, 4, 5, 6, 7]) {
    test(`T17: check 16: ${k} eighths added to the ${name} commitment of party 2: it is named, and nobody signs`, () => {
      const { nonces, input } = begin((fields) => ({
        [name]: ed25519.Point.fromBytes(fields[name]).add(eighths(k)).toBytes(),
      }));
      assert.throws(() => signShare({ share: shareOf(1), nonces, ...input }), namesTwo);
      const shares = new Map(indices(2).map((index) => [index, new Uint8Array(32)]));
      assert.throws(() => aggregate({ public: key, shares, ...input }), namesTwo);
    });
  }
  for (const k of [0, 1, 2, 3, 4, 5, 6, 7]) {
    test(`T17: check 16: ${k} eighths as the ${name} commitment of party 2: it is named, and nobody signs`, () => {
      const { nonces, input } = begin(() => ({ [name]: eighths(k).toBytes() }));
      assert.throws(() => signShare({ share: shareOf(1), nonces, ...input }), namesTwo);
    });
  }
}

test('T17: a signature verifies under the key, and under the key plus a point of small order it does not', () => {
  const { signature } = runSign([shareOf(1), shareOf(2)], message, 'none', 'small order');
  const publicKey = publicKeyOf(key, 'none');
  assert.ok(verifySignature('frost-ed25519', publicKey, message, signature));
  for (let k = 1; k < 8; k += 1) {
    const mixed = ed25519.Point.fromBytes(publicKey).add(eighths(k)).toBytes();
    assert.equal(verifySignature('frost-ed25519', mixed, message, signature), false);
  }
});

test('T17: a signature that only verifiers with the cofactor take is none here', () => {
  // Under a key of mixed order the secret's owner can make one: the challenge is picked to be a multiple of eight, or not.
  const secret = 5n;
  const mixed = ed25519.Point.BASE.multiply(secret).add(eighth);
  const publicKey = mixed.toBytes();
  const nonce = 7n;
  const r = ed25519.Point.BASE.multiply(nonce).toBytes();
  const { Fn } = ed25519.Point;
  const { group } = suiteOf('frost-ed25519');
  const challenge = group.hashToScalar(new Uint8Array(), [r, publicKey, message]);
  const signature = Uint8Array.of(...r, ...Fn.toBytes(Fn.create(nonce + challenge * secret)));
  assert.ok(ed25519.verify(signature, message, publicKey, { zip215: true }));
  assert.equal(verifySignature('frost-ed25519', publicKey, message, signature), false);
});
