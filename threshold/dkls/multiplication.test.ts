import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dealPairings } from '../../test/threshold/pairings.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { ecdsaSchemes, toHex, type EcdsaScheme } from '../../wire/ids.ts';
import type { Random, SecretScalar } from '../group/group.ts';
import { OneUse } from '../oneUse.ts';
import { openPairing, type PairingKeys } from '../pairing/pairingKeys.ts';
import { groupOf } from '../scheme.ts';
import { extensionBinding, multiplicationBinding, padKey, stretchKey } from './binding.ts';
import type { BitKernel, VectorKernel } from './kernel.ts';
import { aliceMultiply, bobBegin, bobFinish, wipeBob, type MultiplicationContext } from './multiplication.ts';
import { extensionMessage, maskedInputsMessage } from './multiplicationMessages.ts';
import { makeSuite, multiplicationSuiteOf, type MultiplicationSuite } from './multiplicationSuite.ts';
import { nativeBits, nativeVectors } from './nativeKernel.ts';
import { referenceBits, referenceVectors } from './referenceKernel.ts';
import { padsOf, stretchSeeds } from './stretch.ts';

const keysOf = (index: number, peer: number, seed = 'multiply'): PairingKeys => {
  const pairing = dealPairings(seed, index, [peer]).get(peer);
  assert.ok(pairing !== undefined);
  return openPairing(pairing.secret);
};
const bobKeys = keysOf(1, 2);
const aliceKeys = keysOf(2, 1);
const contextOf = (scheme: EcdsaScheme, seed: string): MultiplicationContext => ({
  scheme,
  session: insecureSeeded(`${seed}/session`)(32),
  bob: 1,
  alice: 2,
  signers: [1, 2, 3],
});
const refused = (code: ErrorCode) => (error: unknown) => isSymbolonError(error, code);
const isZero = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);

interface Product {
  readonly messages: readonly Uint8Array[];
  readonly inputs: readonly [SecretScalar, SecretScalar];
  readonly b: SecretScalar;
  readonly c: readonly SecretScalar[];
  readonly d: readonly SecretScalar[];
}
function multiply(
  scheme: EcdsaScheme,
  seed: string,
  suite: MultiplicationSuite = multiplicationSuiteOf(scheme),
  given?: readonly [SecretScalar, SecretScalar],
): Product {
  const { scalars } = groupOf(scheme);
  const context = contextOf(scheme, seed);
  const random = insecureSeeded(`${seed}/inputs`);
  const inputs = given ?? ([scalars.random(random), scalars.random(random)] as const);
  const { state, message, b } = bobBegin(context, bobKeys, insecureSeeded(`${seed}/bob`), suite);
  const alice = aliceMultiply(context, aliceKeys, message, inputs, insecureSeeded(`${seed}/alice`), suite);
  const d = bobFinish(state, alice.message);
  return { messages: [message, alice.message], inputs, b, c: alice.outputs, d };
}
function assertProduct(scheme: EcdsaScheme, { inputs, b, c, d }: Product): void {
  const { scalars } = groupOf(scheme);
  const zero = new Uint8Array(32);
  for (const k of [0, 1] as const) {
    assert.deepEqual(scalars.add(c[k] ?? zero, d[k] ?? zero), scalars.multiply(inputs[k], b));
  }
}

for (const scheme of ecdsaSchemes) {
  test(`${scheme}: c_k + d_k = a_k * b for both inputs, over many runs`, () => {
    const seen = new Set<string>();
    for (let run = 0; run < 60; run += 1) {
      const product = multiply(scheme, `many/${run}`);
      assertProduct(scheme, product);
      seen.add(toHex(product.b)).add(toHex(product.c[0] ?? new Uint8Array()));
    }
    assert.equal(seen.size, 120);
  });

  test(`${scheme}: inputs of zero, one and the order less one multiply as any other`, () => {
    const group = groupOf(scheme);
    const [zero, one] = [group.encodeScalar(0n), group.encodeScalar(1n)];
    const last = group.encodeScalar(group.order - 1n);
    for (const given of [
      [zero, zero] as const,
      [zero, one] as const,
      [one, last] as const,
      [last, last] as const,
    ]) {
      assertProduct(scheme, multiply(scheme, 'edges', undefined, given));
    }
  });

  test(`${scheme}: the reference kernels make the same messages and shares`, () => {
    const reference = makeSuite(scheme, referenceVectors(groupOf(scheme).name), referenceBits);
    assert.deepEqual(multiply(scheme, 'kernels', reference), multiply(scheme, 'kernels'));
  });

  test(`${scheme}: messages have the sizes that SPEC.md gives`, () => {
    assert.deepEqual(
      multiply(scheme, 'sizes').messages.map(({ length }) => length),
      [4_450, 40_050],
    );
  });

  test(`${scheme}: M1: contexts that do not fit together are refused`, () => {
    const context = contextOf(scheme, 'm1');
    for (const change of [
      { session: new Uint8Array(31) },
      { bob: 2 },
      { alice: 4 },
      { bob: 4 },
      { signers: [2, 1, 3] },
      { signers: [1, 1, 2] },
      { signers: [0, 1, 2] },
    ]) {
      assert.throws(
        () => bobBegin({ ...context, ...change }, bobKeys, insecureSeeded('m1')),
        refused('threshold/bad-parameters'),
      );
      assert.throws(
        () =>
          aliceMultiply(
            { ...context, ...change },
            aliceKeys,
            new Uint8Array(),
            [new Uint8Array(32), new Uint8Array(32)],
            insecureSeeded('m1'),
          ),
        refused('threshold/bad-parameters'),
      );
    }
  });

  test(`${scheme}: M2: Bob's state is used once, after a refusal too`, () => {
    const context = contextOf(scheme, 'm2');
    const begin = (): ReturnType<typeof bobBegin> => bobBegin(context, bobKeys, insecureSeeded('m2/bob'));
    const { scalars } = groupOf(scheme);
    const random = insecureSeeded('m2');
    const { state, message } = begin();
    const inputs = [scalars.random(random), scalars.random(random)] as const;
    const answer = aliceMultiply(context, aliceKeys, message, inputs, random).message;
    bobFinish(state, answer);
    assert.throws(() => bobFinish(state, answer), refused('threshold/state-used'));
    const broken = begin().state;
    assert.throws(() => bobFinish(broken, new Uint8Array()), refused('threshold/malformed-message'));
    assert.throws(() => bobFinish(broken, answer), refused('threshold/state-used'));
    const wiped = begin().state;
    wiped.wipe();
    assert.throws(() => bobFinish(wiped, answer), refused('threshold/state-used'));
    assert.deepEqual(Object.keys(wiped), []);
  });

  test(`${scheme}: a wiped pairing multiplies nothing`, () => {
    const context = contextOf(scheme, 'wiped');
    const [bob, alice] = [keysOf(1, 2), keysOf(2, 1)];
    const { message } = bobBegin(context, bob, insecureSeeded('wiped'));
    bob.wipe();
    alice.wipe();
    assert.throws(() => bobBegin(context, bob, insecureSeeded('wiped')), refused('threshold/state-used'));
    const inputs = [new Uint8Array(32), new Uint8Array(32)] as const;
    assert.throws(
      () => aliceMultiply(context, alice, message, inputs, insecureSeeded('wiped')),
      refused('threshold/state-used'),
    );
  });

  test(`${scheme}: every secret of a multiplication is zero after it, on both sides, after a refusal too`, () => {
    const watch = watched(scheme);
    const context = contextOf(scheme, 'wipe');
    const { scalars } = groupOf(scheme);
    const random = insecureSeeded('wipe');
    const inputs = [scalars.random(random), scalars.random(random)] as const;
    const begun = (): ReturnType<typeof bobBegin> =>
      bobBegin(context, bobKeys, insecureSeeded('wipe/bob'), watch.suite);

    const { state, message, b } = begun();
    const content = OneUse.take(state);
    assert.ok(!isZero(content.choices) && !isZero(content.rows));
    watch.assertZero([b, content.choices, content.rows]);

    const alice = aliceMultiply(context, aliceKeys, message, inputs, random, watch.suite);
    watch.assertZero([...alice.outputs, ...inputs]);
    assert.ok(!isZero(inputs[0]) && !isZero(aliceKeys.nabla));

    const d = bobFinish(new OneUse('test', content, wipeBob), alice.message);
    watch.assertZero(d);
    assert.ok(isZero(content.choices) && isZero(content.rows));
    assert.ok(!d.some(isZero));

    const refusedContent = OneUse.take(begun().state);
    watch.assertZero([b, refusedContent.choices, refusedContent.rows]);
    const bad = alice.message.slice();
    bad[100] = (bad[100] ?? 0) ^ 1;
    assert.throws(
      () => bobFinish(new OneUse('test', refusedContent, wipeBob), bad),
      refused('threshold/multiplication-failed'),
    );
    watch.assertZero([]);
    assert.ok(isZero(refusedContent.choices) && isZero(refusedContent.rows));
    const badBegin = message.slice();
    badBegin[100] = (badBegin[100] ?? 0) ^ 1;
    assert.throws(
      () => aliceMultiply(context, aliceKeys, badBegin, inputs, random, watch.suite),
      refused('threshold/multiplication-failed'),
    );
    watch.assertZero([]);
  });
}

/** The native kernels, with everything that goes in and comes out remembered. */
function watched(scheme: EcdsaScheme): {
  suite: MultiplicationSuite;
  assertZero: (kept: readonly Uint8Array[]) => void;
} {
  const real = nativeVectors(groupOf(scheme).name);
  const seen: { readonly name: string; readonly raw: Uint8Array }[] = [];
  const keep = (name: string, out: Uint8Array, ...args: readonly Uint8Array[]): Uint8Array => {
    for (const raw of [out, ...args]) {
      seen.push({ name, raw });
    }
    return out;
  };
  const vectors: VectorKernel = {
    ...real,
    reduceWide: (wide) => keep('reduceWide', real.reduceWide(wide), wide),
    differencePlus: (a, b, o) => keep('differencePlus', real.differencePlus(a, b, o), a, b, o),
    addSelected: (a, b, bits) => keep('addSelected', real.addSelected(a, b, bits), a),
    combineColumns: (m, w) => keep('combineColumns', real.combineColumns(m, w), m),
    subtractSelected: (v, bits, x) => keep('subtractSelected', real.subtractSelected(v, bits, x), v),
    sumRows: (m, w) => keep('sumRows', real.sumRows(m, w), m),
    sumSelected: (v, bits) => keep('sumSelected', real.sumSelected(v, bits)),
  };
  const bits: BitKernel = {
    transpose: (rows, columns) => keep('transpose', nativeBits.transpose(rows, columns), rows),
    foldRows: (rows, weights, layout) => keep('foldRows', nativeBits.foldRows(rows, weights, layout), rows),
  };
  const suite = makeSuite(scheme, vectors, bits);
  seen.length = 0;
  return {
    suite,
    assertZero: (kept) => {
      const own = new Set(kept.map((raw) => toHex(raw)));
      assert.ok(seen.length > 0);
      for (const { name, raw } of seen) {
        // What is public or the caller's: the weights of the check, atilde, xhat, and what was asked to be kept.
        const isPublic =
          (name === 'reduceWide' && (raw.length === 64 || raw.length === 96)) ||
          (name === 'differencePlus' && raw.length === 39_936) ||
          (name === 'foldRows' && raw.length === 16);
        assert.ok(isPublic || own.has(toHex(raw)) || isZero(raw), `${name} left ${raw.length} bytes`);
      }
      seen.length = 0;
    },
  };
}

test('T18: another session, direction, peer, list of signers, scheme or pairing stretches unrelated streams and pads', () => {
  const context = contextOf('dkls23-secp256k1', 'unrelated');
  const other: readonly MultiplicationContext[] = [
    context,
    { ...context, session: insecureSeeded('unrelated/2')(32) },
    { ...context, bob: 2, alice: 1 },
    { ...context, alice: 3 },
    { ...context, bob: 3 },
    { ...context, signers: [1, 2] },
    { ...context, scheme: 'dkls23-p256' },
  ];
  const bindings = [
    ...other.map((one) => multiplicationBinding(one, bobKeys.id)),
    multiplicationBinding(
      context,
      aliceKeys.id.map((byte) => byte ^ 1),
    ),
  ];
  const salt = new Uint8Array(16);
  const rows = insecureSeeded('unrelated/rows')(416 * 16);
  const outputs = bindings.map((binding) => {
    const streams = stretchSeeds(stretchKey(binding, salt), bobKeys.bobLeaves);
    const extension = extensionBinding(binding, salt, new Uint8Array(32));
    return Buffer.concat([new Uint8Array(streams.buffer), padsOf(padKey(extension, salt), rows)]);
  });
  const seen = new Set<string>();
  outputs.forEach((raw, i) => {
    for (let at = 0; at < raw.length; at += 16) {
      seen.add(raw.toString('hex', at, at + 16));
    }
    // No block of 16 bytes comes in two of them, and the bits of each two agree as often as not.
    assert.equal(seen.size, (i + 1) * (raw.length / 16));
    for (const before of outputs.slice(0, i)) {
      const same = raw.reduce((count, byte, k) => count + 8 - ones(byte ^ (before[k] ?? 0)), 0);
      assert.ok(Math.abs(same - 4 * raw.length) < 3 * Math.sqrt(8 * raw.length));
    }
  });
});
const ones = (byte: number): number => byte.toString(2).replaceAll('0', '').length;

test('T12: the same session again, after a restore, stretches other streams and pads: each party has its salt in them', () => {
  const context = contextOf('dkls23-secp256k1', 'again');
  const { scalars } = groupOf(context.scheme);
  const random = insecureSeeded('again');
  const inputs = [scalars.random(random), scalars.random(random)] as const;
  // Only the first draw, the salt, differs: whatever else a restored machine would draw again is the same.
  const drawing = (salt: string): Random => {
    const [first, rest] = [insecureSeeded(salt), insecureSeeded('again/rest')];
    let source = first;
    return (length) => {
      const out = source(length);
      source = rest;
      return out;
    };
  };
  const [one, two] = ['1', '2'].map((salt) => bobBegin(context, bobKeys, drawing(salt)));
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(one.b, two.b);
  const rowsOfBob = [one, two].map(({ message }) => pieces(extensionMessage.decode(message).masked, 68));
  assert.equal(rowsOfBob[0]?.filter((row) => rowsOfBob[1]?.includes(row)).length, 0);
  // Alice's two answers to one message of Bob have no scalar in common, so their difference tells nothing of her inputs.
  const scalarsOfAlice = ['3', '4'].map((salt) =>
    pieces(
      maskedInputsMessage.decode(
        aliceMultiply(context, aliceKeys, one.message, inputs, drawing(salt)).message,
      ).masked,
      32,
    ),
  );
  assert.equal(scalarsOfAlice[0]?.filter((scalar) => scalarsOfAlice[1]?.includes(scalar)).length, 0);
});

const pieces = (raw: Uint8Array, size: number): string[] =>
  Array.from({ length: raw.length / size }, (_, i) => toHex(raw.subarray(i * size, (i + 1) * size)));
