import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { p256_hasher as nobleP256 } from '@noble/curves/nist.js';
import { secp256k1_hasher as nobleSecp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { raw, readJson } from '../../test/threshold/files.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from './ed25519.ts';
import { integerOf } from './integers.ts';
import { p256Group } from './p256.ts';
import { secp256k1Group } from './secp256k1.ts';

for (const [group, hasher] of [
  [secp256k1Group, nobleSecp256k1],
  [p256Group, nobleP256],
] as const) {
  test(`the ${group.name} hash to a scalar is the one of RFC 9380, as noble has it`, () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        (m, tag) => {
          const wanted = hasher.hashToScalar(m, { DST: tag });
          const parts = [m.subarray(0, 3), m.subarray(3)];
          assert.equal(group.hashToScalar(tag, [m]), wanted);
          assert.equal(group.hashToScalar(tag, parts), wanted);
          assert.equal(group.decodeScalar(group.hashToSecretScalar(tag, parts)), wanted);
        },
      ),
    );
    assert.throws(() => group.hashToScalar(new Uint8Array(), []), TypeError);
    assert.throws(() => group.hashToScalar(new Uint8Array(256), []), TypeError);
  });
}

test('the ed25519 hash to a scalar is SHA-512, little-endian, modulo the order', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 255 }), (m, tag) => {
      const wide = new Uint8Array(createHash('sha512').update(tag).update(m).digest());
      const wanted = integerOf(wide, true) % ed25519Group.order;
      assert.equal(ed25519Group.hashToScalar(tag, [m]), wanted);
      assert.equal(ed25519Group.decodeScalar(ed25519Group.hashToSecretScalar(tag, [m])), wanted);
    }),
  );
});

interface Secp256k1Vectors {
  readonly context: string;
  readonly roundOne: Readonly<
    Record<
      string,
      Readonly<
        Record<
          | 'hidingRandomness'
          | 'bindingRandomness'
          | 'hidingNonce'
          | 'bindingNonce'
          | 'hidingCommitment'
          | 'bindingCommitment'
          | 'bindingFactorInput'
          | 'bindingFactor',
          string
        >
      >
    >
  >;
  readonly shares: Readonly<Record<string, string>>;
}

test('RFC 9591 E.5: nonces, their commitments and binding factors of secp256k1', () => {
  const vectors = readJson('test/vectors/frost-rfc9591-secp256k1.json') as Secp256k1Vectors;
  const tag = (word: string): Uint8Array => new TextEncoder().encode(vectors.context + word);
  for (const [party, one] of Object.entries(vectors.roundOne)) {
    const share = raw(vectors.shares[party] ?? '');
    for (const kind of ['hiding', 'binding'] as const) {
      const nonce = secp256k1Group.hashToSecretScalar(tag('nonce'), [raw(one[`${kind}Randomness`]), share]);
      assert.equal(toHex(nonce), one[`${kind}Nonce`]);
      assert.equal(toHex(secp256k1Group.encode(secp256k1Group.baseProduct(nonce))), one[`${kind}Commitment`]);
    }
    const factor = secp256k1Group.hashToScalar(tag('rho'), [raw(one.bindingFactorInput)]);
    assert.equal(toHex(secp256k1Group.encodeScalar(factor)), one.bindingFactor);
  }
});
