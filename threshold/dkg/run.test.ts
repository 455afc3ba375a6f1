import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { indices, driveRuns, insecureSeeded, runDkg, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import { checkKeyShare, dkgRun, encodeKeyPublic, type Random, type Run } from '../index.ts';

const none: ReadonlyMap<number, Uint8Array> = new Map();
const nothing = { broadcasts: none, pairwise: none };
const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);

for (const scheme of schemes) {
  const participants = [1, 2, 5];
  const seed = `dkg run/${scheme}`;
  const runs = (random = (index: number): Random => insecureSeeded(`${seed}/${index}`)): Map<number, Run> =>
    new Map(
      participants.map((index) => [
        index,
        dkgRun(
          { kind: 'dkg', scheme, session: sessionOf(seed), index, participants, threshold: 2 },
          random(index),
        ),
      ]),
    );

  test(`${scheme}: a run sends what the rounds send, and comes to the same key`, () => {
    const rounds = runDkg({ scheme, threshold: 2, participants, seed });
    const { broadcasts, pairwise, results } = driveRuns(runs());
    assert.deepEqual(broadcasts, [rounds.traffic.commitments, rounds.traffic.openings, rounds.confirmations]);
    assert.deepEqual(pairwise[1], rounds.traffic.pairwise);
    for (const [index, result] of results) {
      assert.equal(result.kind, 'key-share');
      assert.deepEqual(result.share, rounds.shares.get(index));
      assert.deepEqual(result.confirmation, rounds.confirmations.get(index));
      checkKeyShare(result.share);
    }
    const keys = [...results.values()].map((result) =>
      result.kind === 'key-share' ? toHex(encodeKeyPublic(result.share.public)) : '',
    );
    assert.equal(new Set(keys).size, 1);
  });

  test(`${scheme}: shares go in round 2, from each to each other`, () => {
    const [run] = runs().values();
    assert.ok(run !== undefined);
    assert.equal(run.rounds, 3);
    for (const [round, from, to, wanted] of [
      [1, 1, 2, false],
      [2, 1, 2, true],
      [2, 2, 2, false],
      [2, 5, 1, true],
      [2, 1, 3, false],
      [3, 1, 2, false],
    ] as const) {
      assert.equal(run.sendsPairwise(round, from, to), wanted);
    }
  });

  test(`${scheme}: steps out of order end the run`, () => {
    for (const round of [0, 2, 3, 4]) {
      const run = runs().get(1);
      assert.ok(run !== undefined);
      assert.throws(() => run.step(round, nothing), refusedWith('threshold/state-used'));
      assert.throws(() => run.step(1, nothing), refusedWith('threshold/state-used'));
    }
    const twice = runs().get(1);
    twice?.step(1, nothing);
    assert.throws(() => twice?.step(1, nothing), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: a run that refused a message is over`, () => {
    const run = runs().get(1);
    assert.ok(run !== undefined);
    run.step(1, nothing);
    assert.throws(() => run.step(2, nothing), refusedWith('threshold/message-missing'));
    assert.throws(() => run.step(2, nothing), refusedWith('threshold/state-used'));
    assert.throws(() => run.takeResult(), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: messages that no round brings are refused by sender`, () => {
    const odd = new Map([[2, new Uint8Array(32)]]);
    for (const input of [
      { broadcasts: odd, pairwise: none },
      { broadcasts: none, pairwise: odd },
    ]) {
      assert.throws(
        () => runs().get(1)?.step(1, input),
        (error) => isSymbolonError(error, 'threshold/unexpected-party') && error.facts.party === 2,
      );
    }
    assert.throws(
      () =>
        driveRuns(runs(), ({ round, pairwise }) => {
          if (round === 2) {
            pairwise.set(2, new Uint8Array(32));
          }
        }),
      refusedWith('threshold/unexpected-party'),
    );
  });

  test(`T12: ${scheme}: a run shows nothing of what it holds`, () => {
    const all = runs();
    driveRuns(all, () => {
      for (const run of all.values()) {
        assert.equal(JSON.stringify(run), '{}');
        assert.doesNotMatch(inspect(run, { depth: 9, showHidden: true }), /Uint8Array|bigint|\d{5}/);
      }
    });
  });

  test(`${scheme}: a result is handed over once, and is wiped where nobody takes it`, () => {
    const all = runs();
    const { results } = driveRuns(all);
    const share = results.get(1);
    assert.equal(share?.kind, 'key-share');
    const run = all.get(1);
    assert.throws(() => run?.takeResult(), refusedWith('threshold/state-used'));
    // What was handed over is the receiver's: wiping the run does not touch it.
    run?.wipe();
    checkKeyShare(share.share);
  });
}

test('T12: a run that is wiped between two steps is over, and its randomness was drawn in the first step only', () => {
  let drawn = 0;
  const random: Random = (length) => {
    drawn += length;
    return new Uint8Array(length).fill(drawn & 0xff);
  };
  const plan = {
    kind: 'dkg',
    scheme: 'frost-ed25519',
    session: sessionOf('w'),
    index: 1,
    participants: indices(2),
    threshold: 2,
  } as const;
  const run = dkgRun(plan, random);
  assert.equal(drawn, 0);
  run.step(1, nothing);
  assert.equal(drawn, 3 * 48 + 32);
  run.wipe();
  run.wipe();
  assert.throws(() => run.step(2, nothing), refusedWith('threshold/state-used'));
});
