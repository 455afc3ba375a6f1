/** A signer as a run: the order of its steps, the set of signers that was agreed, and what is left after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { dealKey, driveRuns, indices, insecureSeeded, runSign } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { frostSchemes } from '../../wire/ids.ts';
import {
  aggregate,
  frostSignRun,
  publicKeyOf,
  verifySignature,
  type KeyShare,
  type PlanOf,
  type Run,
} from '../index.ts';

const refusedWith =
  (code: ErrorCode, party?: number) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code) &&
    (party === undefined || (error.facts as { readonly party?: number }).party === party);
const message = new Uint8Array(32).fill(7);
const nothing = { broadcasts: new Map<number, Uint8Array>(), pairwise: new Map<number, Uint8Array>() };

for (const scheme of frostSchemes) {
  const tweak = scheme === 'frost-ed25519' ? 'none' : 'bip341';
  const keys = dealKey({ scheme, threshold: 2, participants: indices(4), seed: 'runs' });
  const shareOf = (index: number): KeyShare => {
    const share = keys.get(index);
    assert.ok(share !== undefined);
    return { ...share, secret: share.secret.slice() };
  };
  const { public: key } = shareOf(1);
  const plan = (
    index: number,
    signers: readonly number[],
    path: readonly number[] = [],
  ): PlanOf<'frost-sign'> => ({
    kind: 'frost-sign',
    share: shareOf(index),
    signers,
    message,
    tweak,
    path,
  });
  const begin = (index: number, signers: readonly number[], path: readonly number[] = []): Run =>
    frostSignRun(plan(index, signers, path), insecureSeeded(`runs/nonces/${index}`));
  const runsOf = (signers: readonly number[], path: readonly number[] = []): Map<number, Run> =>
    new Map(signers.map((index) => [index, begin(index, signers, path)]));

  test(`${scheme}: runs of the signers give the messages of the rounds, and a signature that verifies`, () => {
    for (const [signers, path] of [
      [[1, 2], []],
      [
        [2, 3, 4],
        [1, 2],
      ],
    ] as const) {
      const { broadcasts, pairwise, results } = driveRuns(runsOf(signers, path));
      const [commitments = new Map<number, Uint8Array>(), shares = new Map<number, Uint8Array>()] =
        broadcasts;
      const plain = runSign(signers.map(shareOf), message, tweak, 'runs', path);
      assert.deepEqual(commitments, plain.commitments);
      assert.deepEqual(shares, plain.signatureShares);
      const signature = aggregate({ public: key, commitments, shares, message, tweak, path });
      assert.ok(verifySignature(scheme, publicKeyOf(key, tweak, path), message, signature));
      assert.ok(pairwise.every((round) => [...round.values()].every((one) => one.size === 0)));
      assert.deepEqual(
        [...results.values()],
        signers.map(() => ({ kind: 'nothing' })),
      );
    }
  });

  test(`T36: ${scheme}: the signers are those of the plan: nobody is left out or put in on the way`, () => {
    const changes: readonly (readonly [ErrorCode, number, (all: Map<number, Uint8Array>) => void])[] = [
      ['threshold/message-missing', 3, (all) => all.delete(3)],
      ['threshold/unexpected-party', 4, (all) => all.set(4, all.get(3) ?? new Uint8Array())],
      ['threshold/unexpected-party', 1, (all) => all.set(1, all.get(3) ?? new Uint8Array())],
      ['threshold/unexpected-party', 0, (all) => all.set(0, all.get(3) ?? new Uint8Array())],
    ];
    for (const [code, party, change] of changes) {
      const drive = (): unknown =>
        driveRuns(runsOf([1, 2, 3]), ({ receiver, broadcasts }) => {
          if (receiver === 1) {
            change(broadcasts);
          }
        });
      assert.throws(drive, refusedWith(code, party));
    }
  });

  test(`${scheme}: check 15: nothing is pairwise in signing: what is sent to one signer alone is refused`, () => {
    const run = begin(1, [1, 2]);
    run.step(1, nothing);
    const broadcasts = new Map([[2, begin(2, [1, 2]).step(1, nothing).broadcast]]);
    const pairwise = new Map([[2, new Uint8Array(32)]]);
    assert.throws(() => run.step(2, { broadcasts, pairwise }), refusedWith('threshold/unexpected-party', 2));
  });

  test(`${scheme}: check 15: plans without the own index, with a stranger, not rising or below the threshold are refused`, () => {
    for (const signers of [[2, 3], [1], [], [2, 1], [1, 1, 2], [1, 5], [0, 1], [1, 2.5]]) {
      assert.throws(() => begin(1, signers), refusedWith('threshold/bad-parameters'));
    }
  });

  test(`T12: ${scheme}: each step once, in order; after a refusal, after the end and after a wipe there is none`, () => {
    const used = refusedWith('threshold/state-used');
    const others = (): { broadcasts: Map<number, Uint8Array>; pairwise: Map<number, Uint8Array> } => ({
      broadcasts: new Map([[2, begin(2, [1, 2]).step(1, nothing).broadcast]]),
      pairwise: new Map(),
    });
    const late = begin(1, [1, 2]);
    assert.throws(() => late.step(2, others()), used);
    assert.throws(() => late.step(1, nothing), used);

    const twice = begin(1, [1, 2]);
    twice.step(1, nothing);
    assert.throws(() => twice.step(1, nothing), used);
    assert.throws(() => twice.step(2, others()), used);

    const refused = begin(1, [1, 2]);
    refused.step(1, nothing);
    assert.throws(() => refused.step(2, nothing), refusedWith('threshold/message-missing', 2));
    assert.throws(() => refused.step(2, others()), used);
    assert.throws(() => refused.takeResult(), used);

    const done = begin(1, [1, 2]);
    done.step(1, nothing);
    assert.throws(() => done.takeResult(), used);
    const finished = begin(1, [1, 2]);
    finished.step(1, nothing);
    finished.step(2, others());
    assert.deepEqual(finished.takeResult(), { kind: 'nothing' });
    assert.throws(() => finished.takeResult(), used);
    assert.throws(() => finished.step(2, others()), used);
    assert.throws(() => finished.step(3, others()), used);

    const wiped = begin(1, [1, 2]);
    wiped.step(1, nothing);
    wiped.wipe();
    wiped.wipe();
    assert.throws(() => wiped.step(2, others()), used);
  });

  test(`T12: ${scheme}: a run has no form outside memory, and what it was lent stays its owner's`, () => {
    const given = plan(1, [1, 2]);
    const run = frostSignRun(given, insecureSeeded('lent'));
    run.step(1, nothing);
    assert.equal(JSON.stringify(run), '{}');
    assert.doesNotMatch(inspect(run, { depth: 9, showHidden: true }), /Uint8Array|\d{5}/);
    const before = given.share.secret.slice();
    run.wipe();
    assert.deepEqual(given.share.secret, before);
    // The other way round: the owner wipes what it lent, and the run has its copy.
    const second = frostSignRun(given, insecureSeeded('lent'));
    given.share.secret.fill(0);
    assert.equal(second.step(1, nothing).broadcast.length > 64, true);
  });

  test(`T12: ${scheme}: the run's copy of the share is zero after the last step, a refusal and a wipe`, () => {
    const opened = (): { run: Run; copy: () => Uint8Array } => {
      const given = plan(1, [1, 2]);
      let copy = new Uint8Array(1);
      // The run copies what it is lent: here the copy is seen.
      given.share.secret.slice = () => (copy = Uint8Array.from(given.share.secret));
      const run = frostSignRun(given, insecureSeeded('copy'));
      run.step(1, nothing);
      assert.deepEqual(copy, shareOf(1).secret);
      return { run, copy: () => copy };
    };
    const broadcasts = new Map([[2, begin(2, [1, 2]).step(1, nothing).broadcast]]);
    for (const end of [
      (run: Run) => run.step(2, { ...nothing, broadcasts }),
      (run: Run) => {
        assert.throws(() => run.step(2, nothing));
      },
      (run: Run) => {
        run.wipe();
      },
    ]) {
      const { run, copy } = opened();
      end(run);
      assert.deepEqual(copy(), new Uint8Array(32));
    }
  });
}
