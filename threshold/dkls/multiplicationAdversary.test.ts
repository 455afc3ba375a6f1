/** One of the two cheats in a multiplication: every field of both messages changed, and two cheaters who do their sums. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flipped } from '../../test/threshold/dealer.ts';
import { bytesAt, fieldsOf, withField, type FieldPath } from '../../test/threshold/fields.ts';
import { dealPairings } from '../../test/threshold/pairings.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { ecdsaSchemes, type EcdsaScheme } from '../../wire/ids.ts';
import { OneUse } from '../oneUse.ts';
import { openPairing, type PairingKeys } from '../pairing/pairingKeys.ts';
import { bitOf } from '../pairing/select.ts';
import { groupOf } from '../scheme.ts';
import { checkProof, checkWeights, inputsBinding, padKey } from './binding.ts';
import {
  aliceMultiply,
  bobBegin,
  bobFinish,
  wipeBob,
  type BobContent,
  type MultiplicationContext,
} from './multiplication.ts';
import { maskedInputsMessage } from './multiplicationMessages.ts';
import { multiplicationSuiteOf } from './multiplicationSuite.ts';
import { padsOf } from './stretch.ts';

const keysOf = (index: number, peer: number, seed = 'cheat'): PairingKeys => {
  const pairing = dealPairings(seed, index, [peer]).get(peer);
  assert.ok(pairing !== undefined);
  return openPairing(pairing.secret);
};
const bobKeys = keysOf(1, 2);
const aliceKeys = keysOf(2, 1);

const named =
  (codes: readonly ErrorCode[], party: number) =>
  (error: unknown): boolean => {
    assert.ok(
      isSymbolonError(error) && codes.includes(error.code),
      `${String(error)}, not one of ${codes.join(', ')}`,
    );
    assert.deepEqual(Object.keys(error.facts).includes('party'), true);
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };
const failed = ['threshold/multiplication-failed'] as const;
const failedOrMalformed = ['threshold/multiplication-failed', 'threshold/malformed-message'] as const;

interface Recorded {
  readonly context: MultiplicationContext;
  readonly inputs: readonly [Uint8Array, Uint8Array];
  readonly b: Uint8Array;
  readonly bob: Uint8Array;
  readonly alice: Uint8Array;
  readonly c: readonly [Uint8Array, Uint8Array];
  /** Bob's state, as often as it is asked for. */
  readonly state: () => OneUse<BobContent>;
  readonly content: BobContent;
}
function record(scheme: EcdsaScheme, seed: string, change: Partial<MultiplicationContext> = {}): Recorded {
  const context: MultiplicationContext = {
    scheme,
    session: insecureSeeded(`${seed}/session`)(32),
    bob: 1,
    alice: 2,
    signers: [1, 2, 3],
    ...change,
  };
  const { scalars } = groupOf(scheme);
  const random = insecureSeeded(`${seed}/inputs`);
  const inputs = [scalars.random(random), scalars.random(random)] as const;
  const begun = bobBegin(context, bobKeys, insecureSeeded(`${seed}/bob`));
  const content = OneUse.take(begun.state);
  const alice = aliceMultiply(context, aliceKeys, begun.message, inputs, insecureSeeded(`${seed}/alice`));
  return {
    context,
    inputs,
    b: begun.b,
    bob: begun.message,
    alice: alice.message,
    c: alice.outputs,
    content,
    state: () => {
      const copy: BobContent = { ...content, choices: content.choices.slice(), rows: content.rows.slice() };
      return new OneUse('test', copy, wipeBob);
    },
  };
}
const answerTo = (recorded: Recorded, message: Uint8Array): unknown =>
  aliceMultiply(recorded.context, aliceKeys, message, recorded.inputs, insecureSeeded('answer'));

/** Ways to change a field of bytes; a way that changes nothing is left out (two runs may draw the same salt). */
function variants(
  message: Uint8Array,
  path: FieldPath,
  foreign: Readonly<Record<string, Uint8Array>>,
): readonly (readonly [string, Uint8Array])[] {
  const old = bytesAt(message, path);
  const set = (next: Uint8Array): Uint8Array => withField(message, path, next);
  const last = 8 * old.length - 1;
  const all: readonly (readonly [string, Uint8Array])[] = [
    ...[0, 7, last >> 1, last - 7, last].map(
      (bit) => [`bit ${bit} flipped`, set(flipped(old, bit))] as const,
    ),
    ['zeros', set(new Uint8Array(old.length))],
    ['ones', set(new Uint8Array(old.length).fill(0xff))],
    ['truncated', set(old.slice(0, -1))],
    ['one byte longer', set(new Uint8Array([...old, 0]))],
    ['empty', set(new Uint8Array())],
    ['turned by a block', set(new Uint8Array([...old.subarray(16), ...old.subarray(0, 16)]))],
    ...Object.entries(foreign).map(([what, raw]) => [what, set(bytesAt(raw, path))] as const),
  ];
  return all.filter(([, changed]) => Buffer.compare(changed, message) !== 0);
}

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const honest = record(scheme, 'honest');
  const foreign = {
    "another session's": record(scheme, 'other'),
    "another signer set's": record(scheme, 'honest', { signers: [1, 2] }),
    "another scheme's": record(ecdsaSchemes.find((one) => one !== scheme) ?? scheme, 'honest'),
  };
  const of = (side: 'bob' | 'alice'): Readonly<Record<string, Uint8Array>> =>
    Object.fromEntries(Object.entries(foreign).map(([what, recorded]) => [what, recorded[side]]));

  test(`${scheme}: the fields that are changed below are all fields of both messages`, () => {
    const names = (raw: Uint8Array): string[] => fieldsOf(raw).map((path) => path.join('.'));
    assert.deepEqual(names(honest.bob), ['v', 'fold', 'salt', 'proof', 'masked']);
    assert.deepEqual(names(honest.alice), ['v', 'eta', 'salt', 'proof', 'masked']);
  });

  test(`${scheme}: the unchanged messages pass, so that what fails below fails for its change`, () => {
    answerTo(honest, honest.bob);
    const d = bobFinish(honest.state(), honest.alice);
    for (const k of [0, 1] as const) {
      assert.deepEqual(
        group.scalars.add(honest.c[k], d[k]),
        group.scalars.multiply(honest.inputs[k], honest.b),
      );
    }
  });

  test(`${scheme}: M3, M5: bytes that are no message are malformed, on both sides`, () => {
    for (const change of [
      (raw: Uint8Array) => withField(raw, ['v'], 2),
      (raw: Uint8Array) => raw.slice(0, -1),
      (raw: Uint8Array) => new Uint8Array([...raw, 0]),
      () => new Uint8Array(),
      () => new Uint8Array(65_536),
    ]) {
      assert.throws(() => answerTo(honest, change(honest.bob)), named(['threshold/malformed-message'], 1));
      assert.throws(
        () => bobFinish(honest.state(), change(honest.alice)),
        named(['threshold/malformed-message'], 2),
      );
    }
  });

  for (const field of ['salt', 'masked', 'fold', 'proof']) {
    for (const [what, message] of variants(honest.bob, [field], of('bob'))) {
      test(`${scheme}: T15: M3, M4: ${field} of Bob's message is ${what}: the one error, or malformed`, () => {
        assert.throws(() => answerTo(honest, message), named(failedOrMalformed, 1));
      });
    }
  }

  for (const field of ['salt', 'masked', 'eta', 'proof']) {
    for (const [what, message] of variants(honest.alice, [field], of('alice'))) {
      test(`${scheme}: T15: M5, M6, M7: ${field} of Alice's message is ${what}: the one error, or malformed`, () => {
        assert.throws(() => bobFinish(honest.state(), message), named(failedOrMalformed, 2));
      });
    }
  }

  test(`${scheme}: T18: whole messages of another session, signer set, scheme or direction are refused by the one error`, () => {
    const reversed = record(scheme, 'honest', { bob: 2, alice: 1 });
    for (const recorded of [...Object.values(foreign), reversed]) {
      assert.throws(() => answerTo(honest, recorded.bob), named(failed, 1));
      assert.throws(() => bobFinish(honest.state(), recorded.alice), named(failedOrMalformed, 2));
    }
  });

  test(`${scheme}: T18: with another pairing on one side the one error comes, whoever has the other one`, () => {
    for (const keys of [keysOf(2, 1, 'other'), keysOf(2, 3), keysOf(1, 2)]) {
      assert.throws(
        () => aliceMultiply(honest.context, keys, honest.bob, honest.inputs, insecureSeeded('pairing')),
        named(failed, 1),
      );
    }
  });

  test(`${scheme}: M6: a scalar that is the order or above is malformed, in every place`, () => {
    const order = group.encodeScalar(0n).map((_, i) => {
      const at = BigInt(8 * (31 - i));
      return Number((group.order >> at) & 0xffn);
    });
    const masked = bytesAt(honest.alice, ['masked']);
    const rows = masked.length / 32;
    for (const at of [0, 1, 2, 3, rows >> 1, rows - 1]) {
      for (const scalar of [order, new Uint8Array(32).fill(0xff)]) {
        const bad = masked.slice();
        bad.set(scalar, at * 32);
        assert.throws(
          () => bobFinish(honest.state(), withField(honest.alice, ['masked'], bad)),
          named(['threshold/malformed-message'], 2),
        );
      }
    }
    assert.throws(
      () => bobFinish(honest.state(), withField(honest.alice, ['eta'], order)),
      named(['threshold/malformed-message'], 2),
    );
  });

  /**
   * An Alice who adds `error` to her first input in row j and forms mu as if Bob's bit there were `guess`. She takes eta as it
   * would be without the error, and knows all her pads.
   */
  const cheatingAlice = (j: number, error: Uint8Array, guess: number): Uint8Array => {
    const suite = multiplicationSuiteOf(scheme);
    const { vectors } = suite;
    const fields = maskedInputsMessage.decode(honest.alice);
    const masked = fields.masked.slice();
    const place = 96 * j;
    masked.set(group.scalars.add(masked.slice(place, place + 32), error), place);
    const bound = inputsBinding(honest.content.extension, fields.salt, masked);
    const weights = new Uint8Array(96);
    weights.set(vectors.reduceWide(checkWeights(bound)));
    weights.set(group.encodeScalar(1n), 64);
    // Bob's rows give his pads; where his bit is 1, alpha0 is his pad plus atilde less the inputs. Alice has all of it.
    const pads = vectors.reduceWide(
      padsOf(padKey(honest.content.extension, fields.salt), honest.content.rows),
    );
    const { choices } = honest.content;
    const dots = vectors.addSelected(pads, fields.masked, choices);
    const check = uncovered(fields.eta);
    const offsets = new Uint8Array([...honest.inputs[0], ...honest.inputs[1], ...check]);
    const minus = new Uint8Array(416 * 96);
    for (let row = 0; row < 416; row += 1) {
      if (bitOf(choices, row) === 1) {
        for (let k = 0; k < 3; k += 1) {
          minus.set(group.scalars.negate(offsets.slice(32 * k, 32 * k + 32)), row * 96 + 32 * k);
        }
      }
    }
    const alpha0 = vectors.addSelected(dots, minus, new Uint8Array(52).fill(0xff));
    const values = vectors.combineColumns(alpha0, weights);
    if (guess === 1) {
      const shift = group.scalars.multiply(weights.slice(0, 32), error);
      values.set(group.scalars.add(values.slice(32 * j, 32 * j + 32), shift), 32 * j);
    }
    const eta = [0, 1].reduce(
      (sum, k) =>
        group.scalars.add(
          sum,
          group.scalars.multiply(weights.slice(32 * k, 32 * k + 32), honest.inputs[k] ?? sum),
        ),
      check,
    );
    return maskedInputsMessage.encode({
      v: 1,
      salt: fields.salt,
      masked,
      eta,
      proof: checkProof(bound, eta, values),
    });
  };
  /** ahat: eta less theta_1 * a_1 and theta_2 * a_2 of the honest run. */
  const uncovered = (eta: Uint8Array): Uint8Array => {
    const fields = maskedInputsMessage.decode(honest.alice);
    const bound = inputsBinding(honest.content.extension, fields.salt, fields.masked);
    const theta = multiplicationSuiteOf(scheme).vectors.reduceWide(checkWeights(bound));
    return [0, 1].reduce(
      (rest, k) =>
        group.scalars.subtract(
          rest,
          group.scalars.multiply(theta.slice(32 * k, 32 * k + 32), honest.inputs[k] ?? rest),
        ),
      eta,
    );
  };

  test(`${scheme}: M7: an Alice who uses another input in a row passes only where she guesses Bob's bit there`, () => {
    const error = group.scalars.random(insecureSeeded('error'));
    for (const j of [0, 1, 2, 3, 100, 415]) {
      for (const guess of [0, 1]) {
        const message = cheatingAlice(j, error, guess);
        if (bitOf(honest.content.choices, j) !== guess) {
          assert.throws(() => bobFinish(honest.state(), message), named(failed, 2));
          continue;
        }
        // What she gains is known to her: his first share is moved by g_j * error where the bit is 1, and else not at all.
        const d = bobFinish(honest.state(), message);
        const gadget = multiplicationSuiteOf(scheme).gadget.slice(32 * j, 32 * j + 32);
        const product = group.scalars.multiply(honest.inputs[0], honest.b);
        const moved =
          guess === 1 ? group.scalars.add(product, group.scalars.multiply(gadget, error)) : product;
        assert.deepEqual(group.scalars.add(honest.c[0], d[0]), moved);
      }
    }
  });

  test(`${scheme}: T15: every failed check is one error that names the peer and nothing else`, () => {
    const errors: unknown[] = [];
    const collect = (run: () => unknown): void => {
      try {
        run();
      } catch (error) {
        errors.push(error);
      }
    };
    for (const field of ['salt', 'masked', 'fold', 'proof']) {
      collect(() => answerTo(honest, withField(honest.bob, [field], flipped(bytesAt(honest.bob, [field])))));
    }
    for (const field of ['salt', 'proof']) {
      collect(() =>
        bobFinish(honest.state(), withField(honest.alice, [field], flipped(bytesAt(honest.alice, [field])))),
      );
    }
    assert.equal(errors.length, 6);
    const shown = errors.map((error) => {
      assert.ok(isSymbolonError(error, 'threshold/multiplication-failed'));
      assert.equal(error.cause, undefined);
      return [error.message, Object.keys(error.facts).join()];
    });
    assert.equal(new Set(shown.map(([, keys]) => keys)).size, 1);
    assert.deepEqual(shown[0]?.[1], 'party');
  });
}
