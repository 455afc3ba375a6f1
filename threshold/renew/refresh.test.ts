import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinedKey, joinedSecret } from '../../test/threshold/joined.ts';
import { runRefresh } from '../../test/threshold/renew.ts';
import { dealKey, driveRuns, indices, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import { checkKeyShare, encodeKeyPublic, refreshRun, type KeyShare, type Run } from '../index.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);

const of = (shares: ReadonlyMap<number, KeyShare>, set: readonly number[]): KeyShare[] =>
  set.flatMap((index) => shares.get(index) ?? []);

for (const scheme of schemes) {
  const participants = [1, 2, 4, 7];
  const old = dealKey({ scheme, threshold: 3, participants, seed: 'refresh' });
  const before = old.get(1)?.public;
  assert.ok(before !== undefined);

  test(`${scheme}: after a refresh every share is another, and they are shares of the same key`, () => {
    const { next, broadcasts, results } = runRefresh(old, `refresh/${scheme}`);
    const publics = new Set([...next.values()].map((share) => toHex(encodeKeyPublic(share.public))));
    assert.equal(publics.size, 1);
    assert.equal(new Set([...(broadcasts[2]?.values() ?? [])].map(toHex)).size, 1);
    for (const [index, share] of next) {
      checkKeyShare(share);
      assert.notDeepEqual(share.secret, old.get(index)?.secret);
      assert.notDeepEqual(share.public.verifyingShares.get(index), before.verifyingShares.get(index));
      const { verifyingShares } = share.public;
      assert.deepEqual(share.public, { ...before, verifyingShares, generation: before.generation + 1 });
      assert.deepEqual([...verifyingShares.keys()], participants);
      assert.equal(results.get(index)?.kind, 'key-share');
    }
    const wanted = joinedSecret(of(old, [1, 2, 4]));
    for (const set of [
      [1, 2, 4],
      [7, 4, 1],
      [1, 2, 4, 7],
    ]) {
      assert.equal(joinedSecret(of(next, set)), wanted);
    }
    assert.equal(joinedKey(of(next, [2, 4, 7])), toHex(before.groupPublicKey));
    assert.notEqual(joinedSecret(of(next, [1, 2])), wanted);
  });

  test(`T20: ${scheme}: shares of two generations do not make the secret together`, () => {
    const { next } = runRefresh(old, `mixed/${scheme}`);
    const wanted = joinedSecret(of(old, [1, 2, 4]));
    for (const mixed of [
      [...of(old, [1, 2]), ...of(next, [4])],
      [...of(next, [1, 2]), ...of(old, [4])],
      [...of(old, [1]), ...of(next, [2, 4])],
    ]) {
      assert.notEqual(joinedSecret(mixed), wanted);
    }
  });

  test(`${scheme}: a key goes through many refreshes`, () => {
    let shares: ReadonlyMap<number, KeyShare> = old;
    for (let i = 0; i < 4; i += 1) {
      shares = runRefresh(shares, `again/${scheme}/${i}`).next;
    }
    assert.equal(shares.get(1)?.public.generation, 5);
    assert.equal(joinedKey(of(shares, [1, 4, 7])), toHex(before.groupPublicKey));
  });

  test(`${scheme}: what was lent is left as it was, and a run wipes only its own copy`, () => {
    const [share] = old.values();
    assert.ok(share !== undefined);
    const lent = { ...share, secret: share.secret.slice() };
    const run = refreshRun({ kind: 'refresh', share: lent, session: sessionOf('x') }, insecureSeeded('x'));
    run.step(1, { broadcasts: new Map(), pairwise: new Map() });
    run.wipe();
    assert.deepEqual(lent.secret, share.secret);
    // And the lender may wipe what it lent as soon as the run is made.
    const runs = new Map<number, Run>();
    for (const [index, one] of old) {
      const mine = { ...one, secret: one.secret.slice() };
      runs.set(
        index,
        refreshRun({ kind: 'refresh', share: mine, session: sessionOf('x') }, insecureSeeded(`x/${index}`)),
      );
      mine.secret.fill(0);
    }
    for (const result of driveRuns(runs).results.values()) {
      assert.equal(result.kind, 'key-share');
      checkKeyShare(result.share);
    }
  });

  test(`${scheme}: each other holder is sent a share in round 2, nobody else`, () => {
    const [share] = old.values();
    assert.ok(share !== undefined);
    const run = refreshRun({ kind: 'refresh', share, session: sessionOf('x') }, insecureSeeded('x'));
    assert.equal(run.rounds, 3);
    assert.ok(run.sendsPairwise(2, 2, 7));
    assert.ok(!run.sendsPairwise(2, 2, 2) && !run.sendsPairwise(2, 2, 3) && !run.sendsPairwise(1, 2, 7));
  });

  test(`T29: ${scheme}: R1: a share that is damaged, wiped or of another index deals nothing`, () => {
    const [share] = old.values();
    assert.ok(share !== undefined);
    for (const damaged of [
      { ...share, secret: old.get(2)?.secret ?? new Uint8Array() },
      { ...share, secret: new Uint8Array(32) },
      { ...share, index: 3 },
    ]) {
      assert.throws(
        () => refreshRun({ kind: 'refresh', share: damaged, session: sessionOf('x') }, insecureSeeded('x')),
        refusedWith('threshold/share-mismatch'),
      );
    }
    assert.throws(
      () => refreshRun({ kind: 'refresh', share, session: new Uint8Array(31) }, insecureSeeded('x')),
      refusedWith('threshold/bad-parameters'),
    );
    const last = { ...share, public: { ...share.public, generation: Number.MAX_SAFE_INTEGER } };
    assert.throws(
      () => refreshRun({ kind: 'refresh', share: last, session: sessionOf('x') }, insecureSeeded('x')),
      refusedWith('threshold/bad-parameters'),
    );
  });
}

test('any n up to 10 and any t: a refresh keeps the secret', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...schemes),
      fc.shuffledSubarray(indices(32), { minLength: 2, maxLength: 10 }),
      fc.nat(),
      (scheme, set, pick) => {
        const participants = set.sort((a, b) => a - b);
        const threshold = 2 + (pick % (participants.length - 1));
        const old = dealKey({ scheme, threshold, participants, seed: `any/${pick}` });
        const { next } = runRefresh(old, `any/${pick}`);
        const signers = participants.slice(-threshold);
        assert.equal(joinedSecret(of(next, signers)), joinedSecret(of(old, signers)));
        assert.notDeepEqual(next.get(signers[0] ?? 0)?.secret, old.get(signers[0] ?? 0)?.secret);
      },
    ),
    { numRuns: 12, seed: 1 },
  );
});
