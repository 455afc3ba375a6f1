import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { joinedKey } from '../../test/threshold/joined.ts';
import { indices, insecureSeeded, runDkg, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import { maxRoundPayload } from '../../wire/limits.ts';
import {
  dkgRound1,
  dkgRound2,
  dkgRound3,
  checkKeyShare,
  encodeKeyPublic,
  wipe,
  wipeKeyShare,
} from '../index.ts';
import { groupOf } from '../scheme.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);

for (const scheme of schemes) {
  const options = {
    scheme,
    session: sessionOf('one'),
    index: 1,
    participants: [1, 2],
    threshold: 2,
    random: insecureSeeded('one'),
  };

  test(`${scheme}: all parties come to one key, one chain code and one confirmation`, () => {
    const { shares, confirmations } = runDkg({
      scheme,
      threshold: 3,
      participants: [1, 4, 7, 32],
      seed: 'a',
    });
    const [first] = shares.values();
    assert.ok(first !== undefined);
    const publics = [...shares.values()].map((share) => toHex(encodeKeyPublic(share.public)));
    assert.equal(new Set(publics).size, 1);
    assert.equal(new Set([...confirmations.values()].map(toHex)).size, 1);
    assert.equal([...confirmations.values()][0]?.length, 32);
    assert.equal(first.public.generation, 1);
    assert.equal(first.public.chainCode.length, 32);
    for (const share of shares.values()) {
      checkKeyShare(share);
    }
  });

  test(`${scheme}: any t shares give the secret of the joint key, and t - 1 do not`, () => {
    const { shares } = runDkg({ scheme, threshold: 3, participants: indices(4), seed: 'b' });
    const joined = (set: readonly number[]): string =>
      joinedKey(set.flatMap((index) => shares.get(index) ?? []));
    const wanted = toHex(shares.get(1)?.public.groupPublicKey ?? new Uint8Array());
    assert.equal(joined([1, 2, 3]), wanted);
    assert.equal(joined([4, 2, 1]), wanted);
    assert.equal(joined([1, 2, 3, 4]), wanted);
    assert.notEqual(joined([1, 2]), wanted);
  });

  test(`T18: ${scheme}: the same randomness in another session, set or threshold gives other commitments`, () => {
    const made = [
      {},
      { session: sessionOf('two') },
      { participants: [1, 3] },
      { participants: [1, 2, 3] },
      { participants: [1, 2, 3], threshold: 3 },
    ].map((change) => toHex(dkgRound1({ ...options, ...change, random: insecureSeeded('same') }).broadcast));
    assert.equal(new Set(made).size, made.length);
  });

  test(`${scheme}: a state serves once, and shows nothing`, () => {
    const setting = { scheme, threshold: 2, participants: [1, 2], session: sessionOf('c') };
    const [one, two] = [1, 2].map((index) =>
      dkgRound1({ ...setting, index, random: insecureSeeded(`c/${index}`) }),
    );
    assert.ok(one !== undefined && two !== undefined);
    for (const shown of [JSON.stringify(one.state), JSON.stringify(structuredClone(one.state))]) {
      assert.equal(shown, '{}');
    }
    assert.doesNotMatch(inspect(one.state, { depth: 9, showHidden: true }), /Uint8Array|bigint|\d{5}/);
    const broadcasts = new Map([[2, two.broadcast]]);
    const second = dkgRound2(one.state, broadcasts);
    assert.throws(() => dkgRound2(one.state, broadcasts), refusedWith('threshold/state-used'));
    const other = dkgRound2(two.state, new Map([[1, one.broadcast]]));
    const openings = new Map([[2, other.broadcast]]);
    const dealt = new Map([[2, other.pairwise.get(1) ?? new Uint8Array()]]);
    const { share } = dkgRound3(second.state, openings, dealt);
    assert.throws(() => dkgRound3(second.state, openings, dealt), refusedWith('threshold/state-used'));
    wipeKeyShare(share);
    assert.throws(() => {
      checkKeyShare(share);
    }, refusedWith('threshold/share-mismatch'));
  });

  test(`${scheme}: a refused round uses its state up`, () => {
    const { state } = dkgRound1(options);
    assert.throws(() => dkgRound2(state, new Map()), refusedWith('threshold/message-missing'));
    assert.throws(() => dkgRound2(state, new Map()), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: a wiped state serves no more, and wiping twice is fine`, () => {
    const { state } = dkgRound1(options);
    wipe(state);
    wipe(state);
    assert.throws(() => dkgRound2(state, new Map()), refusedWith('threshold/state-used'));
  });

  test(`T34: ${scheme}: an opening for 32 parties with threshold 32 fits a round message`, () => {
    const participants = indices(32);
    const made = participants.map((index) =>
      dkgRound1({ ...options, index, participants, threshold: 32, random: insecureSeeded(`big/${index}`) }),
    );
    const broadcasts = new Map(made.map(({ broadcast }, i) => [i + 1, broadcast]));
    broadcasts.delete(1);
    const [first] = made;
    assert.ok(first !== undefined);
    const { broadcast, pairwise } = dkgRound2(first.state, broadcasts);
    assert.ok(broadcast.length <= 2_048 && broadcast.length < maxRoundPayload, `${broadcast.length} bytes`);
    assert.equal(pairwise.size, 31);
    assert.ok([...pairwise.values()].every((share) => share.length === 32));
  });
}

const wrongParameters: readonly (readonly [string, object])[] = [
  ['T17: index 0', { participants: [0, 1] }],
  ['T17: an index twice', { participants: [1, 1] }],
  ['T17: indices not rising', { participants: [2, 1] }],
  ['an index above the limit', { participants: [1, 33] }],
  ['a fractional index', { participants: [1, 1.5] }],
  ['one party', { participants: [1] }],
  ['no parties', { participants: [] }],
  ['threshold 1', { threshold: 1 }],
  ['threshold 0', { threshold: 0 }],
  ['a threshold above n', { threshold: 3 }],
  ['a fractional threshold', { participants: [1, 2, 3], threshold: 2.5 }],
  ['an own index that takes no part', { index: 3 }],
  ['a short session id', { session: new Uint8Array(31) }],
];
for (const [what, change] of wrongParameters) {
  test(`round 1 refuses ${what}`, () => {
    assert.throws(
      () =>
        dkgRound1({
          scheme: 'frost-ed25519',
          session: sessionOf('x'),
          index: 1,
          participants: [1, 2],
          threshold: 2,
          random: insecureSeeded('x'),
          ...change,
        }),
      refusedWith('threshold/bad-parameters'),
    );
  });
}

test('round 1 refuses a source of randomness that gives another number of bytes', () => {
  assert.throws(
    () =>
      dkgRound1({
        scheme: 'frost-ed25519',
        session: sessionOf('x'),
        index: 1,
        participants: [1, 2],
        threshold: 2,
        random: () => new Uint8Array(16),
      }),
    refusedWith('threshold/bad-randomness'),
  );
});

for (const scheme of schemes) {
  const group = groupOf(scheme);
  const wide = (scalar: bigint): Uint8Array => {
    const [raw, zeros] = [group.encodeScalar(group.reduce(scalar)), new Uint8Array(16)];
    return scheme === 'frost-ed25519' ? Uint8Array.of(...raw, ...zeros) : Uint8Array.of(...zeros, ...raw);
  };
  const seed = `degenerate/${scheme}`;
  const drawn = insecureSeeded(`${seed}/1`);
  const draw = (): bigint => group.decodeScalar(group.scalars.random(drawn)) ?? 0n;
  const [a0, a1, other] = [draw(), draw(), 7n];
  // What no party can know of another: here one draws coefficients that cancel the other's out.
  for (const [what, first, second] of [
    ['key is the identity', -a0, other],
    ['share of party 1 is zero', other, -(a0 + a1 + other)],
  ] as const) {
    test(`T17: ${scheme}: coefficients of which the ${what}: no key`, () => {
      const session = sessionOf(seed);
      const crafted = [wide(first), wide(second)];
      const random = insecureSeeded(`${seed}/2`);
      const usual = { scheme, session, participants: [1, 2], threshold: 2 };
      const one = dkgRound1({ ...usual, index: 1, random: insecureSeeded(`${seed}/1`) });
      const two = dkgRound1({ ...usual, index: 2, random: (n) => crafted.shift() ?? random(n) });
      const oneOpens = dkgRound2(one.state, new Map([[2, two.broadcast]]));
      const twoOpens = dkgRound2(two.state, new Map([[1, one.broadcast]]));
      const dealt = twoOpens.pairwise.get(1);
      assert.ok(dealt !== undefined);
      assert.throws(
        () => dkgRound3(oneOpens.state, new Map([[2, twoOpens.broadcast]]), new Map([[2, dealt]])),
        (error) => isSymbolonError(error, 'threshold/degenerate-value'),
      );
    });
  }
}
