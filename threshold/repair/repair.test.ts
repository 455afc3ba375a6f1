import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { badPoints, flipped } from '../../test/threshold/dealer.ts';
import { runRefresh } from '../../test/threshold/renew.ts';
import {
  dealKey,
  driveRuns,
  indices,
  insecureSeeded,
  sessionOf,
  type Delivery,
  type Driven,
} from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex, type Scheme } from '../../wire/ids.ts';
import type { KeyPublic, KeyShare, RepairPlan, Run } from '../index.ts';
import { checkKeyShare, repairRun, repairSummands } from '../index.ts';
import { groupOf } from '../scheme.ts';

const named =
  (code: ErrorCode, party: number) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, code), String(error));
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };
const noBytes = new Uint8Array();

interface Setting {
  readonly shares: ReadonlyMap<number, KeyShare>;
  readonly helpers: readonly number[];
  readonly lost: number;
  readonly seed: string;
  readonly onDelivery?: (delivery: Delivery) => void;
  readonly publicFor?: (party: number, key: KeyPublic) => KeyPublic;
}

/** Repairs the share of `lost`, which takes no part with a share of its own. */
function runRepair({ shares, helpers, lost, seed, onDelivery, publicFor }: Setting): Driven {
  const [some] = shares.values();
  assert.ok(some !== undefined);
  const runs = new Map<number, Run>();
  for (const index of [...helpers, lost].sort((a, b) => a - b)) {
    const key = publicFor?.(index, some.public) ?? some.public;
    const share = shares.get(index);
    const plan: RepairPlan = {
      public: key,
      index,
      share: index === lost || share === undefined ? undefined : { ...share, public: key },
      helpers,
      lost,
      session: sessionOf(seed),
    };
    runs.set(index, repairRun(plan, insecureSeeded(`${seed}/${index}`)));
  }
  return driveRuns(runs, onDelivery);
}

function restored({ results }: Driven, lost: number): KeyShare {
  const result = results.get(lost);
  assert.equal(result?.kind, 'key-share');
  return result.share;
}

const at =
  (round: number, receiver: number, change: (delivery: Delivery) => void) =>
  (delivery: Delivery): void => {
    if (delivery.round === round && delivery.receiver === receiver) {
      change(delivery);
    }
  };

for (const scheme of schemes) {
  const group = groupOf(scheme);
  const participants = [1, 2, 3, 5, 9];
  const shares = dealKey({ scheme, threshold: 3, participants, seed: 'repair' });
  const setting: Setting = { shares, helpers: [1, 3, 9], lost: 2, seed: `repair/${scheme}` };
  const run = (onDelivery: (delivery: Delivery) => void): Driven => runRepair({ ...setting, onDelivery });

  test(`${scheme}: any t holders restore any lost share, byte for byte`, () => {
    for (const [helpers, lost] of [
      [[1, 3, 9], 2],
      [[2, 3, 5], 1],
      [[1, 2, 3], 9],
    ] as const) {
      const driven = runRepair({ ...setting, helpers, lost });
      const share = restored(driven, lost);
      assert.deepEqual(share.secret, shares.get(lost)?.secret);
      assert.deepEqual(share.public, shares.get(lost)?.public);
      checkKeyShare(share);
      for (const helper of helpers) {
        assert.equal(driven.results.get(helper)?.kind, 'nothing');
      }
      assert.equal(new Set([...(driven.broadcasts[2]?.values() ?? [])].map(toHex)).size, 1);
    }
  });

  test(`${scheme}: no message carries a share, a weighted share or the lost share`, () => {
    const driven = runRepair(setting);
    const sent = driven.pairwise.flatMap((round) => [...round.values()].flatMap((all) => [...all.values()]));
    assert.equal(sent.length, 3 * 2 + 3);
    const seen = new Set(sent.map(toHex));
    assert.equal(seen.size, sent.length);
    for (const { secret } of shares.values()) {
      assert.ok(!seen.has(toHex(secret)));
    }
    // Another run with other randomness sends other scalars, and restores the same share.
    const other = runRepair({ ...setting, seed: 'other' });
    for (const all of other.pairwise.flatMap((round) => [...round.values()])) {
      for (const scalar of all.values()) {
        assert.ok(!seen.has(toHex(scalar)));
      }
    }
    assert.deepEqual(restored(other, 2).secret, restored(driven, 2).secret);
  });

  test(`${scheme}: who sends to whom is said before`, () => {
    const [share] = shares.values();
    assert.ok(share !== undefined);
    const one = repairRun(
      { public: share.public, index: 1, share, helpers: [1, 3, 9], lost: 2, session: sessionOf('p') },
      insecureSeeded('p'),
    );
    const pairs = (round: number): string[] =>
      [1, 2, 3, 9].flatMap((from) =>
        [1, 2, 3, 9].filter((to) => one.sendsPairwise(round, from, to)).map((to) => `${from}>${to}`),
      );
    assert.equal(one.rounds, 3);
    assert.deepEqual(pairs(1), ['1>3', '1>9', '3>1', '3>9', '9>1', '9>3']);
    assert.deepEqual(pairs(2), ['1>2', '3>2', '9>2']);
    assert.deepEqual(pairs(3), []);
  });

  // Each helper's own check, and the name of who cheated.
  const setSummands = (change: (summands: Uint8Array[]) => Uint8Array[], from = 3): Driven =>
    run((delivery) => {
      if (delivery.round === 2 && delivery.receiver !== from) {
        const { summands, ...rest } = repairSummands.decode(delivery.broadcasts.get(from) ?? noBytes);
        delivery.broadcasts.set(from, repairSummands.encode({ ...rest, summands: change(summands) }));
      }
    });
  const first = shares.get(1);
  const good = first?.public.verifyingShares.get(5);
  assert.ok(first !== undefined && good !== undefined);
  const cheats: readonly (readonly [string, ErrorCode, number, () => Driven])[] = [
    ['H4: a summand too few', 'threshold/bad-coefficients', 3, () => setSummands((all) => all.slice(1))],
    ['H4: a summand too many', 'threshold/bad-coefficients', 3, () => setSummands((all) => [...all, good])],
    [
      'H4: summands of the lost holder',
      'threshold/bad-coefficients',
      2,
      () => setSummands(() => [good, good, good], 2),
    ],
    [
      'H6: T41: summands of another value than its share',
      'threshold/other-public-key',
      3,
      () => setSummands((all) => all.with(0, good)),
    ],
    [
      'H7: a summand with one bit changed',
      'threshold/bad-dealt-share',
      3,
      () => run(at(2, 1, ({ pairwise }) => pairwise.set(3, flipped(pairwise.get(3) ?? noBytes, 130)))),
    ],
    [
      'H7: a summand for another helper',
      'threshold/bad-dealt-share',
      3,
      () => run(at(2, 1, ({ pairwise }) => pairwise.set(3, pairwise.get(9) ?? noBytes))),
    ],
    [
      'H7: a summand not below the order',
      'threshold/malformed-message',
      3,
      () => run(at(2, 1, ({ pairwise }) => pairwise.set(3, group.encodeScalar(group.order)))),
    ],
    [
      'H9: a wrong sum',
      'threshold/bad-dealt-share',
      9,
      () => run(at(3, 2, ({ pairwise }) => pairwise.set(9, flipped(pairwise.get(9) ?? noBytes, 130)))),
    ],
    [
      'H9: a sum of zero',
      'threshold/bad-dealt-share',
      9,
      () => run(at(3, 2, ({ pairwise }) => pairwise.set(9, new Uint8Array(32)))),
    ],
    [
      'H9: a short sum',
      'threshold/malformed-message',
      9,
      () => run(at(3, 2, ({ pairwise }) => pairwise.set(9, new Uint8Array(31)))),
    ],
    [
      'H8: a view of another length',
      'threshold/malformed-message',
      9,
      () => run(at(3, 2, ({ broadcasts }) => broadcasts.set(9, new Uint8Array(31)))),
    ],
    [
      'H8: T16: another view of round 1',
      'threshold/split-view',
      9,
      () => run(at(3, 2, ({ broadcasts }) => broadcasts.set(9, new Uint8Array(32)))),
    ],
    [
      'an absent broadcast',
      'threshold/message-missing',
      3,
      () => run(at(2, 1, ({ broadcasts }) => broadcasts.delete(3))),
    ],
    [
      'an absent summand',
      'threshold/message-missing',
      3,
      () => run(at(2, 1, ({ pairwise }) => pairwise.delete(3))),
    ],
    [
      'an absent sum',
      'threshold/message-missing',
      3,
      () => run(at(3, 2, ({ pairwise }) => pairwise.delete(3))),
    ],
    [
      'a summand from the lost holder',
      'threshold/unexpected-party',
      2,
      () => run(at(2, 1, ({ pairwise }) => pairwise.set(2, new Uint8Array(32)))),
    ],
    [
      'a sum to a helper',
      'threshold/unexpected-party',
      3,
      () => run(at(3, 1, ({ pairwise }) => pairwise.set(3, new Uint8Array(32)))),
    ],
    [
      'T17: a broadcast under index 0',
      'threshold/unexpected-party',
      0,
      () => run(at(2, 1, ({ broadcasts }) => broadcasts.set(0, broadcasts.get(3) ?? noBytes))),
    ],
  ];
  for (const [what, code, party, cheat] of cheats) {
    test(`${scheme}: repair: ${what}: ${code} names party ${party}`, () => {
      assert.throws(cheat, named(code, party));
    });
  }
  for (const [what, point] of badPoints(scheme)) {
    test(`${scheme}: repair: T17: H5: a summand that is ${what} names its sender`, () => {
      assert.throws(() => setSummands((all) => all.with(1, point)), named('threshold/bad-coefficients', 3));
    });
  }

  test(`${scheme}: T16: a helper that commits to other summands before each party is found before an honest sum is blamed`, () => {
    // Helper 3 shows the lost holder two summands exchanged: they still add up, and each honest sum would look wrong.
    assert.throws(
      () =>
        run(
          at(2, 2, ({ broadcasts }) => {
            const { summands, ...rest } = repairSummands.decode(broadcasts.get(3) ?? noBytes);
            broadcasts.set(3, repairSummands.encode({ ...rest, summands: [...summands].reverse() }));
          }),
        ),
      (error) => isSymbolonError(error, 'threshold/split-view'),
    );
  });

  test(`T20: ${scheme}: H3: a helper or a lost holder of another generation is refused by name`, () => {
    const { next } = runRefresh(shares, `repair refresh/${scheme}`);
    const newer = next.get(3)?.public;
    assert.ok(newer !== undefined);
    const mixed = new Map([...shares, ...next].filter(([index]) => index !== 3));
    const old = shares.get(3);
    assert.ok(old !== undefined);
    mixed.set(3, old);
    assert.throws(
      () =>
        runRepair({ ...setting, shares: mixed, publicFor: (party) => (party === 3 ? old.public : newer) }),
      (error) => isSymbolonError(error, 'threshold/wrong-generation'),
    );
    assert.throws(
      () => runRepair({ ...setting, publicFor: (party, key) => (party === 2 ? newer : key) }),
      named('threshold/wrong-generation', 2),
    );
    // And all of the next generation restore the share of the next generation.
    assert.deepEqual(restored(runRepair({ ...setting, shares: next }), 2).secret, next.get(2)?.secret);
  });

  test(`T18: ${scheme}: another session or other public data shows in the views`, () => {
    assert.throws(
      () =>
        runRepair({
          ...setting,
          publicFor: (party, key) => (party === 2 ? { ...key, chainCode: new Uint8Array(32) } : key),
        }),
      (error) => isSymbolonError(error, 'threshold/split-view'),
    );
  });

  test(`${scheme}: T29: H10: a share that does not fit its verifying share is not handed over`, () => {
    const wrong = (key: KeyPublic): KeyPublic => ({
      ...key,
      verifyingShares: new Map([...key.verifyingShares, [2, key.verifyingShares.get(5) ?? noBytes]]),
    });
    assert.throws(
      () => runRepair({ ...setting, publicFor: (_, key) => wrong(key) }),
      (error) => isSymbolonError(error, 'threshold/share-mismatch') && error.facts.index === 2,
    );
  });

  const usual: RepairPlan = {
    public: first.public,
    index: 1,
    share: first,
    helpers: [1, 3, 9],
    lost: 2,
    session: sessionOf('x'),
  };
  const refused: readonly (readonly [string, Partial<RepairPlan>, ErrorCode])[] = [
    ['H1: fewer helpers than the threshold', { helpers: [1, 3] }, 'threshold/bad-parameters'],
    ['H1: more helpers than the threshold', { helpers: [1, 3, 5, 9] }, 'threshold/bad-parameters'],
    ['H1: a helper that holds nothing', { helpers: [1, 3, 4] }, 'threshold/bad-parameters'],
    ['T17: H1: a helper twice', { helpers: [1, 1, 3] }, 'threshold/bad-parameters'],
    ['T17: H1: helper 0', { helpers: [0, 1, 3] }, 'threshold/bad-parameters'],
    ['H1: a lost holder that helps', { lost: 3 }, 'threshold/bad-parameters'],
    ['H1: a lost holder that never held', { lost: 4 }, 'threshold/bad-parameters'],
    ['H1: an own index that has no part', { index: 5 }, 'threshold/bad-parameters'],
    ['H1: a short session id', { session: new Uint8Array(31) }, 'threshold/bad-parameters'],
    ['H2: a helper without a share', { share: undefined }, 'threshold/bad-parameters'],
    ["H2: a helper with another's share", { share: shares.get(3) }, 'threshold/bad-parameters'],
    [
      'T29: H2: a damaged share',
      { share: { ...first, secret: shares.get(3)?.secret ?? noBytes } },
      'threshold/share-mismatch',
    ],
  ];
  for (const [what, change, code] of refused) {
    test(`${scheme}: repair refused before anything is sent: ${what}`, () => {
      assert.throws(
        () => repairRun({ ...usual, ...change }, insecureSeeded('x')),
        (error) => isSymbolonError(error, code),
      );
    });
  }

  test(`${scheme}: a run of repair leaves what was lent as it was`, () => {
    const share = shares.get(1);
    assert.ok(share !== undefined);
    const lent = { ...share, secret: share.secret.slice() };
    const one = repairRun({ ...usual, share: lent }, insecureSeeded('x'));
    one.step(1, { broadcasts: new Map(), pairwise: new Map() });
    one.wipe();
    assert.deepEqual(lent.secret, share.secret);
  });
}

test('any t and n up to 7 of 10: a repair restores the share', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Scheme>(...schemes),
      fc.shuffledSubarray(indices(32), { minLength: 3, maxLength: 10 }),
      fc.nat(),
      (scheme, set, pick) => {
        const participants = [...set].sort((a, b) => a - b);
        const threshold = 2 + (pick % Math.min(participants.length - 2, 6));
        const shares = dealKey({ scheme, threshold, participants, seed: `any/${pick}` });
        const [lost = 0, ...others] = set;
        const helpers = others.slice(0, threshold).sort((a, b) => a - b);
        const share = restored(runRepair({ shares, helpers, lost, seed: `any/${pick}` }), lost);
        assert.deepEqual(share.secret, shares.get(lost)?.secret);
      },
    ),
    { numRuns: 12, seed: 3 },
  );
});
