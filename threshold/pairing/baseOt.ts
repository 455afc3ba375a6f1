/**
 * The base OTs: 128 random OTs of 16-byte keys in two messages, Endemic OT over Diffie-Hellman (ePrint 2019/706 figure 8)
 * with one A for the whole batch (ePrint 2021/682: sound where every hash has the index of its OT in it, as here).
 *
 * For OT i with choice c the receiver draws t and a point R_(1-c), and sends R_c = t * G - Hp(c, i, R_(1-c)) and R_(1-c).
 * The sender forms M_b = R_b + Hp(b, i, R_(1-b)) for both b and sends A = a * G; its keys are H(i, b, A, R_0, R_1, a * M_b),
 * the receiver's is that of b = c, from t * A. The receiver knows the logarithm of one M_b only, because each M_b depends
 * through Hp on the other point; R_0 and R_1 are both uniform, so the sender learns nothing of c.
 *
 * Who cheats may choose the keys that it learns itself ("endemic"). The extension is proved for that: a sender's seeds are
 * its own to choose there, and a receiver's choice of the seeds that it knows tells it nothing of the others.
 */
import { hashOf } from '../../wire/ids.ts';
import type { Random } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import { otPointBytes, otWideBytes, type OtGroup } from './otGroup.ts';
import { bitOf, selectInto } from './select.ts';
import { digest } from './transcript.ts';

/** OTs of a batch. */
export const baseOts = 128;
/** Bytes of a key. */
export const otKeyBytes = 16;
/** Bytes of the receiver's message: R_0 and R_1 of each OT. */
export const otOfferBytes = baseOts * 2 * otPointBytes;

/** What the receiver keeps until the answer. */
export interface OtReceiver {
  /** 128 choice bits, 16 bytes. */
  readonly choices: Uint8Array;
  /** The scalars t, 128 * 32 bytes. */
  readonly scalars: Uint8Array;
  /** What was sent: R_0 and R_1 of each OT. Public. */
  readonly points: Uint8Array;
}

/** Overwrites choices and scalars. */
export function wipeReceiver(receiver: OtReceiver): void {
  receiver.choices.fill(0);
  receiver.scalars.fill(0);
}

const pointAt = (points: Uint8Array, i: number): Uint8Array =>
  points.subarray(i * otPointBytes, (i + 1) * otPointBytes);

/** Hp: for each OT, 64 bytes of hash over the bit, the index and a point, mapped to a point. */
function hashedPoints(
  group: OtGroup,
  binding: Uint8Array,
  inputs: readonly (readonly [i: number, bit: number, point: Uint8Array])[],
): Uint8Array {
  const prefix = hashOf('symbolon/base-ot-point/1', binding);
  const uniform = new Uint8Array(inputs.length * otWideBytes);
  inputs.forEach(([i, bit, point], at) => {
    const wide = digest('sha512', prefix, Uint8Array.of(i, bit), point);
    uniform.set(wide, at * otWideBytes);
    wide.fill(0);
  });
  try {
    return group.pointsFromUniform(uniform);
  } finally {
    uniform.fill(0);
  }
}

/** Writes the key of OT i and bit b, 16 bytes, from the shared point. Every input has a fixed length. */
function keyInto(
  target: Uint8Array,
  prefix: Uint8Array,
  parts: { readonly i: number; readonly bit: number; readonly a: Uint8Array; readonly points: Uint8Array },
  shared: Uint8Array,
): void {
  const { i, bit, a, points } = parts;
  const both = points.subarray(2 * i * otPointBytes, (2 * i + 2) * otPointBytes);
  const hash = digest('sha256', prefix, Uint8Array.of(i, bit), a, both, shared);
  target.set(hash.subarray(0, otKeyBytes));
  hash.fill(0);
}

const keyPrefix = (binding: Uint8Array): Uint8Array => hashOf('symbolon/base-ot-key/1', binding);

/** The receiver's first step. Draws 16 bytes of choices and 64 bytes for each t and each R_(1-c). */
export function offerOts(group: OtGroup, binding: Uint8Array, random: Random): OtReceiver {
  const choices = draw(random, baseOts / 8);
  const wide = draw(random, baseOts * otWideBytes);
  const scalars = group.scalarsFromWide(wide);
  wide.fill(0);
  // What R_(1-c) was made of tells it from R_c: it is as secret as the choice.
  const uniform = draw(random, baseOts * otWideBytes);
  const others = group.pointsFromUniform(uniform);
  uniform.fill(0);
  const inputs = Array.from({ length: baseOts }, (_, i) => {
    return [i, bitOf(choices, i), pointAt(others, i)] as const;
  });
  const hashed = hashedPoints(group, binding, inputs);
  const products = group.baseProducts(scalars);
  const chosen = group.subtract(products, hashed);
  const points = new Uint8Array(otOfferBytes);
  for (let i = 0; i < baseOts; i += 1) {
    const [mine, other] = [pointAt(chosen, i), pointAt(others, i)];
    selectInto(pointAt(points, 2 * i), bitOf(choices, i), mine, other);
    selectInto(pointAt(points, 2 * i + 1), bitOf(choices, i), other, mine);
  }
  for (const secret of [others, hashed, products, chosen]) {
    secret.fill(0);
  }
  return { choices, scalars, points };
}

/**
 * The sender's step: A, and both keys of each OT, 128 * 2 * 16 bytes. `undefined` where a point of the receiver, or an M_b,
 * does not decode or is the identity (P6).
 */
export function answerOts(
  group: OtGroup,
  binding: Uint8Array,
  points: Uint8Array,
  random: Random,
): { readonly a: Uint8Array; readonly keys: Uint8Array } | undefined {
  if (points.length !== otOfferBytes || !group.areValid(points)) {
    return undefined;
  }
  const inputs = Array.from({ length: 2 * baseOts }, (_, at) => {
    return [at >> 1, at & 1, pointAt(points, at ^ 1)] as const;
  });
  const sums = group.add(points, hashedPoints(group, binding, inputs));
  if (!group.areValid(sums)) {
    return undefined;
  }
  const wide = draw(random, otWideBytes);
  const scalar = group.scalarsFromWide(wide);
  wide.fill(0);
  const a = group.baseProducts(scalar);
  const shared = group.products(sums, scalar);
  scalar.fill(0);
  const keys = new Uint8Array(2 * baseOts * otKeyBytes);
  const prefix = keyPrefix(binding);
  for (let at = 0; at < 2 * baseOts; at += 1) {
    const target = keys.subarray(at * otKeyBytes, (at + 1) * otKeyBytes);
    keyInto(target, prefix, { i: at >> 1, bit: at & 1, a, points }, pointAt(shared, at));
  }
  shared.fill(0);
  return { a, keys };
}

/** The receiver's second step: the key of its choice for each OT, 128 * 16 bytes. `undefined` where A is no valid point (P6). */
export function finishOts(
  group: OtGroup,
  binding: Uint8Array,
  receiver: OtReceiver,
  a: Uint8Array,
): Uint8Array | undefined {
  if (a.length !== otPointBytes || !group.areValid(a)) {
    return undefined;
  }
  const { choices, scalars, points } = receiver;
  const shared = group.products(a, scalars);
  const keys = new Uint8Array(baseOts * otKeyBytes);
  const prefix = keyPrefix(binding);
  for (let i = 0; i < baseOts; i += 1) {
    const target = keys.subarray(i * otKeyBytes, (i + 1) * otKeyBytes);
    keyInto(target, prefix, { i, bit: bitOf(choices, i), a, points }, pointAt(shared, i));
  }
  shared.fill(0);
  return keys;
}
