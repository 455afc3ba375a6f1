/**
 * The protocols that the adversary is let loose on, as a table: how to begin one, and what must hold where its honest parties
 * come to an end. A new protocol is a new row.
 */
import assert from 'node:assert/strict';
import {
  aggregate,
  combineEcdsa,
  encodeKeyPublic,
  publicKeyOf,
  repairRun,
  verifyEcdsa,
  verifySignature,
  type KeyPublic,
  type KeyShare,
  type PlanOf,
  type PresignatureParts,
  type Run,
  type RunPlan,
} from '../../../threshold/index.ts';
import { beginRun } from '../../../threshold/beginRun.ts';
import { aliceMultiply, bobBegin, bobFinish } from '../../../threshold/dkls/multiplication.ts';
import { checkKeyShare } from '../../../threshold/keyShare.ts';
import { openPairing } from '../../../threshold/pairing/pairingKeys.ts';
import { groupOf } from '../../../threshold/scheme.ts';
import { equalBytes, toHex, type EcdsaScheme, type FrostScheme, type Scheme } from '../../../wire/ids.ts';
import { ecdsaSetting, onlineRuns, presign, shareOf, type EcdsaSetting } from '../ecdsa.ts';
import { joinedKey } from '../joined.ts';
import { dealKey, insecureSeeded, sessionOf } from '../run.ts';
import type { Played } from './play.ts';

/** A play whose honest parties all came to their end. */
export interface Ended extends Played {
  readonly honest: readonly number[];
  readonly cheater: number;
}

/** A protocol as the adversary meets it. */
export interface Protocol {
  readonly name: string;
  readonly cheater: number;
  /** The runs of all parties in the session of a seed; the same seed makes the same runs. */
  readonly begin: (seed: string) => ReadonlyMap<number, Run>;
  /**
   * What whoever called the runs does next. It refuses with a `SymbolonError` or with {@link Differing}, or all that it holds
   * is right; anything else is an assertion that fails.
   */
  readonly settle: (end: Ended) => void;
  /** The cases in which nobody is named, by their names: what the protocol can not tell. In all others the cheater is. */
  readonly unnamed: RegExp;
  /** One of so many cases is played; every one unless told. The first cases of each field always are. */
  readonly oneOf?: number;
}

/** The callers of honest parties compared what they must find equal, and did not. */
export class Differing extends Error {}

const parties = [1, 2, 3];
const digest = new Uint8Array(32).fill(0x5a);
const path = [1, 2];

const begun = (
  seed: string,
  planOf: (index: number) => RunPlan,
  who: readonly number[] = parties,
): Map<number, Run> =>
  new Map(who.map((index) => [index, beginRun(planOf(index), insecureSeeded(`${seed}/${index}`))]));

/** T16: every honest party has the confirmation of all, and each is what it says itself; broadcasts of the last round. */
function confirmed(end: Ended, round: number): void {
  const [one = 0] = end.honest;
  const wanted = end.seen(round, one).get(one);
  for (const index of end.honest) {
    const seen = end.seen(round, index);
    if (wanted === undefined || seen.size <= end.honest.length) {
      throw new Differing('a confirmation is missing');
    }
    if (![...seen.values()].every((raw) => equalBytes(raw, wanted))) {
      throw new Differing('confirmations');
    }
  }
}

/** Honest holders of a new generation: one public key, shares that belong to it, and enough of them to make the secret. */
function keysHold(end: Ended, wanted: { readonly generation: number; readonly key?: Uint8Array }): void {
  const shares = end.honest.flatMap((index): KeyShare[] => {
    const result = end.results.get(index);
    return result?.kind === 'key-share' ? [result.share] : [];
  });
  const [one] = shares;
  assert.ok(one !== undefined && shares.length >= one.public.threshold);
  assert.equal(one.public.generation, wanted.generation);
  if (wanted.key !== undefined) {
    assert.deepEqual(one.public.groupPublicKey, wanted.key);
  }
  for (const share of shares) {
    assert.deepEqual(encodeKeyPublic(share.public), encodeKeyPublic(one.public));
    checkKeyShare(share);
  }
  assert.equal(joinedKey(shares), toHex(one.public.groupPublicKey));
}

/** Confirmations are hashes of everything: that they differ says nothing of who is wrong. The caller's signatures do. */
const confirmations = /^3\.broadcasts /;

const dkg = (scheme: Scheme): Protocol => ({
  name: `dkg ${scheme}`,
  cheater: 2,
  unnamed: confirmations,
  begin: (seed) =>
    begun(seed, (index) => ({
      kind: 'dkg',
      scheme,
      session: sessionOf(seed),
      index,
      participants: parties,
      threshold: 2,
    })),
  settle: (end) => {
    confirmed(end, 3);
    keysHold(end, { generation: 1 });
  },
});

function renewal(scheme: Scheme, kind: 'refresh' | 'reshare'): Protocol {
  const shares = dealKey({ scheme, threshold: 2, participants: parties, seed: `adversary/${kind}` });
  const key = publicOf(shares);
  return {
    name: `${kind} ${scheme}`,
    cheater: 2,
    unnamed: confirmations,
    begin: (seed) =>
      begun(seed, (index) => {
        const share = holderOf(shares, index);
        const session = sessionOf(seed);
        return kind === 'refresh'
          ? { kind, share, session }
          : {
              kind,
              public: key,
              index,
              share: index === 3 ? undefined : share,
              dealers: [1, 2],
              participants: parties,
              threshold: 2,
              session,
            };
      }),
    settle: (end) => {
      confirmed(end, 3);
      keysHold(end, { generation: 2, key: key.groupPublicKey });
    },
  };
}

function repair(scheme: Scheme): Protocol {
  const lost = 3;
  const shares = dealKey({ scheme, threshold: 2, participants: parties, seed: 'adversary/repair' });
  return {
    name: `repair ${scheme}`,
    cheater: 2,
    // Views are hashes as well: who saw other commitments may have been shown them.
    unnamed: /^3\.broadcasts |^1\.broadcasts summands.*to one only$/,
    begin: (seed) =>
      new Map(
        parties.map((index) => [
          index,
          repairRun(
            {
              public: publicOf(shares),
              index,
              share: index === lost ? undefined : holderOf(shares, index),
              helpers: [1, 2],
              lost,
              session: sessionOf(seed),
            },
            insecureSeeded(`${seed}/${index}`),
          ),
        ]),
      ),
    settle: (end) => {
      confirmed(end, 3);
      const result = end.results.get(lost);
      assert.ok(result?.kind === 'key-share');
      assert.deepEqual(result.share.secret, holderOf(shares, lost).secret);
    },
  };
}

/** Honest parties that have paired multiply, in both directions. */
function pairingsHold(end: Ended): void {
  const [one = 0, other = 0] = end.honest;
  const keysOf = (index: number, peer: number): ReturnType<typeof openPairing> => {
    const result = end.results.get(index);
    assert.ok(result?.kind === 'pairings');
    const pairing = result.pairings.get(peer);
    assert.ok(pairing !== undefined);
    return openPairing(pairing.secret);
  };
  const [first, second] = [keysOf(one, other), keysOf(other, one)];
  assert.deepEqual(first.id, second.id);
  const { scalars } = groupOf('dkls23-secp256k1');
  const random = insecureSeeded('adversary/pair');
  for (const [bob, alice] of [
    [one, other],
    [other, one],
  ] as const) {
    const context = {
      scheme: 'dkls23-secp256k1',
      session: sessionOf('adversary/pair'),
      bob,
      alice,
      signers: [one, other],
    } as const;
    const [bobKeys, aliceKeys] = bob === one ? [first, second] : [second, first];
    const inputs = [scalars.random(random), scalars.random(random)] as const;
    const { state, message, b } = bobBegin(context, bobKeys, random);
    const answer = aliceMultiply(context, aliceKeys, message, inputs, random);
    for (const [i, d] of bobFinish(state, answer.message).entries()) {
      assert.deepEqual(scalars.add(answer.outputs[i] ?? digest, d), scalars.multiply(inputs[i] ?? digest, b));
    }
  }
}

const pair: Protocol = {
  name: 'pair',
  cheater: 2,
  // Other points that are valid ones are as good to the honest party; it is the cheater that can't go on and says nothing.
  unnamed: /^3\.broadcasts |^1\.pairwise (points|message): /,
  oneOf: 8,
  begin: (seed) =>
    begun(seed, (index) => ({ kind: 'pair', session: sessionOf(seed), index, participants: parties })),
  settle: (end) => {
    confirmed(end, 3);
    pairingsHold(end);
  },
};

function frostSign(scheme: FrostScheme): Protocol {
  const shares = dealKey({ scheme, threshold: 2, participants: parties, seed: 'adversary/frost' });
  const key = publicOf(shares);
  const tweak = scheme === 'frost-secp256k1-tr' ? 'bip341' : 'none';
  return {
    name: `frost-sign ${scheme}`,
    cheater: 2,
    // The channel finds that two signers saw different commitments.
    unnamed: /^1\.broadcasts .*to one only$/,
    begin: (seed) =>
      begun(seed, (index) => ({
        kind: 'frost-sign',
        share: holderOf(shares, index),
        signers: parties,
        message: digest,
        tweak,
        path,
      })),
    settle: (end) => {
      const [one = 0] = end.honest;
      const commitments = end.seen(1, one);
      // FROST leaves it to the channel that all see the same commitments: each envelope carries the hash of what its sender
      // has seen.
      for (const index of end.honest) {
        for (const [party, raw] of end.seen(1, index)) {
          if (!equalBytes(raw, commitments.get(party) ?? digest)) {
            throw new Differing('commitments');
          }
        }
      }
      const signature = aggregate({
        public: key,
        commitments,
        shares: end.seen(2, one),
        message: digest,
        tweak,
        path,
      });
      assert.ok(verifySignature(scheme, publicKeyOf(key, tweak, path), digest, signature));
    },
  };
}

/** Whatever each honest party makes of the last broadcasts is a valid signature under the right key, or a refusal. */
function signatureHolds(key: KeyPublic, scheme: EcdsaScheme, end: Ended, round: number): void {
  for (const own of end.honest) {
    const { signature } = combineEcdsa({ public: key, path, digest, shares: end.seen(round, own), own });
    assert.ok(verifyEcdsa(scheme, publicKeyOf(key, 'none', path), digest, signature));
  }
}

const ecdsaOf = (scheme: EcdsaScheme, signers: readonly number[]): EcdsaSetting =>
  ecdsaSetting(scheme, signers.length, parties, `adversary/${scheme}`);
const lent = (
  setting: EcdsaSetting,
  signers: readonly number[],
  index: number,
  seed: string,
): Omit<PlanOf<'ecdsa-presign'>, 'kind'> => ({
  share: shareOf(setting, index),
  session: sessionOf(seed),
  signers,
  pairings: setting.pairings(index, signers),
});

/** A wrong psi shows in the signature only; a commitment that not all saw is found by who did not. */
const ecdsaUnnamed = /^2\.pairwise psi: |^1\.broadcasts commitment: .*to one only$/;

function ecdsaPresign(scheme: EcdsaScheme): Protocol {
  const setting = ecdsaOf(scheme, parties);
  return {
    name: `ecdsa-presign ${scheme}`,
    cheater: 2,
    unnamed: new RegExp(`${confirmations.source}|${ecdsaUnnamed.source}`),
    oneOf: 3,
    begin: (seed) =>
      begun(seed, (index) => ({ kind: 'ecdsa-presign', ...lent(setting, parties, index, seed) })),
    settle: (end) => {
      confirmed(end, 3);
      const parts = new Map<number, PresignatureParts>();
      for (const [index, result] of end.results) {
        assert.ok(result.kind === 'presignature');
        parts.set(index, result.presignature);
      }
      const shares = new Map(
        [...onlineRuns(setting, parts, { digest, path, seed: 'adversary' })].map(([index, run]) => [
          index,
          run.step(1, { broadcasts: new Map(), pairwise: new Map() }).broadcast,
        ]),
      );
      signatureHolds(setting.public, scheme, { ...end, seen: () => shares }, 1);
    },
  };
}

function ecdsaSign(scheme: EcdsaScheme, signers: readonly number[], oneOf = 1): Protocol {
  const setting = ecdsaOf(scheme, signers);
  return {
    name: `ecdsa-sign ${scheme}, ${signers.length} signers`,
    cheater: 2,
    unnamed: new RegExp(`^3\\.broadcasts (w|u|message): |${ecdsaUnnamed.source}`),
    oneOf,
    begin: (seed) =>
      begun(
        seed,
        (index) => ({ kind: 'ecdsa-sign', ...lent(setting, signers, index, seed), digest, path }),
        signers,
      ),
    settle: (end) => {
      signatureHolds(setting.public, scheme, end, 3);
    },
  };
}

function ecdsaOnline(scheme: EcdsaScheme): Protocol {
  const setting = ecdsaOf(scheme, parties);
  const made = presign(setting, { signers: parties, seed: 'adversary/online' });
  return {
    name: `ecdsa-online ${scheme}`,
    cheater: 2,
    unnamed: /^1\.broadcasts (w|u|message): /,
    begin: (seed) => onlineRuns(setting, made, { digest, path, seed }),
    settle: (end) => {
      signatureHolds(setting.public, scheme, end, 1);
    },
  };
}

function publicOf(shares: ReadonlyMap<number, KeyShare>): KeyPublic {
  return holderOf(shares, 1).public;
}
function holderOf(shares: ReadonlyMap<number, KeyShare>, index: number): KeyShare {
  const share = shares.get(index);
  assert.ok(share !== undefined);
  return share;
}

/** The table. Each row is made when its turn comes: making a presignature or a key costs time. */
export const protocols: readonly (() => Protocol)[] = [
  () => dkg('frost-ed25519'),
  () => dkg('dkls23-secp256k1'),
  () => renewal('frost-ed25519', 'refresh'),
  () => renewal('dkls23-secp256k1', 'reshare'),
  () => repair('dkls23-p256'),
  () => pair,
  () => frostSign('frost-ed25519'),
  () => frostSign('frost-secp256k1-tr'),
  () => ecdsaPresign('dkls23-secp256k1'),
  () => ecdsaSign('dkls23-secp256k1', parties),
  () => ecdsaSign('dkls23-secp256k1', [2, 3], 4),
  () => ecdsaSign('dkls23-p256', parties, 6),
  () => ecdsaOnline('dkls23-secp256k1'),
  () => ecdsaOnline('dkls23-p256'),
];
