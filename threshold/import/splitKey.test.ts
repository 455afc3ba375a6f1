import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { badPoints, flipped } from '../../test/threshold/dealer.ts';
import { raw } from '../../test/threshold/files.ts';
import { joinedSecret } from '../../test/threshold/joined.ts';
import { runRefresh } from '../../test/threshold/renew.ts';
import { insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import {
  acceptSplitKey,
  checkKeyShare,
  encodeKeyPublic,
  spofEd25519Scalar,
  spofSplitKey,
  splitKey,
  type KeyShare,
} from '../index.ts';
import { groupOf } from '../scheme.ts';

const refused = (error: unknown): boolean => isSymbolonError(error, 'threshold/bad-import');
const noBytes = new Uint8Array();

for (const scheme of schemes) {
  const group = groupOf(scheme);
  const random = insecureSeeded(`split/${scheme}`);
  const secret = group.scalars.random(random);
  const agreed = { scheme, participants: [1, 4, 9], threshold: 2 };
  const groupPublicKey = group.encode(group.baseProduct(secret));
  const dealt = spofSplitKey({ ...agreed, secret }, random);
  const usual = {
    ...agreed,
    session: sessionOf('split'),
    index: 4,
    groupPublicKey,
    broadcast: dealt.broadcast,
    share: dealt.shares.get(4) ?? noBytes,
  };

  test(`${scheme}: a key that existed whole: all holders come to the same key, shares of the secret, and can refresh`, () => {
    const before = secret.slice();
    const accepted = agreed.participants.map((index) =>
      acceptSplitKey({ ...usual, index, share: dealt.shares.get(index) ?? noBytes }),
    );
    assert.deepEqual(secret, before);
    assert.equal(new Set(accepted.map(({ confirmation }) => toHex(confirmation))).size, 1);
    assert.equal(new Set(accepted.map(({ share }) => toHex(encodeKeyPublic(share.public)))).size, 1);
    const shares = new Map<number, KeyShare>(accepted.map(({ share }) => [share.index, share]));
    for (const share of shares.values()) {
      checkKeyShare(share);
      assert.deepEqual(share.public.groupPublicKey, groupPublicKey);
    }
    const whole = group.decodeScalar(secret);
    assert.equal(joinedSecret([...shares.values()].slice(1)), whole);
    assert.notEqual(joinedSecret([...shares.values()].slice(2)), whole);
    assert.equal(joinedSecret([...runRefresh(shares, 'after').next.values()]), whole);
  });

  test(`${scheme}: a chain code is the given one, or a random one`, () => {
    const chainCode = new Uint8Array(32).fill(3);
    const given = spofSplitKey({ ...agreed, secret, chainCode }, random);
    assert.deepEqual(splitKey.decode(given.broadcast).chainCode, chainCode);
    assert.notDeepEqual(splitKey.decode(dealt.broadcast).chainCode, chainCode);
  });

  const told = splitKey.decode(dealt.broadcast);
  const encoded = (change: object): Uint8Array => splitKey.encode({ ...told, ...change });
  const another = group.encode(group.baseProduct(group.scalars.random(random)));
  const wrong: readonly (readonly [string, object])[] = [
    ['I2: a share with one bit changed', { share: flipped(usual.share, 130) }],
    ['I2: the share of another holder', { share: dealt.shares.get(1) }],
    ['I2: a share of zero', { share: new Uint8Array(32) }],
    ['I2: a share of the order', { share: group.encodeScalar(group.order) }],
    ['I2: a short share', { share: usual.share.slice(1) }],
    ['T41: another public key than the owner says', { groupPublicKey: another }],
    ['T41: another constant term', { broadcast: encoded({ coefficients: [another, told.coefficients[1]] }) }],
    ['I2: another coefficient', { broadcast: encoded({ coefficients: [told.coefficients[0], another] }) }],
    [
      'T17: I1: a coefficient too many',
      { broadcast: encoded({ coefficients: [...told.coefficients, another] }) },
    ],
    ['I1: another threshold', { threshold: 3 }],
    ['I1: other holders', { broadcast: encoded({ participants: [1, 4, 10] }) }],
    [
      'I1: another scheme',
      {
        broadcast: encoded({
          scheme: scheme === 'dkls23-secp256k1' ? 'frost-secp256k1-tr' : 'dkls23-secp256k1',
        }),
      },
    ],
    ...badPoints(scheme)
      .filter(([, point]) => point.length >= 32)
      .map(
        ([what, point]) =>
          [
            `T17: I1: a coefficient that is ${what}`,
            { broadcast: encoded({ coefficients: [told.coefficients[0], point] }) },
          ] as const,
      ),
  ];
  for (const [what, change] of wrong) {
    test(`${scheme}: a holder of a split key refuses ${what}`, () => {
      assert.throws(() => acceptSplitKey({ ...usual, ...change }), refused);
    });
  }
  test(`${scheme}: a holder of a split key refuses malformed bytes and wrong parameters`, () => {
    for (let length = 0; length < dealt.broadcast.length; length += 11) {
      assert.throws(
        () => acceptSplitKey({ ...usual, broadcast: dealt.broadcast.slice(0, length) }),
        (error) => isSymbolonError(error) && error.code.startsWith('wire/'),
      );
    }
    for (const change of [
      { index: 3 },
      { session: new Uint8Array(31) },
      { participants: [4] },
      { threshold: 4 },
    ]) {
      assert.throws(
        () => acceptSplitKey({ ...usual, ...change }),
        (error) => isSymbolonError(error, 'threshold/bad-parameters'),
      );
    }
  });
  test(`T16: ${scheme}: two broadcasts to two holders show in the confirmations`, () => {
    const other = acceptSplitKey({ ...usual, broadcast: encoded({ chainCode: new Uint8Array(32) }) });
    assert.notDeepEqual(other.confirmation, acceptSplitKey(usual).confirmation);
    const session = acceptSplitKey({ ...usual, session: sessionOf('other') });
    assert.notDeepEqual(session.confirmation, acceptSplitKey(usual).confirmation);
  });
  test(`${scheme}: a secret that is zero or not below the order is not split`, () => {
    for (const bad of [new Uint8Array(32), group.encodeScalar(group.order), secret.slice(1)]) {
      assert.throws(() => spofSplitKey({ ...agreed, secret: bad }, random), refused);
    }
  });
}

test('RFC 8032 section 7.1: the scalar of an Ed25519 seed has the public key of the seed', () => {
  const group = groupOf('frost-ed25519');
  for (const [seed, publicKey] of [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    ],
  ] as const) {
    assert.equal(toHex(group.encode(group.baseProduct(spofEd25519Scalar(raw(seed))))), publicKey);
  }
});

test('the scalar of any Ed25519 seed has the public key that OpenSSL and noble give it', () => {
  const group = groupOf('frost-ed25519');
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
      const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
      const ours = group.encode(group.baseProduct(spofEd25519Scalar(seed)));
      assert.equal(Buffer.from(ours).toString('base64url'), x);
      assert.deepEqual(ours, ed25519.getPublicKey(seed));
    }),
    { numRuns: 20, seed: 6 },
  );
  assert.throws(() => spofEd25519Scalar(new Uint8Array(31)), refused);
});
