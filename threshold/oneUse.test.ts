import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indices, insecureSeeded, runDkg, sessionOf } from '../test/threshold/run.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { commit, dkgRound1, dkgRound2, dkgRound3, signShare } from './index.ts';
import { OneUse } from './oneUse.ts';

const allZero = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);

/** Looks at the content of a holder, and gives a holder of the same content that works on. */
function opened<T>(holder: OneUse<T>, wipeContent: (content: T) => void): { content: T; holder: OneUse<T> } {
  const content = OneUse.take(holder);
  return { content, holder: new OneUse('test', content, wipeContent) };
}

test('content can be taken once, and is wiped once', () => {
  let wiped = 0;
  const holder = new OneUse('thing', { secret: 1 }, () => {
    wiped += 1;
  });
  assert.deepEqual(OneUse.take(holder), { secret: 1 });
  assert.throws(
    () => OneUse.take(holder),
    (error) => isSymbolonError(error, 'threshold/state-used') && error.facts.what === 'thing',
  );
  holder.wipe();
  assert.equal(wiped, 0);
  const other = new OneUse('thing', {}, () => {
    wiped += 1;
  });
  other.wipe();
  other.wipe();
  assert.equal(wiped, 1);
  assert.throws(() => OneUse.take(other));
});

test('given a key generation, when a round is over, then what it needs no more is zero, after a refusal too', () => {
  const setting = {
    scheme: 'frost-ed25519',
    session: sessionOf('wipe'),
    participants: [1, 2],
    threshold: 2,
  } as const;
  const make = (index: number): ReturnType<typeof dkgRound1> =>
    dkgRound1({ ...setting, index, random: insecureSeeded(`wipe/${index}`) });
  const two = make(2);
  const first = opened(make(1).state, () => undefined);
  assert.ok(!first.content.coefficients.some(allZero));
  const second = dkgRound2(first.holder, new Map([[2, two.broadcast]]));
  assert.ok(first.content.coefficients.every(allZero));

  const third = opened(second.state, () => undefined);
  const { ownShare } = third.content;
  assert.ok(ownShare !== undefined && !allZero(ownShare));
  assert.throws(() => dkgRound3(third.holder, new Map(), new Map()));
  assert.ok(allZero(ownShare));

  const refused = opened(make(1).state, () => undefined);
  assert.throws(() => dkgRound2(refused.holder, new Map()));
  assert.ok(refused.content.coefficients.every(allZero));
});

test('T12: given nonces, when they have signed or were refused, then they are zero', () => {
  const { shares } = runDkg({
    scheme: 'frost-ed25519',
    threshold: 2,
    participants: indices(2),
    seed: 'wipe',
  });
  const [one, two] = [...shares.values()];
  assert.ok(one !== undefined && two !== undefined);
  for (const refused of [false, true]) {
    const own = commit({ share: one, random: insecureSeeded('1') });
    const other = commit({ share: two, random: insecureSeeded('2') });
    const { content, holder } = opened(own.nonces, () => undefined);
    const commitments = new Map([
      [1, own.commitment],
      [2, refused ? new Uint8Array() : other.commitment],
    ]);
    const sign = (): Uint8Array =>
      signShare({
        share: one,
        nonces: holder,
        commitments,
        message: new Uint8Array(4),
        tweak: 'none',
        path: [],
      });
    if (refused) {
      assert.throws(sign);
    } else {
      sign();
    }
    assert.ok(allZero(content.hiding) && allZero(content.binding));
  }
});
