/** That no secret of a dealing outlives the round that needs it, whatever ends the round. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dealKey, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { schemes } from '../../wire/ids.ts';
import type { SecretScalar } from '../group/group.ts';
import type { RunResult } from '../run.ts';
import { refreshDealing } from '../renew/refresh.ts';
import { reshareDealing } from '../renew/reshare.ts';
import type { Dealing, Opened } from './dealing.ts';
import { commitRound, dealRound, sumRound } from './rounds.ts';
import { noMessages, stagedRun, type Stage } from './stagedRun.ts';

const zeros = new Uint8Array(32);
const nothing = { broadcasts: noMessages, pairwise: noMessages };
const used = (error: unknown): boolean => isSymbolonError(error, 'threshold/state-used');

for (const scheme of schemes) {
  const shares = dealKey({ scheme, threshold: 2, participants: [1, 2], seed: 'wiped' });
  const [one, two] = [...shares.values()];
  assert.ok(one !== undefined && two !== undefined);
  const session = sessionOf('wiped');
  const refresh = (index: 1 | 2): Dealing<Opened> =>
    refreshDealing({ share: index === 1 ? one : two, session });
  const reshare = (): Dealing<Opened> =>
    reshareDealing({
      public: one.public,
      index: 1,
      share: one,
      dealers: [1, 2],
      participants: [1, 2],
      threshold: 2,
      session,
    });

  /** A dealing whose secret coefficients the test can see. */
  function watched(dealing: Dealing<Opened>): { dealing: Dealing<Opened>; seen: SecretScalar[] } {
    const seen: SecretScalar[] = [];
    return {
      seen,
      dealing: {
        ...dealing,
        begin: (random) => {
          const begun = dealing.begin(random);
          seen.push(...begun.coefficients);
          return begun;
        },
      },
    };
  }
  const isWiped = (secrets: readonly SecretScalar[]): boolean =>
    secrets.every((secret) => secret.every((byte) => byte === 0));

  for (const [name, make] of [
    ['refresh', () => refresh(1)],
    ['reshare', reshare],
  ] as const) {
    test(`T12: ${scheme}: ${name}: the coefficients are zeros after they were dealt`, () => {
      const { dealing, seen } = watched(make());
      const { state } = commitRound(dealing, insecureSeeded('a'));
      assert.ok(seen.length === 2 && !isWiped(seen));
      const peer = commitRound(
        name === 'refresh' ? refresh(2) : { ...reshare(), index: 2 },
        insecureSeeded('b'),
      );
      dealRound(state, new Map([[2, peer.broadcast]]));
      assert.ok(isWiped(seen));
    });

    test(`T12: ${scheme}: ${name}: the coefficients are zeros after a round that was refused, and after a wipe`, () => {
      const refused = watched(make());
      const { state } = commitRound(refused.dealing, insecureSeeded('a'));
      assert.throws(() => dealRound(state, new Map()));
      assert.ok(isWiped(refused.seen));
      const wiped = watched(make());
      commitRound(wiped.dealing, insecureSeeded('a')).state.wipe();
      assert.ok(wiped.seen.length > 0 && isWiped(wiped.seen));
    });
  }

  test(`T12: ${scheme}: refresh: the copy of the old share is zeros once the run is over, however it ends`, () => {
    const play = (change: (openings: Map<number, Uint8Array>) => void): SecretScalar | undefined => {
      const mine = refresh(1);
      assert.deepEqual(mine.base, one.secret);
      const [a, b] = [commitRound(mine, insecureSeeded('a')), commitRound(refresh(2), insecureSeeded('b'))];
      const dealt = dealRound(a.state, new Map([[2, b.broadcast]]));
      const theirs = dealRound(b.state, new Map([[1, a.broadcast]]));
      assert.deepEqual(mine.base, one.secret);
      const openings = new Map([[2, theirs.broadcast]]);
      change(openings);
      try {
        const { secret } = sumRound(dealt.state, openings, new Map([[2, theirs.pairwise.get(1) ?? zeros]]));
        assert.notDeepEqual(secret, zeros);
      } catch (error) {
        assert.ok(isSymbolonError(error, 'threshold/message-missing'));
      }
      return mine.base;
    };
    assert.deepEqual(
      play(() => undefined),
      zeros,
    );
    assert.deepEqual(
      play((openings) => {
        openings.clear();
      }),
      zeros,
    );
    const refused = refresh(1);
    assert.throws(() => dealRound(commitRound(refused, insecureSeeded('a')).state, new Map()));
    assert.deepEqual(refused.base, zeros);
    assert.notDeepEqual(one.secret, zeros);
  });
}

test('T12: a result that nobody took is zeros after the run was wiped', () => {
  const [share] = dealKey({
    scheme: 'frost-ed25519',
    threshold: 2,
    participants: [1, 2],
    seed: 'r',
  }).values();
  assert.ok(share !== undefined);
  const result: RunResult = { kind: 'key-share', share, confirmation: zeros };
  let wiped = 0;
  const first: Stage = {
    wipe: () => {
      wiped += 1;
    },
    step: () => ({ broadcast: zeros, pairwise: noMessages, result }),
  };
  const run = stagedRun({ rounds: 1, sendsPairwise: () => false, first });
  assert.throws(() => run.takeResult(), used);
  run.step(1, nothing);
  run.wipe();
  assert.deepEqual(share.secret, zeros);
  assert.throws(() => run.takeResult(), used);
  // The stage was over when it had taken its step: it wiped what it held itself.
  assert.equal(wiped, 0);
});

test('a run whose step throws wipes its stage once and for all', () => {
  let wiped = 0;
  const first: Stage = {
    wipe: () => {
      wiped += 1;
    },
    step: () => {
      throw new Error('refused');
    },
  };
  const run = stagedRun({ rounds: 1, sendsPairwise: () => false, first });
  assert.throws(() => run.step(1, nothing), /refused/);
  assert.throws(() => run.step(1, nothing), used);
  run.wipe();
  assert.equal(wiped, 1);
});
