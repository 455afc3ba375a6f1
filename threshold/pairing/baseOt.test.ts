import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { test } from 'node:test';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { hashOf } from '../../wire/ids.ts';
import { answerOts, baseOts, finishOts, offerOts, otKeyBytes, otOfferBytes, wipeReceiver } from './baseOt.ts';
import { nativeOtGroup as group } from './nativeOtGroup.ts';
import type { OtGroup } from './otGroup.ts';
import { referenceOtGroup } from './referenceOtGroup.ts';
import { bitOf } from './select.ts';
import { otBindingOf } from './transcript.ts';

const context = { session: insecureSeeded('base-ot/session')(32), participants: [1, 2, 3] };
const binding = otBindingOf(context, 1, 2);
const piece = (raw: Uint8Array, i: number): Uint8Array => raw.subarray(i * otKeyBytes, (i + 1) * otKeyBytes);
const isZero = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);

interface Batch {
  readonly choices: Uint8Array;
  readonly points: Uint8Array;
  readonly a: Uint8Array;
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}
function batch(seed: string, bindings = { receiver: binding, sender: binding }, on: OtGroup = group): Batch {
  const receiver = offerOts(on, bindings.receiver, insecureSeeded(`${seed}/receiver`));
  const answer = answerOts(on, bindings.sender, receiver.points, insecureSeeded(`${seed}/sender`));
  assert.ok(answer !== undefined);
  const keys = finishOts(on, bindings.receiver, receiver, answer.a);
  assert.ok(keys !== undefined);
  const { choices, points } = receiver;
  return { choices, points, a: answer.a, sender: answer.keys, receiver: keys };
}

/** How many of the receiver's keys are the sender's on the chosen side, and on the other. */
function agreement({ choices, sender, receiver }: Batch): readonly [chosen: number, other: number] {
  let [chosen, other] = [0, 0];
  for (let i = 0; i < baseOts; i += 1) {
    const same = (bit: number): number =>
      Buffer.compare(piece(receiver, i), piece(sender, 2 * i + bit)) === 0 ? 1 : 0;
    chosen += same(bitOf(choices, i));
    other += same(1 - bitOf(choices, i));
  }
  return [chosen, other];
}

test('keys agree on the chosen side of every OT and on no other, and no key comes twice', () => {
  for (let run = 0; run < 10; run += 1) {
    const made = batch(`agree/${run}`);
    assert.deepEqual(agreement(made), [baseOts, 0]);
    const keys = new Set(
      Array.from({ length: 2 * baseOts }, (_, at) => Buffer.from(piece(made.sender, at)).toString('hex')),
    );
    assert.equal(keys.size, 2 * baseOts);
  }
});

test('the reference group makes the same messages and keys', () => {
  assert.deepEqual(batch('backends'), batch('backends', undefined, referenceOtGroup));
});

test('T18: keys fit under no other session, sender, receiver or list of participants', () => {
  const others = [
    otBindingOf({ ...context, session: insecureSeeded('other')(32) }, 1, 2),
    otBindingOf(context, 2, 1),
    otBindingOf(context, 1, 3),
    otBindingOf(context, 3, 2),
    otBindingOf({ ...context, participants: [1, 2] }, 1, 2),
  ];
  for (const other of others) {
    const made = batch('binding', { receiver: binding, sender: other });
    assert.deepEqual(agreement(made), [0, 0]);
  }
});

test('T18: an OT that is moved to another index gives other keys: the index is in every hash', () => {
  const receiver = offerOts(group, binding, insecureSeeded('moved/receiver'));
  const moved = new Uint8Array(otOfferBytes);
  moved.set(receiver.points.subarray(64));
  moved.set(receiver.points.subarray(0, 64), otOfferBytes - 64);
  const answer = answerOts(group, binding, moved, insecureSeeded('moved/sender'));
  assert.ok(answer !== undefined);
  const finished = finishOts(group, binding, { ...receiver, points: moved }, answer.a);
  assert.ok(finished !== undefined);
  const { choices } = receiver;
  assert.deepEqual(
    agreement({ choices, points: moved, a: answer.a, sender: answer.keys, receiver: finished }),
    [0, 0],
  );
});

test('points and keys are what SPEC.md says, computed again in plain steps', () => {
  const { choices, scalars, points, a, sender, receiver } = {
    ...batch('plain'),
    scalars: plainScalars('plain'),
  };
  const [pointLabel, keyLabel] = ['symbolon/base-ot-point/1', 'symbolon/base-ot-key/1'].map((label) =>
    hashOf(label, binding),
  );
  assert.ok(pointLabel !== undefined && keyLabel !== undefined);
  for (const i of [0, 1, 64, 127]) {
    const bit = bitOf(choices, i);
    const both = points.subarray(64 * i, 64 * i + 64);
    const [mine, other] = [
      both.subarray(32 * bit, 32 * bit + 32),
      both.subarray(32 - 32 * bit, 64 - 32 * bit),
    ];
    const t = scalars.subarray(32 * i, 32 * i + 32);
    const uniform = createHash('sha512')
      .update(pointLabel)
      .update(Uint8Array.of(i, bit))
      .update(other)
      .digest();
    const hashed = referenceOtGroup.pointsFromUniform(uniform);
    assert.deepEqual(
      referenceOtGroup.subtract(referenceOtGroup.baseProducts(t), hashed),
      Uint8Array.from(mine),
    );
    const shared = referenceOtGroup.products(a, t);
    const key: Hash = createHash('sha256')
      .update(keyLabel)
      .update(Uint8Array.of(i, bit))
      .update(a)
      .update(both)
      .update(shared);
    const wanted: Uint8Array = Uint8Array.from(key.digest().subarray(0, otKeyBytes));
    assert.deepEqual(piece(receiver, i), wanted);
    assert.deepEqual(piece(sender, 2 * i + bit), wanted);
  }
});

/** The scalars that the receiver of {@link batch} drew. */
const plainScalars = (seed: string): Uint8Array =>
  offerOts(group, binding, insecureSeeded(`${seed}/receiver`)).scalars;

test('P6: any point of the receiver that is the identity or does not decode is refused, wherever it stands', () => {
  const { points } = offerOts(group, binding, insecureSeeded('bad-points'));
  for (const at of [0, 1, 127, 128, 255]) {
    for (const fill of [0, 0xff]) {
      const bad = points.slice().fill(fill, at * 32, (at + 1) * 32);
      assert.equal(answerOts(group, binding, bad, insecureSeeded('sender')), undefined);
    }
  }
  assert.equal(answerOts(group, binding, points.subarray(32), insecureSeeded('sender')), undefined);
});

test('P6: a receiver whose M_b would be the identity is refused', () => {
  // R_0 = -Hp(0, 0, R_1) can be had from an honest offer: with choice 0 it is R_0 - t * G.
  const honest = offerOts(group, binding, insecureSeeded('identity-sum'));
  const choice = bitOf(honest.choices, 0);
  const product = group.baseProducts(honest.scalars.subarray(0, 32));
  const at = choice * 32;
  const bad = honest.points.slice();
  bad.set(group.subtract(bad.subarray(at, at + 32), product), at);
  assert.equal(group.areValid(bad), true);
  assert.equal(answerOts(group, binding, bad, insecureSeeded('sender')), undefined);
});

test('P6: A that is the identity or does not decode is refused', () => {
  const receiver = offerOts(group, binding, insecureSeeded('bad-a'));
  for (const bad of [
    new Uint8Array(32),
    new Uint8Array(32).fill(0xff),
    new Uint8Array(31),
    new Uint8Array(),
  ]) {
    assert.equal(finishOts(group, binding, receiver, bad), undefined);
  }
});

test('choices show neither in the order nor in the form of the points: both sides are valid and none repeats', () => {
  const { points } = offerOts(group, binding, insecureSeeded('points'));
  assert.ok(group.areValid(points));
  const all = new Set(
    Array.from({ length: 2 * baseOts }, (_, i) =>
      Buffer.from(points.subarray(32 * i, 32 * i + 32)).toString('hex'),
    ),
  );
  assert.equal(all.size, 2 * baseOts);
});

test('every secret that a step leaves behind is zero after it', () => {
  const seen: Uint8Array[] = [];
  const keep = <T extends readonly unknown[]>(of: (...args: T) => Uint8Array) => {
    return (...args: T): Uint8Array => {
      const made = of(...args);
      seen.push(made, ...args.filter((arg) => arg instanceof Uint8Array));
      return made;
    };
  };
  const watched: OtGroup = {
    ...group,
    scalarsFromWide: keep((wide) => group.scalarsFromWide(wide)),
    pointsFromUniform: keep((uniform) => group.pointsFromUniform(uniform)),
    baseProducts: keep((scalars) => group.baseProducts(scalars)),
    subtract: keep((a, b) => group.subtract(a, b)),
    products: keep((points, scalars) => group.products(points, scalars)),
  };
  const receiver = offerOts(watched, binding, insecureSeeded('wipe/receiver'));
  const kept = new Set([receiver.scalars, receiver.choices, receiver.points]);
  assert.ok(seen.length > 6);
  assert.ok(seen.every((raw) => kept.has(raw) || isZero(raw)));

  seen.length = 0;
  const answer = answerOts(watched, binding, receiver.points, insecureSeeded('wipe/sender'));
  assert.ok(answer !== undefined);
  const { a, keys } = answer;
  const sums = seen.filter((raw) => raw.length === otOfferBytes && !isZero(raw));
  // The points, their hashes to points and M_b are public; scalar, wide bytes and shared points are not.
  assert.ok(seen.every((raw) => raw === a || isZero(raw) || sums.includes(raw)));
  assert.ok(seen.filter((raw) => raw.length === 32 && raw !== a).every(isZero));
  const shared = seen.at(-3);
  assert.ok(shared?.length === otOfferBytes && isZero(shared));

  seen.length = 0;
  assert.ok(!isZero(keys));
  assert.ok(finishOts(watched, binding, receiver, a) !== undefined);
  assert.ok(seen[0] !== undefined && isZero(seen[0]));
  wipeReceiver(receiver);
  assert.ok(isZero(receiver.scalars) && isZero(receiver.choices));
});
