import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dealKey, indices } from '../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../wire/errors/index.ts';
import { schemes } from '../wire/ids.ts';
import {
  checkKeyShare,
  decodeKeyPublic,
  encodeKeyPublic,
  keyPublicBytes,
  wipeKeyShare,
  type KeyShare,
} from './index.ts';
import { groupOf } from './scheme.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);

for (const scheme of schemes) {
  const shares = dealKey({ scheme, threshold: 2, participants: [1, 2, 5], seed: `share/${scheme}` });
  const share = shares.get(5);
  assert.ok(share !== undefined);
  const key = share.public;

  test(`${scheme}: public data goes round`, () => {
    const raw = encodeKeyPublic(key);
    assert.deepEqual(decodeKeyPublic(raw), key);
    assert.deepEqual(encodeKeyPublic(decodeKeyPublic(raw)), raw);
  });

  const wrong: readonly (readonly [string, object])[] = [
    ['T17: index 0', { participants: [0, 1, 2] }],
    ['T17: an index twice', { participants: [1, 1, 2] }],
    ['indices not rising', { participants: [2, 1, 5] }],
    [
      'fewer verifying shares than participants',
      { verifyingShares: [key.groupPublicKey, key.groupPublicKey] },
    ],
    ['a threshold above n', { threshold: 4 }],
    ['threshold 1', { threshold: 1 }],
    ['generation 0', { generation: 0 }],
    ['a key of the other size', { groupPublicKey: new Uint8Array(key.groupPublicKey.length ^ 1) }],
    ['a short chain code', { chainCode: new Uint8Array(31) }],
    ['another version', { v: 2 }],
    ['another scheme', { scheme: 'frost-p256' }],
    ['an unknown field', { more: 1 }],
    ['no chain code', { chainCode: undefined }],
  ];
  for (const [what, change] of wrong) {
    test(`${scheme}: malformed public data: ${what}`, () => {
      const { v, ...rest } = keyPublicBytes.decode(encodeKeyPublic(key));
      const raw = keyPublicBytes.encode({ v, ...rest, ...change });
      assert.throws(
        () => decodeKeyPublic(raw),
        (error) =>
          isSymbolonError(error, 'wire/unexpected-shape') ||
          isSymbolonError(error, 'threshold/bad-parameters'),
      );
    });
  }

  test(`${scheme}: malformed public data: truncated anywhere, a byte more, above the cap`, () => {
    const raw = encodeKeyPublic(key);
    for (let length = 0; length < raw.length; length += 7) {
      assert.throws(() => decodeKeyPublic(raw.slice(0, length)), refusedWith('wire/malformed-cbor'));
    }
    assert.throws(() => decodeKeyPublic(Uint8Array.of(...raw, 0)), refusedWith('wire/malformed-cbor'));
    assert.throws(() => decodeKeyPublic(new Uint8Array(2_049)), refusedWith('wire/oversize'));
  });

  test(`${scheme}: inconsistent public data is not encoded`, () => {
    const verifyingShares = new Map([...key.verifyingShares].slice(1));
    assert.throws(
      () => encodeKeyPublic({ ...key, verifyingShares }),
      refusedWith('threshold/bad-parameters'),
    );
    assert.throws(
      () => encodeKeyPublic({ ...key, participants: [1, 2, 6] }),
      refusedWith('threshold/bad-parameters'),
    );
  });

  test(`T29: ${scheme}: a share is held against its verifying share`, () => {
    const group = groupOf(scheme);
    checkKeyShare(share);
    const secrets = [
      new Uint8Array(32),
      group.encodeScalar(1n),
      group.encodeScalar(group.order),
      share.secret.slice(1),
      shares.get(1)?.secret ?? new Uint8Array(),
    ];
    const damaged: KeyShare[] = [
      ...secrets.map((secret) => ({ ...share, secret })),
      { ...share, index: 1 },
      { ...share, index: 3 },
    ];
    for (const one of damaged) {
      assert.throws(() => {
        checkKeyShare(one);
      }, refusedWith('threshold/share-mismatch'));
    }
  });

  test(`${scheme}: a wiped share holds zeros`, () => {
    const copy = { ...share, secret: share.secret.slice() };
    wipeKeyShare(copy);
    assert.deepEqual(copy.secret, new Uint8Array(32));
  });
}

test('public data for 32 participants is within its cap', () => {
  const shares = dealKey({
    scheme: 'frost-secp256k1-tr',
    threshold: 2,
    participants: indices(3),
    seed: 'wide',
  });
  const key = shares.get(1)?.public;
  assert.ok(key !== undefined);
  const wide = {
    ...key,
    participants: indices(32),
    verifyingShares: new Map(indices(32).map((index) => [index, key.groupPublicKey])),
  };
  assert.deepEqual(decodeKeyPublic(encodeKeyPublic(wide)), wide);
});
