/** The FROST of noble as the oracle: keys and messages go both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FROST, FrostPublic, FrostSecret, NonceCommitments } from '@noble/curves/abstract/frost.js';
import { ed25519, ed25519_FROST as nobleEd25519 } from '@noble/curves/ed25519.js';
import { __TEST as nobleTaproot, schnorr, schnorr_FROST as nobleSchnorr } from '@noble/curves/secp256k1.js';
import { dealKey, indices, insecureSeeded, runDkg } from '../../test/threshold/run.ts';
import type { FrostScheme } from '../../wire/ids.ts';
import {
  aggregate,
  checkKeyShare,
  commit,
  frostCommitment,
  publicKeyOf,
  signShare,
  verifySignature,
} from '../index.ts';
import type { KeyPublic, KeyShare, Tweak } from '../index.ts';

const message = new Uint8Array(32).map((_, i) => i);

interface Setting {
  readonly scheme: FrostScheme;
  readonly frost: FROST;
  readonly tweak: Tweak;
}
const settings: readonly Setting[] = [
  { scheme: 'frost-ed25519', frost: nobleEd25519, tweak: 'none' },
  { scheme: 'frost-secp256k1-tr', frost: nobleSchnorr, tweak: 'none' },
  { scheme: 'frost-secp256k1-tr', frost: nobleSchnorr, tweak: 'bip341' },
];

const fromNoble = (
  { frost, scheme }: Setting,
  pub: FrostPublic,
  secrets: ReadonlyMap<number, FrostSecret>,
): KeyShare[] => {
  const participants = indices(pub.signers.max);
  const key: KeyPublic = {
    scheme,
    threshold: pub.signers.min,
    participants,
    generation: 1,
    groupPublicKey: pub.commitments[0] ?? new Uint8Array(),
    verifyingShares: new Map(
      participants.map((index) => [
        index,
        pub.verifyingShares[frost.Identifier.fromNumber(index)] ?? new Uint8Array(),
      ]),
    ),
    chainCode: new Uint8Array(32),
  };
  return [...secrets].map(([index, { signingShare }]) => ({ public: key, index, secret: signingShare }));
};

/** noble's types ask for bytes over a buffer of their own. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

const toNoble = ({ frost }: Setting, share: KeyShare): { pub: FrostPublic; secret: FrostSecret } => ({
  pub: {
    signers: { min: share.public.threshold, max: share.public.participants.length },
    commitments: [own(share.public.groupPublicKey)],
    verifyingShares: Object.fromEntries(
      [...share.public.verifyingShares].map(([index, point]) => [
        frost.Identifier.fromNumber(index),
        own(point),
      ]),
    ),
  },
  secret: { identifier: frost.Identifier.fromNumber(share.index), signingShare: own(share.secret) },
});

const tweakedForNoble = (setting: Setting, share: KeyShare): { pub: FrostPublic; secret: FrostSecret } => {
  const { pub, secret } = toNoble(setting, share);
  return setting.tweak === 'none'
    ? { pub, secret }
    : {
        pub: nobleTaproot.frostTweakPublic(pub, new Uint8Array()),
        secret: nobleTaproot.frostTweakSecret(secret, pub, new Uint8Array()),
      };
};

const nobleCommitment = ({ frost }: Setting, index: number, bytes: Uint8Array): NonceCommitments => {
  const { hiding, binding } = frostCommitment.decode(bytes);
  return { identifier: frost.Identifier.fromNumber(index), hiding: own(hiding), binding: own(binding) };
};

/** The first signer is ours, the second is noble; both aggregate, and must agree. */
function signTogether(setting: Setting, ours: KeyShare, theirs: KeyShare, seed: string): Uint8Array {
  const { frost, scheme, tweak } = setting;
  const foreign = tweakedForNoble(setting, theirs);
  const mine = commit({ share: ours, random: insecureSeeded(seed) });
  const other = frost.commit(foreign.secret);
  const commitments = new Map([
    [ours.index, mine.commitment],
    [
      theirs.index,
      frostCommitment.encode({
        v: 1,
        generation: 1,
        hiding: other.commitments.hiding,
        binding: other.commitments.binding,
      }),
    ],
  ]);
  const list = [nobleCommitment(setting, ours.index, mine.commitment), other.commitments];
  const shares = new Map([
    [ours.index, signShare({ share: ours, nonces: mine.nonces, commitments, message, tweak, path: [] })],
    [theirs.index, frost.signShare(foreign.secret, foreign.pub, other.nonces, list, message)],
  ]);
  const signature = aggregate({ public: ours.public, commitments, shares, message, tweak, path: [] });
  const byNoble = frost.aggregate(
    foreign.pub,
    list,
    message,
    Object.fromEntries([...shares].map(([index, share]) => [frost.Identifier.fromNumber(index), share])),
  );
  assert.deepEqual(signature, byNoble);
  const publicKey = publicKeyOf(ours.public, tweak);
  assert.ok(verifySignature(scheme, publicKey, message, signature));
  assert.ok(
    scheme === 'frost-ed25519'
      ? ed25519.verify(signature, message, publicKey)
      : schnorr.verify(signature, message, publicKey),
  );
  return signature;
}

for (const setting of settings) {
  const { frost, scheme, tweak } = setting;

  test(`given shares of noble's dealer, when we and noble sign, then both see one signature (${scheme}, ${tweak})`, () => {
    // Several keys, so that both parities of the joint key, of the output key and of R come up.
    for (let i = 0; i < (scheme === 'frost-ed25519' ? 1 : 4); i += 1) {
      const random = insecureSeeded(`dealer/${i}`);
      const deal = frost.trustedDealer({ min: 2, max: 3 }, undefined, undefined, (length = 32) =>
        own(random(length)),
      );
      const secrets = new Map(
        Object.values(deal.secretShares).map((secret) => [
          indices(3).find((index) => frost.Identifier.fromNumber(index) === secret.identifier) ?? 0,
          secret,
        ]),
      );
      const [one, , three] = fromNoble(setting, deal.public, secrets);
      assert.ok(one !== undefined && three !== undefined);
      checkKeyShare(one);
      signTogether(setting, one, three, `dealer/${i}`);
      signTogether(setting, three, one, `dealer/${i}/swapped`);
    }
  });

  test(`given our key generation, when we and noble sign, then both see one signature (${scheme}, ${tweak})`, () => {
    for (let i = 0; i < (scheme === 'frost-ed25519' ? 1 : 4); i += 1) {
      const { shares } = runDkg({ scheme, threshold: 2, participants: indices(3), seed: `ours/${i}` });
      const one = shares.get(1);
      const two = shares.get(2);
      assert.ok(one !== undefined && two !== undefined);
      signTogether(setting, one, two, `ours/${i}`);
    }
  });
}

test("given noble's key generation with its taproot tweak, when we sign without one, then the signature verifies", () => {
  const frost = nobleSchnorr;
  const signers = { min: 2, max: 3 };
  const ids = indices(3).map((index) => frost.Identifier.fromNumber(index));
  const first = ids.map((id) => frost.DKG.round1(id, signers));
  const publics = first.map((one) => one.public);
  const others = (i: number): typeof publics => publics.filter((_, j) => j !== i);
  const second = first.map((one, i) => frost.DKG.round2(one.secret, others(i)));
  const keys = first.map((one, i) =>
    frost.DKG.round3(
      one.secret,
      others(i),
      second.flatMap((all) => {
        const share = all[ids[i] ?? ''];
        return share === undefined ? [] : [share];
      }),
    ),
  );
  const [key] = keys;
  assert.ok(key !== undefined);
  const setting: Setting = { scheme: 'frost-secp256k1-tr', frost, tweak: 'none' };
  const shares = fromNoble(setting, key.public, new Map(keys.map((one, i) => [i + 1, one.secret])));
  const [one, two] = shares;
  assert.ok(one !== undefined && two !== undefined);
  checkKeyShare(one);
  signTogether(setting, one, two, 'noble dkg');
});

test('the BIP341 output key is the one that noble forms', () => {
  for (let i = 0; i < 6; i += 1) {
    const shares = dealKey({
      scheme: 'frost-secp256k1-tr',
      threshold: 2,
      participants: [1, 2],
      seed: `output/${i}`,
    });
    const share = shares.get(1);
    assert.ok(share !== undefined);
    const internal = publicKeyOf(share.public, 'none');
    const { lift_x: liftX, taggedHash } = schnorr.utils;
    const toInteger = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
    const tweak = toInteger(taggedHash('TapTweak', internal));
    const output = liftX(toInteger(internal)).add(schnorr.Point.BASE.multiply(tweak));
    assert.deepEqual(publicKeyOf(share.public, 'bip341'), output.toBytes(true).slice(1));
  }
});
