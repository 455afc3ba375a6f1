import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw, readJson } from '../../test/threshold/files.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from '../group/ed25519.ts';
import { aggregate, checkKeyShare, commit, frostCommitment, signShare } from '../index.ts';
import type { KeyPublic, KeyShare } from '../index.ts';
import { openSession } from './session.ts';

interface Vectors {
  readonly threshold: number;
  readonly signers: readonly number[];
  readonly message: string;
  readonly groupPublicKey: string;
  readonly shares: Readonly<Record<string, string>>;
  readonly roundOne: Readonly<
    Record<
      string,
      Readonly<
        Record<
          | 'hidingRandomness'
          | 'bindingRandomness'
          | 'hidingCommitment'
          | 'bindingCommitment'
          | 'bindingFactor',
          string
        >
      >
    >
  >;
  readonly roundTwo: Readonly<Record<string, string>>;
  readonly signature: string;
}

test('RFC 9591 E.1: FROST(Ed25519, SHA-512), every value on the way', () => {
  const vectors = readJson('test/vectors/frost-rfc9591-ed25519.json') as Vectors;
  const participants = Object.keys(vectors.shares).map(Number);
  const secretOf = (party: number): Uint8Array => raw(vectors.shares[String(party)] ?? '');
  const key: KeyPublic = {
    scheme: 'frost-ed25519',
    threshold: vectors.threshold,
    participants,
    generation: 1,
    groupPublicKey: raw(vectors.groupPublicKey),
    verifyingShares: new Map(
      participants.map((party) => [party, ed25519Group.encode(ed25519Group.baseProduct(secretOf(party)))]),
    ),
    chainCode: new Uint8Array(32),
  };
  const message = raw(vectors.message);
  const first = vectors.signers.map((index) => {
    const share: KeyShare = { public: key, index, secret: secretOf(index) };
    checkKeyShare(share);
    const wanted = vectors.roundOne[String(index)];
    assert.ok(wanted !== undefined);
    const queue = [raw(wanted.hidingRandomness), raw(wanted.bindingRandomness)];
    const { nonces, commitment } = commit({ share, random: () => queue.shift() ?? new Uint8Array() });
    const decoded = frostCommitment.decode(commitment);
    assert.equal(toHex(decoded.hiding), wanted.hidingCommitment);
    assert.equal(toHex(decoded.binding), wanted.bindingCommitment);
    return { share, nonces, commitment };
  });
  const commitments = new Map(first.map(({ share, commitment }) => [share.index, commitment]));
  for (const { party, bindingFactor } of openSession(key, { commitments, message, tweak: 'none', path: [] })
    .signers) {
    assert.equal(
      toHex(ed25519Group.encodeScalar(bindingFactor)),
      vectors.roundOne[String(party)]?.bindingFactor,
    );
  }
  const shares = new Map(
    first.map(({ share, nonces }) => {
      const made = signShare({ share, nonces, commitments, message, tweak: 'none', path: [] });
      assert.equal(toHex(made), vectors.roundTwo[String(share.index)]);
      return [share.index, made];
    }),
  );
  assert.equal(
    toHex(aggregate({ public: key, commitments, shares, message, tweak: 'none', path: [] })),
    vectors.signature,
  );
});
