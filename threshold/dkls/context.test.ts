/** What a run of ECDSA signing is about: its parameters, the order of its steps, and that no two contexts meet in a hash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cheater, digest, refusedWith, signers, signPlan } from '../../test/threshold/cheating.ts';
import { flipped } from '../../test/threshold/dealer.ts';
import {
  ecdsaSetting,
  presign,
  presignRuns,
  shareOf,
  type EcdsaSetting,
} from '../../test/threshold/ecdsa.ts';
import { driveRuns, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { ecdsaSchemes } from '../../wire/ids.ts';
import type { KeyPublic, KeyShare, Run } from '../index.ts';
import type { PlanOf } from '../plan.ts';
import { groupOf } from '../scheme.ts';
import { commitmentOf, contextOf } from './context.ts';
import { onlineRun } from './online.ts';
import { ecdsaSignRun, presignRun } from './presign.ts';

const empty = new Uint8Array();

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const setting = ecdsaSetting(scheme, 3, [1, 2, 3, 4], `refusals/${scheme}`);
  const begin = (change: Partial<PlanOf<'ecdsa-sign'>>): Run =>
    ecdsaSignRun(signPlan(setting, change), insecureSeeded('refusals'));

  test(`${scheme}: E1: exactly t signers, all holders, rising, with the own index and a pairing each`, () => {
    const refused = refusedWith('threshold/bad-parameters');
    for (const wrong of [[1, 2], [1, 2, 3, 4], [2, 3, 4], [1, 2, 5], [1, 3, 2], [1, 2, 2], [0, 1, 2], []]) {
      assert.throws(() => begin({ signers: wrong, pairings: setting.pairings(1, wrong) }), refused);
    }
    assert.throws(() => begin({ pairings: setting.pairings(1, [2]) }), refused);
    // The id that the signers compare (E8) must be that of the secret: else the honest peer of a mix-up would be poisoned.
    const [mine, theirs] = [2, 3].map((peer) => setting.pairings(1, [peer]).get(peer));
    assert.ok(mine !== undefined && theirs !== undefined);
    const mixed = setting.pairings(1, signers).set(2, { id: mine.id, secret: theirs.secret });
    assert.throws(() => begin({ pairings: mixed }), refused);
    assert.throws(() => begin({ session: new Uint8Array(31) }), refused);
    assert.throws(() => begin({ digest: new Uint8Array(33) }), refused);
    assert.throws(() => begin({ path: [2 ** 31] }), refused);
    const frost = { ...setting.public, scheme: 'frost-secp256k1-tr' } as const;
    assert.throws(() => begin({ share: { ...shareOf(setting, 1), public: frost } }), refused);
  });
  test(`${scheme}: E2: a wiped share and one that is no scalar make no run`, () => {
    const share = shareOf(setting, 1);
    assert.throws(
      () => begin({ share: { ...share, secret: new Uint8Array(32) } }),
      (error) => isSymbolonError(error, 'threshold/state-used') && error.facts.what === 'key share',
    );
    assert.throws(
      () => begin({ share: { ...share, secret: new Uint8Array(32).fill(0xff) } }),
      (error) => isSymbolonError(error, 'threshold/share-mismatch'),
    );
  });
  test(`${scheme}: E3: each step once and in order; a run that threw is over, and gives no result`, () => {
    const used = refusedWith('threshold/state-used');
    const input = { broadcasts: new Map(), pairwise: new Map() };
    const skips = begin({});
    assert.throws(() => skips.step(2, input), used);
    assert.throws(() => skips.step(1, input), used);
    const twice = begin({});
    twice.step(1, input);
    assert.throws(() => twice.step(1, input), used);
    assert.throws(() => twice.step(2, input), used);
    const failed = begin({});
    failed.step(1, input);
    assert.throws(() => failed.takeResult(), used);
    assert.throws(() => failed.step(2, input), refusedWith('threshold/message-missing', 2));
    assert.throws(() => failed.step(2, input), used);
    assert.throws(() => failed.takeResult(), used);
    const wiped = begin({});
    wiped.wipe();
    wiped.wipe();
    assert.throws(() => wiped.step(1, input), used);
    for (const round of [0, 4, 1.5]) {
      assert.throws(() => begin({}).step(round, input), used);
    }
  });

  test(`${scheme}: T17: E4: a message before there was a round is refused, in every run`, () => {
    const online = onlineRun({
      kind: 'ecdsa-online',
      public: setting.public,
      index: 1,
      signers,
      presignature: presign(setting, { signers, seed: 'early' }).get(1) ?? assert.fail(),
      digest,
      path: [],
      session: sessionOf('early'),
    });
    const none = new Map<number, Uint8Array>();
    const one = new Map([[cheater, empty]]);
    for (const [run, input] of [
      [begin({}), { broadcasts: one, pairwise: none }],
      [begin({}), { broadcasts: none, pairwise: one }],
      [online, { broadcasts: one, pairwise: none }],
    ] as const) {
      assert.throws(() => run.step(1, input), refusedWith('threshold/unexpected-party', cheater));
      assert.throws(
        () => run.step(1, { broadcasts: none, pairwise: none }),
        refusedWith('threshold/state-used'),
      );
    }
  });

  test(`${scheme}: T20: E6: shares of two generations never sign together`, () => {
    const renewed: KeyPublic = { ...setting.public, generation: 2 };
    const mixed: EcdsaSetting = {
      ...setting,
      shares: new Map([...setting.shares, [3, { ...shareOf(setting, 3), public: renewed }]]),
    };
    assert.throws(
      () => driveRuns(presignRuns(mixed, { signers, seed: 'mixed' })),
      refusedWith('threshold/wrong-generation', 3),
    );
  });

  test(`${scheme}: T18: a signer with any other bound value is refused before a multiplication is looked at`, () => {
    const key = setting.public;
    const elsewhere = (change: Partial<KeyPublic>): KeyShare => ({
      ...shareOf(setting, 3),
      public: { ...key, ...change },
    });
    const changes: readonly (readonly [string, Partial<PlanOf<'ecdsa-sign'>>])[] = [
      ['session', { session: sessionOf('elsewhere') }],
      ['digest', { digest: flipped(digest) }],
      ['path', { path: [0] }],
      ['key', { share: elsewhere({ groupPublicKey: group.encode(group.generator) }) }],
      ['scheme', { share: elsewhere({ scheme: ecdsaSchemes.find((one) => one !== scheme) ?? scheme }) }],
    ];
    const hashes = new Set([Buffer.from(contextOf(signPlan(setting)).hash).toString('hex')]);
    for (const [what, change] of changes) {
      const other = signPlan(setting, {
        share: shareOf(setting, 3),
        pairings: setting.pairings(3, signers),
        ...change,
      });
      const context = contextOf(other);
      hashes.add(Buffer.from(context.hash).toString('hex'));
      // Every hash of the run starts from that one.
      assert.notDeepEqual(
        commitmentOf(context, 2, empty, empty),
        commitmentOf(contextOf(signPlan(setting)), 2, empty, empty),
        what,
      );
      if (what !== 'scheme') {
        const mixed = new Map(
          [1, 2].map((index) => [
            index,
            ecdsaSignRun(signPlan(setting, {}, index), insecureSeeded(`${what}/${index}`)),
          ]),
        );
        mixed.set(3, ecdsaSignRun(other, insecureSeeded(what)));
        assert.throws(() => driveRuns(mixed), refusedWith('threshold/other-context', 3), what);
      }
    }
    const threshold = contextOf(
      signPlan(setting, {
        share: { ...shareOf(setting, 1), public: { ...key, threshold: 2 } },
        signers: [1, 2],
      }),
    );
    const set = contextOf(signPlan(setting, { signers: [1, 2, 4] }));
    const use = contextOf({
      kind: 'ecdsa-presign',
      share: shareOf(setting, 1),
      session: sessionOf('plan'),
      signers,
      pairings: new Map(),
    });
    for (const { hash } of [threshold, set, use]) {
      hashes.add(Buffer.from(hash).toString('hex'));
    }
    assert.equal(hashes.size, 1 + changes.length + 3);
  });

  test(`${scheme}: T18: a presignature run and a signature run in one session refuse each other`, () => {
    const mixed = new Map(
      [1, 2].map((index) => [
        index,
        ecdsaSignRun(signPlan(setting, {}, index), insecureSeeded(`use/${index}`)),
      ]),
    );
    mixed.set(
      3,
      presignRun(
        {
          kind: 'ecdsa-presign',
          share: shareOf(setting, 3),
          session: sessionOf('plan'),
          signers,
          pairings: setting.pairings(3, signers),
        },
        insecureSeeded('use/3'),
      ),
    );
    assert.throws(() => driveRuns(mixed), refusedWith('threshold/other-context', 3));
  });
}
