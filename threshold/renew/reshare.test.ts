import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinedKey, joinedSecret } from '../../test/threshold/joined.ts';
import { runRefresh, runReshare } from '../../test/threshold/renew.ts';
import { dealKey, indices, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex, type Scheme } from '../../wire/ids.ts';
import { checkKeyShare, encodeKeyPublic, reshareRun, type KeyShare, type Run } from '../index.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);
const of = (shares: ReadonlyMap<number, KeyShare>, set: readonly number[]): KeyShare[] =>
  set.flatMap((index) => shares.get(index) ?? []);

for (const scheme of schemes) {
  const old = dealKey({ scheme, threshold: 2, participants: [1, 2, 3], seed: 'reshare' });
  const before = old.get(1)?.public;
  assert.ok(before !== undefined);
  const secret = joinedSecret(of(old, [1, 2]));

  const settings: readonly (readonly [string, readonly number[], readonly number[], number])[] = [
    ['the same holders, another threshold', [1, 2], [1, 2, 3], 3],
    ['one holder replaced', [1, 3], [1, 3, 5], 2],
    ['holders that nobody was before', [2, 3], [4, 9, 17, 32], 3],
    ['a dealer that departs and one that stays', [1, 2], [2, 8], 2],
    ['more holders and a higher threshold', [1, 2], [1, 2, 3, 4, 5, 6, 7], 5],
    ['a holder that does not deal stays', [1, 2], [2, 3], 2],
  ];
  for (const [what, dealers, participants, threshold] of settings) {
    test(`${scheme}: reshare: ${what}`, () => {
      const seed = `${scheme}/${what}`;
      const { next, departed, broadcasts, pairwise } = runReshare({
        shares: old,
        dealers,
        participants,
        threshold,
        seed,
      });
      assert.deepEqual([...next.keys()], participants);
      assert.deepEqual(
        [...departed.keys()],
        dealers.filter((dealer) => !participants.includes(dealer)),
      );
      const publics = [...[...next.values()].map((share) => share.public), ...departed.values()];
      assert.equal(new Set(publics.map((key) => toHex(encodeKeyPublic(key)))).size, 1);
      assert.equal(new Set([...(broadcasts[2]?.values() ?? [])].map(toHex)).size, 1);
      const [key] = publics;
      assert.ok(key !== undefined);
      assert.deepEqual(
        [key.participants, key.threshold, key.generation, key.groupPublicKey, key.chainCode],
        [participants, threshold, 2, before.groupPublicKey, before.chainCode],
      );
      for (const share of next.values()) {
        checkKeyShare(share);
      }
      assert.equal(joinedSecret(of(next, participants.slice(0, threshold))), secret);
      assert.equal(joinedKey(of(next, participants.slice(-threshold))), toHex(before.groupPublicKey));
      assert.notEqual(joinedSecret(of(next, participants.slice(0, threshold - 1))), secret);
      // Only dealers send shares, each to every other new holder.
      for (const [from, sent] of pairwise[1] ?? []) {
        const wanted = dealers.includes(from) ? participants.filter((to) => to !== from) : [];
        assert.deepEqual([...sent.keys()], wanted);
      }
    });
  }

  test(`T20: ${scheme}: shares from before and after a reshare do not make the secret together`, () => {
    const { next } = runReshare({
      shares: old,
      dealers: [1, 2],
      participants: [1, 2, 3],
      threshold: 2,
      seed: `t20/${scheme}`,
    });
    for (const [a, b] of [
      [1, 2],
      [2, 3],
      [3, 1],
    ] as const) {
      assert.notEqual(joinedSecret([...of(old, [a]), ...of(next, [b])]), secret);
    }
    assert.equal(joinedSecret(of(next, [2, 3])), secret);
  });

  test(`${scheme}: which dealers deal makes no difference to the key, and a reshare and a refresh follow each other`, () => {
    let shares: ReadonlyMap<number, KeyShare> = old;
    shares = runReshare({
      shares,
      dealers: [2, 3],
      participants: [1, 3, 4, 6],
      threshold: 3,
      seed: 'a',
    }).next;
    shares = runRefresh(shares, 'b').next;
    shares = runReshare({ shares, dealers: [1, 4, 6], participants: [2, 6], threshold: 2, seed: 'c' }).next;
    assert.equal(shares.get(2)?.public.generation, 4);
    assert.equal(joinedSecret(of(shares, [2, 6])), secret);
  });

  test(`${scheme}: who sends to whom is said before`, () => {
    const run = reshareRun(
      {
        kind: 'reshare',
        public: before,
        index: 5,
        share: undefined,
        dealers: [1, 3],
        participants: [1, 2, 5],
        threshold: 2,
        session: sessionOf('p'),
      },
      insecureSeeded('p'),
    );
    assert.equal(run.rounds, 3);
    const pairs = [1, 2, 3, 5].flatMap((from) =>
      [1, 2, 3, 5].filter((to) => run.sendsPairwise(2, from, to)).map((to) => `${from}>${to}`),
    );
    assert.deepEqual(pairs, ['1>2', '1>5', '3>1', '3>2', '3>5']);
    assert.ok(!run.sendsPairwise(1, 1, 2) && !run.sendsPairwise(3, 1, 2));
    const opened = run.step(1, { broadcasts: new Map(), pairwise: new Map() });
    assert.ok(opened.broadcast.length >= 60 && opened.broadcast.length <= 70);
  });

  const usual = {
    kind: 'reshare',
    public: before,
    index: 1,
    share: old.get(1),
    dealers: [1, 2],
    participants: [1, 2, 3, 4],
    threshold: 3,
    session: sessionOf('x'),
  } as const;
  const make = (change: object): Run => reshareRun({ ...usual, ...change }, insecureSeeded('x'));
  const wrong: readonly (readonly [string, object, ErrorCode])[] = [
    ['R2: fewer dealers than the threshold', { dealers: [1] }, 'threshold/bad-parameters'],
    ['R2: more dealers than the threshold', { dealers: [1, 2, 3] }, 'threshold/bad-parameters'],
    ['R2: a dealer that holds nothing', { dealers: [1, 4] }, 'threshold/bad-parameters'],
    ['T17: R2: a dealer twice', { dealers: [1, 1] }, 'threshold/bad-parameters'],
    ['T17: R2: index 0 among the dealers', { dealers: [0, 1] }, 'threshold/bad-parameters'],
    ['T17: R2: index 0 among the receivers', { participants: [0, 1, 2] }, 'threshold/bad-parameters'],
    ['T17: R2: a receiver twice', { participants: [1, 1, 2] }, 'threshold/bad-parameters'],
    ['R2: a receiver above the limit', { participants: [1, 2, 33] }, 'threshold/bad-parameters'],
    ['R2: threshold 1', { threshold: 1 }, 'threshold/bad-parameters'],
    ['R2: a threshold above n', { threshold: 5 }, 'threshold/bad-parameters'],
    ['R2: an own index that has no part', { index: 9 }, 'threshold/bad-parameters'],
    ['R2: a short session id', { session: new Uint8Array(31) }, 'threshold/bad-parameters'],
    ['R3: a dealer without its share', { share: undefined }, 'threshold/bad-parameters'],
    ["R3: a dealer with another's share", { share: old.get(2) }, 'threshold/bad-parameters'],
    [
      'T20: R3: a share of another generation than the public data',
      { public: { ...before, generation: 2 } },
      'threshold/bad-parameters',
    ],
    [
      'T29: R3: a share that is damaged',
      { share: { public: before, index: 1, secret: old.get(2)?.secret } },
      'threshold/share-mismatch',
    ],
    [
      'R3: a share that was wiped',
      { share: { public: before, index: 1, secret: new Uint8Array(32) } },
      'threshold/share-mismatch',
    ],
  ];
  for (const [what, change, code] of wrong) {
    test(`${scheme}: refused before anything is sent: ${what}`, () => {
      assert.throws(() => make(change), refusedWith(code));
    });
  }

  test(`${scheme}: the run keeps nothing of the lender's, and leaves it as it was`, () => {
    const share = old.get(1);
    assert.ok(share !== undefined);
    const lent = { ...share, secret: share.secret.slice() };
    const run = make({ share: lent });
    assert.deepEqual(lent.secret, share.secret);
    lent.secret.fill(0);
    run.step(1, { broadcasts: new Map(), pairwise: new Map() });
    run.wipe();
  });
}

test('any overlap, up to 7 of 10: a reshare keeps the secret', () => {
  const anySet = fc
    .shuffledSubarray(indices(32), { minLength: 2, maxLength: 10 })
    .map((set) => [...set].sort((a, b) => a - b));
  fc.assert(
    fc.property(
      fc.constantFrom<Scheme>(...schemes),
      anySet,
      anySet,
      fc.nat(),
      fc.nat(),
      (scheme, from, to, a, b) => {
        const oldThreshold = 2 + (a % (Math.min(from.length, 7) - 1));
        const threshold = 2 + (b % (Math.min(to.length, 7) - 1));
        const shares = dealKey({ scheme, threshold: oldThreshold, participants: from, seed: `any/${a}` });
        // Whichever present holders deal.
        const dealers = from.slice(a % (from.length - oldThreshold + 1)).slice(0, oldThreshold);
        const { next } = runReshare({ shares, dealers, participants: to, threshold, seed: `any/${b}` });
        assert.equal(
          joinedSecret(of(next, to.slice(-threshold))),
          joinedSecret(of(shares, from.slice(0, oldThreshold))),
        );
        assert.deepEqual(
          next.get(to[0] ?? 0)?.public.groupPublicKey,
          shares.get(dealers[0] ?? 0)?.public.groupPublicKey,
        );
      },
    ),
    { numRuns: 16, seed: 2 },
  );
});

for (const scheme of schemes) {
  test(`${scheme}: reshare of 7 of 10 to 7 other of 10`, () => {
    const from = indices(10);
    const shares = dealKey({ scheme, threshold: 7, participants: from, seed: 'big' });
    const to = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20];
    const { next, departed } = runReshare({
      shares,
      dealers: [1, 2, 3, 5, 8, 9, 10],
      participants: to,
      threshold: 7,
      seed: 'big',
    });
    assert.deepEqual([...departed.keys()], [1, 3, 5, 9]);
    assert.equal(joinedSecret(of(next, to.slice(0, 7))), joinedSecret(of(shares, from.slice(3))));
  });
}
