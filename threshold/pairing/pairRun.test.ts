import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driveRuns, insecureSeeded, sessionOf, type Driven } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { PlanOf } from '../plan.ts';
import type { Run } from '../run.ts';
import { pairRun } from './pairRun.ts';
import { openPairing, pairingBytes, type PairingKeys } from './pairingKeys.ts';
import { blocks, leafBytes } from './puncturedPrf.ts';
import { bitOf } from './select.ts';

const runsOf = (seed: string, participants: readonly number[]): Map<number, Run> =>
  new Map(
    participants.map((index) => [
      index,
      pairRun(
        { kind: 'pair', session: sessionOf(seed), index, participants },
        insecureSeeded(`${seed}/${index}`),
      ),
    ]),
  );
function oneOf(runs: ReadonlyMap<number, Run>): Run {
  const run = runs.get(1);
  assert.ok(run !== undefined);
  return run;
}
const refused = (code: ErrorCode) => (error: unknown) => isSymbolonError(error, code);

function pairingsOf(
  driven: Driven,
  index: number,
): ReadonlyMap<number, { id: Uint8Array; secret: Uint8Array }> {
  const result = driven.results.get(index);
  assert.ok(result?.kind === 'pairings');
  return result.pairings;
}
function opened(driven: Driven, index: number, peer: number): PairingKeys {
  const pairing = pairingsOf(driven, index).get(peer);
  assert.ok(pairing !== undefined);
  return openPairing(pairing.secret);
}

/** Bob's leaves and Alice's belong to one tree in every block. */
function assertFit(bob: PairingKeys, alice: PairingKeys): void {
  for (let block = 0; block < blocks; block += 1) {
    const delta = 2 * bitOf(alice.nabla, 2 * block) + bitOf(alice.nabla, 2 * block + 1);
    for (let d = 1; d < 4; d += 1) {
      const [mine, theirs] = [3 * block + d - 1, 4 * block + (delta ^ d)];
      assert.deepEqual(
        alice.aliceLeaves.subarray(mine * leafBytes, (mine + 1) * leafBytes),
        bob.bobLeaves.subarray(theirs * leafBytes, (theirs + 1) * leafBytes),
      );
    }
  }
}

test('given three participants, when they pair, then each two fit in both directions and share one seed and one id', () => {
  const participants = [1, 4, 7];
  const driven = driveRuns(runsOf('three', participants));
  const ids = new Set<string>();
  const seeds = new Set<string>();
  for (const index of participants) {
    assert.deepEqual(
      [...pairingsOf(driven, index).keys()],
      participants.filter((peer) => peer !== index),
    );
    for (const peer of participants.filter((one) => one > index)) {
      const [mine, theirs] = [opened(driven, index, peer), opened(driven, peer, index)];
      assertFit(mine, theirs);
      assertFit(theirs, mine);
      assert.deepEqual(mine.id, theirs.id);
      assert.deepEqual(pairingsOf(driven, index).get(peer)?.id, mine.id);
      assert.deepEqual(mine.zeroSeed, theirs.zeroSeed);
      assert.notDeepEqual(mine.nabla, theirs.nabla);
      assert.deepEqual([mine.index, mine.peer, theirs.index, theirs.peer], [index, peer, peer, index]);
      ids.add(toHex(mine.id));
      seeds.add(toHex(mine.zeroSeed));
    }
  }
  assert.equal(ids.size, 3);
  assert.equal(seeds.size, 3);
});

test('T16: all participants end with one confirmation, which is the last broadcast too, and another in another session', () => {
  const first = driveRuns(runsOf('confirmation', [1, 2]));
  const other = driveRuns(runsOf('confirmation/2', [1, 2]));
  const [one, two, apart] = [first, first, other].map((driven, i) => {
    const result = driven.results.get(i === 1 ? 2 : 1);
    assert.ok(result?.kind === 'pairings');
    return result.confirmation;
  });
  assert.deepEqual(one, two);
  assert.deepEqual(first.broadcasts[2]?.get(1), one);
  assert.notDeepEqual(one, apart);
});

test('messages have the sizes that SPEC.md gives', () => {
  const sizes = (participants: readonly number[]): readonly number[] => {
    const driven = driveRuns(runsOf('sizes', participants));
    const pairwise = (round: number): number => driven.pairwise[round]?.get(1)?.get(2)?.length ?? 0;
    const broadcast = (round: number): number => driven.broadcasts[round]?.get(1)?.length ?? 0;
    const secret = pairingsOf(driven, 1).get(2)?.secret.length ?? 0;
    return [broadcast(0), pairwise(0), broadcast(1), pairwise(1), broadcast(2), pairwise(2), secret];
  };
  assert.deepEqual(sizes([1, 2]), [63, 8_206, 43, 4_243, 32, 0, 7_299]);
  assert.deepEqual(sizes([1, 2, 3]), [115, 8_206, 43, 4_243, 32, 0, 7_299]);
});

test('P1: parameters that do not fit together are refused', () => {
  const plan = { kind: 'pair', session: sessionOf('p1'), index: 1, participants: [1, 2] } as const;
  const refuses = (change: Partial<PlanOf<'pair'>>): void => {
    const run = pairRun({ ...plan, ...change }, insecureSeeded('p1'));
    assert.throws(
      () => run.step(1, { broadcasts: new Map(), pairwise: new Map() }),
      refused('threshold/bad-parameters'),
    );
  };
  refuses({ participants: [2, 3] });
  refuses({ participants: [1] });
  refuses({ participants: [2, 1] });
  refuses({ participants: [1, 1, 2] });
  refuses({ participants: [0, 1] });
  refuses({ participants: [1, 33] });
  refuses({ session: new Uint8Array(31) });
});

test('P2: steps come once and in order, the result once, and nothing after a step that threw', () => {
  const none = { broadcasts: new Map<number, Uint8Array>(), pairwise: new Map<number, Uint8Array>() };
  const used = refused('threshold/state-used');
  const run = (): Run => oneOf(runsOf('p2', [1, 2]));
  const skipped = run();
  assert.throws(() => skipped.step(2, none), used);
  assert.throws(() => skipped.step(1, none), used);
  const twice = run();
  twice.step(1, none);
  assert.throws(() => twice.step(1, none), used);
  const broken = run();
  broken.step(1, none);
  assert.throws(() => broken.step(2, none), refused('threshold/message-missing'));
  assert.throws(() => broken.step(2, none), used);
  assert.throws(() => broken.takeResult(), used);
  const runs = runsOf('p2', [1, 2]);
  driveRuns(runs);
  assert.throws(() => runs.get(1)?.takeResult(), used);
});

test('T12: an opened pairing shows no secret, gives none after it was wiped, and its bytes are zero then', () => {
  const driven = driveRuns(runsOf('keys', [1, 2]));
  const keys = opened(driven, 1, 2);
  const secrets = [keys.nabla, keys.aliceLeaves, keys.bobLeaves, keys.zeroSeed];
  assert.deepEqual(Object.keys(keys), ['id', 'index', 'peer']);
  const shown = JSON.stringify(keys) + JSON.stringify(structuredClone(keys));
  assert.ok(!shown.includes('Leaves') && !shown.includes('nabla') && !shown.includes('zeroSeed'));
  assert.ok(secrets.every((secret) => secret.some((byte) => byte !== 0)));
  keys.wipe();
  keys.wipe();
  assert.ok(secrets.every((secret) => secret.every((byte) => byte === 0)));
  for (const name of ['nabla', 'aliceLeaves', 'bobLeaves', 'zeroSeed'] as const) {
    assert.throws(() => keys[name], refused('threshold/state-used'));
  }
});

test('opening a pairing copies it: wiping the bytes leaves the keys, and the other way round', () => {
  const secret = pairingsOf(driveRuns(runsOf('copy', [1, 2])), 1).get(2)?.secret;
  assert.ok(secret !== undefined);
  const [first, second] = [openPairing(secret), openPairing(secret)];
  first.wipe();
  assert.deepEqual(pairingBytes.decode(secret).nabla, second.nabla);
  secret.fill(0);
  assert.ok(second.nabla.some((byte) => byte !== 0));
});

test('a run that is wiped before its end leaves zeros and takes no further step', () => {
  const runs = runsOf('wiped', [1, 2]);
  const run = oneOf(runs);
  run.step(1, { broadcasts: new Map(), pairwise: new Map() });
  run.wipe();
  run.wipe();
  assert.throws(
    () => run.step(2, { broadcasts: new Map(), pairwise: new Map() }),
    refused('threshold/state-used'),
  );
});
