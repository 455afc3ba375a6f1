/**
 * Party 2 of three cheats towards party 1, or the other way round; whoever can must stop and name it. Every field of every
 * message is changed in every way that the table knows, one at a time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flipped } from '../../test/threshold/dealer.ts';
import { bytesAt, fieldsOf, withField, type FieldPath } from '../../test/threshold/fields.ts';
import { insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { OneUse } from '../oneUse.ts';
import type { RoundInput, RoundOutput } from '../run.ts';
import { nativeOtGroup } from './nativeOtGroup.ts';
import { pairingRound1, wipeRound1, type OfferedPeer, type Round1Content } from './round1.ts';
import { pairingRound2, wipeRound2, type AnsweredPeer, type Round2Content } from './round2.ts';
import { pairingRound3 } from './round3.ts';
import { otBindingOf } from './transcript.ts';

const participants = [1, 2, 3];
const cheater = 2;

/** What a session sent, and states of it that can be used any number of times. */
interface Recorded {
  readonly sent: readonly ReadonlyMap<number, RoundOutput>[];
  readonly after1: ReadonlyMap<number, Round1Content>;
  readonly after2: ReadonlyMap<number, Round2Content>;
}

const copyOffered = (peer: OfferedPeer): OfferedPeer => ({
  ...peer,
  receiver: {
    ...peer.receiver,
    choices: peer.receiver.choices.slice(),
    scalars: peer.receiver.scalars.slice(),
  },
  seed: peer.seed.slice(),
});
const copyAnswered = (peer: AnsweredPeer): AnsweredPeer => ({
  ...copyOffered(peer),
  leaves: peer.leaves.slice(),
  commitment: peer.commitment.slice(),
});

const deliver = (sent: ReadonlyMap<number, RoundOutput> | undefined, to: number): RoundInput => {
  const others = [...(sent ?? [])].filter(([from]) => from !== to);
  return {
    broadcasts: new Map(others.map(([from, { broadcast }]) => [from, broadcast])),
    pairwise: new Map(
      others.flatMap(([from, { pairwise }]) => {
        const raw = pairwise.get(to);
        return raw === undefined ? [] : [[from, raw] as const];
      }),
    ),
  };
};

function record(seed: string): Recorded {
  const first = new Map<number, RoundOutput>();
  const after1 = new Map<number, Round1Content>();
  for (const index of participants) {
    const plan = { kind: 'pair', session: sessionOf(seed), index, participants } as const;
    const { state, output } = pairingRound1(plan, nativeOtGroup, insecureSeeded(`${seed}/${index}`));
    first.set(index, output);
    after1.set(index, OneUse.take(state));
  }
  const second = new Map<number, RoundOutput>();
  const after2 = new Map<number, Round2Content>();
  for (const index of participants) {
    const { state, output } = round2({ after1 }, index, deliver(first, index));
    second.set(index, output);
    after2.set(index, OneUse.take(state));
  }
  return { sent: [first, second], after1, after2 };
}

function round2(
  recorded: Pick<Recorded, 'after1'>,
  index: number,
  input: RoundInput,
): ReturnType<typeof pairingRound2> {
  const content = recorded.after1.get(index);
  assert.ok(content !== undefined);
  const copy: Round1Content = { ...content, peers: content.peers.map(copyOffered) };
  return pairingRound2(new OneUse('test', copy, wipeRound1), input);
}

function round3(
  recorded: Pick<Recorded, 'after2'>,
  index: number,
  input: RoundInput,
): ReturnType<typeof pairingRound3> {
  const content = recorded.after2.get(index);
  assert.ok(content !== undefined);
  const copy: Round2Content = { ...content, peers: content.peers.map(copyAnswered) };
  const made = pairingRound3(new OneUse('test', copy, wipeRound2), input);
  assert.ok(copy.peers.every(({ seed, leaves }) => [...seed, ...leaves].every((byte) => byte === 0)));
  return made;
}

const honest = record('adversary');
const otherSession = record('adversary/other');

const named =
  (codes: readonly ErrorCode[], party = cheater) =>
  (error: unknown): boolean => {
    assert.ok(
      isSymbolonError(error) && codes.includes(error.code),
      `${String(error)}, not one of ${codes.join(', ')}`,
    );
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };

type Kind = 'broadcasts' | 'pairwise';
/** The input of party 1 with the cheater's message changed. */
function changed(round: 2 | 3, kind: Kind, change: (raw: Uint8Array) => Uint8Array, to = 1): RoundInput {
  const input = deliver(honest.sent[round - 2], to);
  const messages = new Map(input[kind]);
  messages.set(cheater, change(messages.get(cheater) ?? new Uint8Array()));
  return { ...input, [kind]: messages };
}
const sentBy = (recorded: Recorded, round: 2 | 3, kind: Kind, from: number, to: number): Uint8Array => {
  const output = recorded.sent[round - 2]?.get(from);
  const raw = kind === 'broadcasts' ? output?.broadcast : output?.pairwise.get(to);
  assert.ok(raw !== undefined);
  return raw;
};

/** Ways to change a field of bytes; those of `foreign` put the same field of another message in its place. */
function variants(
  round: 2 | 3,
  kind: Kind,
  path: FieldPath,
): readonly (readonly [string, (raw: Uint8Array) => Uint8Array])[] {
  const size = bytesAt(sentBy(honest, round, kind, cheater, 1), path).length;
  const set = (next: (old: Uint8Array) => Uint8Array) => (raw: Uint8Array) =>
    withField(raw, path, next(bytesAt(raw, path)));
  const places = [0, 1, 8 * size - 1, 4 * size, 3 * size + 5].filter((bit) => bit < 8 * size);
  return [
    ...places.map((bit) => [`bit ${bit} flipped`, set((old) => flipped(old, bit))] as const),
    ['zeros', set((old) => new Uint8Array(old.length))],
    ['ones', set((old) => new Uint8Array(old.length).fill(0xff))],
    ['truncated', set((old) => old.slice(0, -1))],
    ['one byte longer', set((old) => new Uint8Array([...old, 0]))],
    ['empty', set(() => new Uint8Array())],
    ["party 3's", set(() => bytesAt(sentBy(honest, round, kind, 3, 1), path))],
    ["another session's", set(() => bytesAt(sentBy(otherSession, round, kind, cheater, 1), path))],
    ...(kind === 'pairwise'
      ? ([['meant for party 3', set(() => bytesAt(sentBy(honest, round, kind, cheater, 3), path))]] as const)
      : []),
  ];
}

test('the fields that the tables below change are all fields of all messages', () => {
  const paths = ([2, 3] as const).flatMap((round) =>
    (['broadcasts', 'pairwise'] as const).map((kind) =>
      fieldsOf(sentBy(honest, round, kind, cheater, 1)).map((path) => path.join('.')),
    ),
  );
  assert.deepEqual(paths, [
    ['v', 'seeds.0.peer', 'seeds.0.commitment', 'seeds.1.peer', 'seeds.1.commitment'],
    ['v', 'points'],
    ['v', 'view'],
    ['a', 'v', 'seed', 'proof', 'checkSums', 'corrections'],
  ]);
});

test('the unchanged messages pass, so that what fails below fails for its change', () => {
  for (const index of participants) {
    round2(honest, index, deliver(honest.sent[0], index));
    assert.equal(round3(honest, index, deliver(honest.sent[1], index)).pairings.size, 2);
  }
});

test('P4: another version, and bytes that are no message, are malformed in every message', () => {
  for (const round of [2, 3] as const) {
    const run = round === 2 ? round2 : round3;
    for (const kind of ['broadcasts', 'pairwise'] as const) {
      for (const change of [
        (raw: Uint8Array) => withField(raw, ['v'], 2),
        (raw: Uint8Array) => raw.slice(0, -1),
        (raw: Uint8Array) => new Uint8Array([...raw, 0]),
        () => new Uint8Array(),
        () => new Uint8Array(16_385),
      ]) {
        assert.throws(
          () => run(honest, 1, changed(round, kind, change)),
          named(['threshold/malformed-message']),
        );
      }
    }
  }
});

test('P3: an absent message, and one under an index that has no place, are refused', () => {
  for (const round of [2, 3] as const) {
    const run = round === 2 ? round2 : round3;
    for (const kind of ['broadcasts', 'pairwise'] as const) {
      const input = deliver(honest.sent[round - 2], 1);
      const without = new Map([...input[kind]].filter(([from]) => from !== cheater));
      assert.throws(
        () => run(honest, 1, { ...input, [kind]: without }),
        named(['threshold/message-missing']),
      );
      for (const index of [0, 1, 4]) {
        const more = new Map(input[kind]).set(index, new Uint8Array());
        assert.throws(
          () => run(honest, 1, { ...input, [kind]: more }),
          named(['threshold/unexpected-party'], index),
        );
      }
    }
  }
});

test('P5: an offer that has not one seed for each other participant, in their order, is malformed', () => {
  const refuses = (change: (raw: Uint8Array) => Uint8Array): void => {
    assert.throws(
      () => round2(honest, 1, changed(2, 'broadcasts', change)),
      named(['threshold/malformed-message']),
    );
  };
  for (const peer of [0, 2, 3, 4, 33]) {
    refuses((raw) => withField(raw, ['seeds', 0, 'peer'], peer));
  }
  refuses((raw) => withField(raw, ['seeds', 1, 'peer'], 1));
  const commitment = new Uint8Array(32);
  refuses((raw) => withField(raw, ['seeds'], [{ peer: 1, commitment }]));
  refuses((raw) => withField(raw, ['seeds'], []));
  refuses((raw) =>
    withField(
      raw,
      ['seeds'],
      [1, 3, 3].map((peer) => ({ peer, commitment })),
    ),
  );
  refuses((raw) =>
    withField(
      raw,
      ['seeds'],
      [3, 1].map((peer) => ({ peer, commitment })),
    ),
  );
});

for (const place of [0, 1]) {
  const path = ['seeds', place, 'commitment'];
  for (const [what, change] of variants(2, 'broadcasts', path)) {
    test(`T16: P8: commitment ${place} is ${what}, towards one party: it is malformed, or the views differ`, () => {
      const input = changed(2, 'broadcasts', change);
      if (
        bytesAt(withField(new Uint8Array([...(input.broadcasts.get(cheater) ?? [])]), ['v'], 1), path)
          .length !== 32
      ) {
        assert.throws(() => round2(honest, 1, input), named(['threshold/malformed-message']));
        return;
      }
      const { state } = round2(honest, 1, input);
      const content = OneUse.take(state);
      assert.throws(
        () => round3({ after2: new Map([[1, content]]) }, 1, deliver(honest.sent[1], 1)),
        named(['threshold/split-view']),
      );
    });
  }
}

for (const [what, change] of variants(2, 'pairwise', ['points'])) {
  test(`P6, P7: the points of base OTs are ${what}: they are malformed, or their sender gets no pairing out of it`, () => {
    const input = changed(2, 'pairwise', change);
    let output: RoundOutput;
    try {
      output = round2(honest, 1, input).output;
    } catch (error) {
      named(['threshold/malformed-message'])(error);
      return;
    }
    // Party 2 chose under other points than party 1 answered: the trees of party 1 are refused there.
    const answers = new Map(deliver(honest.sent[1], cheater).pairwise);
    answers.set(1, output.pairwise.get(cheater) ?? new Uint8Array());
    assert.throws(
      () => round3(honest, cheater, { ...deliver(honest.sent[1], cheater), pairwise: answers }),
      named(['threshold/bad-pairing'], 1),
    );
  });
}

for (const [what, change] of variants(3, 'broadcasts', ['view'])) {
  test(`P8: the view is ${what}: malformed or split-view, except where it is the same`, () => {
    const input = changed(3, 'broadcasts', change);
    if (what === "party 3's") {
      assert.equal(round3(honest, 1, input).pairings.size, 2);
    } else {
      assert.throws(
        () => round3(honest, 1, input),
        named(['threshold/malformed-message', 'threshold/split-view']),
      );
    }
  });
}

const answerFields = {
  a: ['threshold/malformed-message', 'threshold/bad-pairing'],
  corrections: ['threshold/malformed-message', 'threshold/bad-pairing'],
  checkSums: ['threshold/malformed-message', 'threshold/bad-pairing'],
  proof: ['threshold/malformed-message', 'threshold/bad-pairing'],
  seed: ['threshold/malformed-message', 'threshold/opening-mismatch'],
} as const;
for (const [field, codes] of Object.entries(answerFields)) {
  for (const [what, change] of variants(3, 'pairwise', [field])) {
    test(`P6, P7, P9: ${field} of the answer is ${what}: ${codes.join(' or ')}`, () => {
      assert.throws(() => round3(honest, 1, changed(3, 'pairwise', change)), named(codes));
    });
  }
}

test('P7, P9: whole answers of another session, of another party, and for another party are refused', () => {
  for (const raw of [
    sentBy(otherSession, 3, 'pairwise', cheater, 1),
    sentBy(honest, 3, 'pairwise', 3, 1),
    sentBy(honest, 3, 'pairwise', cheater, 3),
  ]) {
    assert.throws(
      () =>
        round3(
          honest,
          1,
          changed(3, 'pairwise', () => raw),
        ),
      named(['threshold/opening-mismatch', 'threshold/bad-pairing']),
    );
  }
});

test('P7: with the right seed, the trees of another session, of another party and for another party are refused', () => {
  const seed = bytesAt(sentBy(honest, 3, 'pairwise', cheater, 1), ['seed']);
  for (const raw of [
    sentBy(otherSession, 3, 'pairwise', cheater, 1),
    sentBy(honest, 3, 'pairwise', 3, 1),
    sentBy(honest, 3, 'pairwise', cheater, 3),
  ]) {
    assert.throws(
      () =>
        round3(
          honest,
          1,
          changed(3, 'pairwise', () => withField(raw, ['seed'], seed)),
        ),
      named(['threshold/bad-pairing']),
    );
  }
});

test('P6: the identity as A, and A whose encoding is not canonical, are malformed', () => {
  for (const a of [
    new Uint8Array(32),
    flipped(bytesAt(sentBy(honest, 3, 'pairwise', cheater, 1), ['a']), 255),
  ]) {
    assert.throws(
      () =>
        round3(
          honest,
          1,
          changed(3, 'pairwise', (raw) => withField(raw, ['a'], a)),
        ),
      named(['threshold/malformed-message']),
    );
  }
});

test('one failed check and no pairing comes out, of honest parties neither, and no secret is left', () => {
  const content = honest.after2.get(1);
  assert.ok(content !== undefined);
  const copy: Round2Content = { ...content, peers: content.peers.map(copyAnswered) };
  const input = deliver(honest.sent[1], 1);
  const pairwise = new Map(input.pairwise);
  pairwise.set(3, withField(pairwise.get(3) ?? new Uint8Array(), ['proof'], new Uint8Array(32)));
  assert.throws(
    () => pairingRound3(new OneUse('test', copy, wipeRound2), { ...input, pairwise }),
    named(['threshold/bad-pairing'], 3),
  );
  for (const { seed, leaves, receiver } of copy.peers) {
    for (const secret of [seed, leaves, receiver.choices, receiver.scalars]) {
      assert.ok(secret.every((byte) => byte === 0));
    }
  }
});

test('T18: the hashes of the base OTs differ by session, sender, receiver and participants', () => {
  const session = sessionOf('binding');
  const bindings = [
    otBindingOf({ session, participants }, 1, 2),
    otBindingOf({ session, participants }, 2, 1),
    otBindingOf({ session, participants }, 1, 3),
    otBindingOf({ session, participants: [1, 2] }, 1, 2),
    otBindingOf({ session: sessionOf('binding/2'), participants }, 1, 2),
  ].map((raw) => Buffer.from(raw).toString('hex'));
  assert.equal(new Set(bindings).size, bindings.length);
});
