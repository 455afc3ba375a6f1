/** Holds the native backends against the reference on the same inputs, those first where arithmetic goes wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from './ed25519.ts';
import type { Element, Group, Term } from './group.ts';
import { p256Group } from './p256.ts';
import { referenceEd25519, referenceP256, referenceSecp256k1 } from './reference.ts';
import { secp256k1Group } from './secp256k1.ts';

const pairs: readonly (readonly [native: Group, reference: Group])[] = [
  [ed25519Group, referenceEd25519],
  [secp256k1Group, referenceSecp256k1],
  [p256Group, referenceP256],
];

/** Scalars at both ends, around the half, and powers of two with their neighbours: carries run through every limb. */
const edgesOf = (order: bigint): bigint[] => {
  const all = new Set([1n, 2n, 3n, order - 1n, order - 2n, order - 3n, order / 2n, order / 2n + 1n]);
  for (const shift of [4, 5, 31, 32, 63, 64, 65, 96, 127, 128, 129, 191, 192, 193, 224, 250, 251, 252, 255]) {
    const power = 2n ** BigInt(shift);
    for (const value of [power - 1n, power, power + 1n]) {
      all.add(value % order);
    }
  }
  return [...all].filter((value) => value !== 0n);
};
/** Hexadecimal of an element, or of none for the identity. */
const shown = (group: Group, element: Element): string =>
  group.isIdentity(element) ? 'identity' : toHex(group.encode(element));

for (const [native, reference] of pairs) {
  const { order } = native;
  const edges = edgesOf(order);
  const anyScalar = fc.oneof(
    fc.bigInt({ min: 1n, max: order - 1n }),
    fc.constantFrom(...edges),
    fc.bigInt({ min: order - 2n ** 40n, max: order - 1n }),
  );

  test(`${native.name}: arithmetic of secret scalars is the reference's`, () => {
    const check = (a: bigint, b: bigint): void => {
      const [x, y] = [native.encodeScalar(a), native.encodeScalar(b)];
      for (const name of ['add', 'subtract', 'multiply'] as const) {
        assert.equal(
          toHex(native.scalars[name](x, y)),
          toHex(reference.scalars[name](x, y)),
          `${name} of ${a} and ${b}`,
        );
      }
      for (const name of ['negate', 'invert'] as const) {
        assert.equal(toHex(native.scalars[name](x)), toHex(reference.scalars[name](x)), `${name} of ${a}`);
      }
      assert.deepEqual([x, y], [native.encodeScalar(a), native.encodeScalar(b)], 'an argument was changed');
    };
    for (const [i, a] of edges.entries()) {
      check(a, a);
      check(a, edges[(i * 7 + 3) % edges.length] ?? 1n);
    }
    fc.assert(fc.property(anyScalar, anyScalar, check), { numRuns: 200 });
    const zero = new Uint8Array(32);
    for (const a of [0n, ...edges].map((value) => native.encodeScalar(value))) {
      assert.deepEqual(native.scalars.add(a, zero), a);
      assert.deepEqual(native.scalars.subtract(a, zero), a);
      assert.deepEqual(native.scalars.subtract(a, a), zero);
      assert.deepEqual(native.scalars.multiply(a, zero), zero);
      assert.deepEqual(native.scalars.multiply(zero, a), zero);
      assert.deepEqual(native.scalars.add(a, native.scalars.negate(a)), zero);
    }
  });

  test(`T40: ${native.name}: wide values of 48 and 64 bytes are reduced as the reference does`, () => {
    for (const length of [48, 64]) {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ minLength: length, maxLength: length }),
            fc.constantFrom(...[0, 1, 0x7f, 0x80, 0xff].map((byte) => new Uint8Array(length).fill(byte))),
          ),
          (wide) => {
            assert.equal(
              toHex(native.scalars.fromWide(wide)),
              toHex(reference.scalars.fromWide(wide)),
              toHex(wide),
            );
          },
        ),
      );
    }
  });

  test(`${native.name}: products of edge scalars, with the generator and with another element`, () => {
    const other = native.encodeScalar(0x1234_5678_9abc_def0n);
    const [p, q] = [native.baseProduct(other), reference.baseProduct(other)];
    for (const edge of edges) {
      const secret = native.encodeScalar(edge);
      const wanted = shown(reference, reference.publicBaseProduct(edge));
      assert.equal(shown(native, native.baseProduct(secret)), wanted, `${edge} * G`);
      assert.equal(shown(native, native.product(native.generator, secret)), wanted, `${edge} * (G)`);
      assert.equal(shown(native, native.publicBaseProduct(edge)), wanted, `public ${edge} * G`);
      const product = shown(reference, reference.publicSum([[q, edge]]));
      assert.equal(shown(native, native.product(p, secret)), product, `${edge} * P`);
      assert.equal(shown(native, native.publicSum([[p, edge]])), product, `public ${edge} * P`);
    }
  });

  test(`${native.name}: secret products of the reference's own constant-time path`, () => {
    fc.assert(
      fc.property(anyScalar, anyScalar, (a, b) => {
        const [x, y] = [native.encodeScalar(a), native.encodeScalar(b)];
        assert.equal(
          shown(native, native.product(native.baseProduct(x), y)),
          shown(reference, reference.product(reference.baseProduct(x), y)),
        );
      }),
      { numRuns: 10 },
    );
  });

  test(`${native.name}: public sums of related elements: equal, opposite, doubled, the identity, scalar zero`, () => {
    // Elements are small multiples of one another, so that sums on the way meet every exception of addition laws.
    const multiple = fc.integer({ min: -4, max: 4 });
    const factor = fc.oneof(anyScalar, fc.integer({ min: 0, max: 9 }).map(BigInt));
    fc.assert(
      fc.property(fc.array(fc.tuple(multiple, factor), { minLength: 1, maxLength: 6 }), (terms) => {
        const of = (group: Group): Element =>
          group.publicSum(
            terms.map(([m, scalar]): Term => [group.publicBaseProduct(group.reduce(BigInt(m))), scalar]),
          );
        assert.equal(shown(native, of(native)), shown(reference, of(reference)));
      }),
      { numRuns: 40 },
    );
  });

  test(`${native.name}: a public sum of more terms than one step takes`, () => {
    const random = insecureSeeded(`sums/${native.name}`);
    for (const count of [15, 16, 17, 31, 32, 33, 70]) {
      const scalars = Array.from({ length: count }, () => native.scalars.random(random));
      const values = scalars.map((scalar) => native.decodeScalar(scalar) ?? 0n);
      const elements = scalars.map((scalar) => native.baseProduct(scalar));
      const total = native.reduce(values.reduce((sum, value) => sum + value * value, 0n));
      const terms = elements.map((element, i): Term => [element, values[i] ?? 0n]);
      assert.ok(native.equals(native.publicSum(terms), native.publicBaseProduct(total)), `${count} terms`);
      const opposite = elements.map((element, i): Term => [native.negate(element), values[i] ?? 0n]);
      assert.ok(
        native.isIdentity(native.publicSum([...terms, ...opposite])),
        `${count} and as many opposite`,
      );
    }
  });

  test(`${native.name}: a public scalar out of range is refused, never cut to size`, () => {
    for (const scalar of [-1n, order, order + 1n, 2n ** 256n, 2n ** 256n + 1n]) {
      assert.throws(() => native.publicSum([[native.generator, scalar]]), TypeError);
      assert.throws(() => native.publicBaseProduct(scalar), TypeError);
      assert.throws(() => native.publicInvert(scalar), TypeError);
    }
    assert.throws(() => native.publicInvert(0n), TypeError);
  });

  test(`${native.name}: sums, opposites and encodings are the reference's`, () => {
    fc.assert(
      fc.property(anyScalar, anyScalar, (a, b) => {
        const of = (group: Group): string[] => {
          const [x, y] = [group.publicBaseProduct(a), group.publicBaseProduct(b)];
          return [group.add(x, y), group.add(x, x), group.negate(x), group.add(x, group.negate(y))].map(
            (element) => shown(group, element),
          );
        };
        assert.deepEqual(of(native), of(reference));
      }),
      { numRuns: 20 },
    );
  });

  test(`${native.name}: random bytes decode to an element where the reference says so`, () => {
    let decoded = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom(2, 3), (x, tag) => {
        const bytes = native.elementBytes === 32 ? x : Uint8Array.of(tag, ...x);
        const one = native.decode(bytes);
        const other = reference.decode(bytes);
        assert.equal(one === undefined, other === undefined, toHex(bytes));
        if (one !== undefined) {
          decoded += 1;
          assert.equal(toHex(native.encode(one)), toHex(bytes));
        }
      }),
      { numRuns: 60 },
    );
    assert.ok(decoded > 0, 'none decoded: the test shows nothing');
  });
}
