import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bits as addonBits } from '../../native/bits.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import type { Group } from '../group/group.ts';
import { bytesOfInteger } from '../group/integers.ts';
import { referenceEd25519, referenceP256, referenceSecp256k1 } from '../group/reference.ts';
import type { BitKernel, VectorKernel } from './kernel.ts';
import { nativeBits, nativeVectors } from './nativeKernel.ts';
import { referenceBits, referenceVectors } from './referenceKernel.ts';

const groups = [referenceSecp256k1, referenceP256, referenceEd25519];
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Scalars where carries and borrows run through all limbs, and some between. */
const edges = (group: Group): bigint[] => {
  const q = group.order;
  const all = [0n, 1n, 2n, q - 1n, q - 2n, (q - 1n) / 2n, (q + 1n) / 2n];
  for (const shift of [1n, 63n, 64n, 65n, 127n, 128n, 191n, 192n, 193n, 251n, 255n]) {
    all.push(2n ** shift % q, (2n ** shift - 1n) % q);
  }
  return all;
};
const vectorOf = (group: Group, values: readonly bigint[]): Uint8Array =>
  joined(values.map((value) => bytesOfInteger(value, group.name === 'ed25519')));
const scalar = (group: Group): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: 0n, max: group.order - 1n }),
    fc.constantFrom(...edges(group)),
    fc.bigInt({ min: group.order - 2n ** 32n, max: group.order - 1n }),
  );
const vector = (group: Group, length: number): fc.Arbitrary<Uint8Array> =>
  fc.array(scalar(group), { minLength: length, maxLength: length }).map((values) => vectorOf(group, values));
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc.constantFrom(new Uint8Array(length), new Uint8Array(length).fill(0xff)),
  );

/** One operation of a kernel on inputs of `n` rows. */
interface Operation {
  readonly name: keyof VectorKernel;
  /** Scalars of each argument that is a vector, or bits; of `reduceWide`, 48 bytes each. */
  readonly takes: (n: number) => readonly (readonly ['scalars' | 'bits' | 'wide', number])[];
  readonly run: (kernel: VectorKernel, args: readonly Uint8Array[]) => Uint8Array | boolean;
}
const none = new Uint8Array();
const operations: readonly Operation[] = [
  {
    name: 'reduceWide',
    takes: (n) => [['wide', n]],
    run: (kernel, [a = none]) => kernel.reduceWide(a),
  },
  {
    name: 'areCanonical',
    takes: (n) => [['scalars', n]],
    run: (kernel, [a = none]) => kernel.areCanonical(a),
  },
  {
    name: 'differencePlus',
    takes: (n) => [
      ['scalars', 3 * n],
      ['scalars', 3 * n],
      ['scalars', 3],
    ],
    run: (kernel, [a = none, b = none, c = none]) => kernel.differencePlus(a, b, c),
  },
  {
    name: 'addSelected',
    takes: (n) => [
      ['scalars', 3 * n],
      ['scalars', 3 * n],
      ['bits', n],
    ],
    run: (kernel, [a = none, b = none, c = none]) => kernel.addSelected(a, b, c),
  },
  {
    name: 'combineColumns',
    takes: (n) => [
      ['scalars', 3 * n],
      ['scalars', 3],
    ],
    run: (kernel, [a = none, b = none]) => kernel.combineColumns(a, b),
  },
  {
    name: 'subtractSelected',
    takes: (n) => [
      ['scalars', n],
      ['bits', n],
      ['scalars', 1],
    ],
    run: (kernel, [a = none, b = none, c = none]) => kernel.subtractSelected(a, b, c),
  },
  {
    name: 'sumRows',
    takes: (n) => [
      ['scalars', 3 * n],
      ['scalars', n],
    ],
    run: (kernel, [a = none, b = none]) => kernel.sumRows(a, b),
  },
  {
    name: 'sumSelected',
    takes: (n) => [
      ['scalars', n],
      ['bits', n],
    ],
    run: (kernel, [a = none, b = none]) => kernel.sumSelected(a, b),
  },
];

const input = (group: Group, [kind, count]: readonly ['scalars' | 'bits' | 'wide', number]) =>
  kind === 'scalars'
    ? vector(group, count)
    : kind === 'bits'
      ? bytes(Math.ceil(count / 8))
      : fc.array(bytes(48), { minLength: count, maxLength: count }).map(joined);

for (const group of groups) {
  const native = nativeVectors(group.name);
  const reference = referenceVectors(group.name);

  for (const operation of operations) {
    test(`${group.name}: ${operation.name} gives what the definition gives`, () => {
      for (const n of [1, 2, 7, 8, 9, 33]) {
        fc.assert(
          fc.property(fc.tuple(...operation.takes(n).map((one) => input(group, one))), (args) => {
            const before = args.map((arg) => arg.slice());
            assert.deepEqual(operation.run(native, args), operation.run(reference, args));
            assert.deepEqual(args, before, 'an argument was written to');
          }),
          { numRuns: 12 },
        );
      }
    });

    test(`${group.name}: ${operation.name} of 416 rows, as a multiplication has them`, () => {
      const random = insecureSeeded(`kernel/${group.name}/${operation.name}`);
      const args = operation
        .takes(416)
        .map(([kind, count]) =>
          kind === 'scalars'
            ? reference.reduceWide(random(count * 48))
            : random(kind === 'bits' ? count / 8 : count * 48),
        );
      assert.deepEqual(operation.run(native, args), operation.run(reference, args));
    });

    test(`${group.name}: ${operation.name} refuses wrong lengths, wrong types and scalars not below the order`, () => {
      const good = operation
        .takes(9)
        .map(([kind, count]) =>
          new Uint8Array(kind === 'bits' ? Math.ceil(count / 8) : count * (kind === 'wide' ? 48 : 32)).fill(
            1,
          ),
        );
      operation.run(native, good);
      const tooLarge = vectorOf(group, [group.order]);
      operation.takes(9).forEach(([kind], i) => {
        const arg = good[i] ?? none;
        const bad: unknown[] = [
          none,
          arg.subarray(1),
          joined([arg, new Uint8Array(1)]),
          undefined,
          'text',
          Array.from(arg),
          new Uint8ClampedArray(arg),
          new Uint16Array(arg),
          new DataView(arg.buffer),
          arg.buffer,
        ];
        // An argument whose number of rows says how many the others have is refused with those.
        for (const one of bad) {
          for (const kernel of [native, reference]) {
            assert.throws(
              () =>
                operation.run(
                  kernel,
                  good.map((same, k) => (k === i ? (one as Uint8Array) : same)),
                ),
              TypeError,
              `argument ${i}`,
            );
          }
        }
        if (kind === 'scalars' && operation.name !== 'areCanonical') {
          for (const at of [0, arg.length - 32]) {
            const over = arg.slice();
            over.set(tooLarge, at);
            for (const kernel of [native, reference]) {
              assert.throws(
                () =>
                  operation.run(
                    kernel,
                    good.map((same, k) => (k === i ? over : same)),
                  ),
                TypeError,
                `argument ${i}`,
              );
            }
          }
        }
      });
    });
  }

  test(`T40: ${group.name}: 48 bytes are reduced as one number, none is cut off`, () => {
    const values = [2n ** 384n - 1n, 2n ** 256n, 2n ** 383n, group.order, group.order - 1n, 0n];
    const littleEndian = group.name === 'ed25519';
    const wide = joined(
      values.map((value) => {
        const raw = Buffer.from(value.toString(16).padStart(96, '0'), 'hex');
        return littleEndian ? raw.reverse() : raw;
      }),
    );
    assert.deepEqual(
      native.reduceWide(wide),
      vectorOf(
        group,
        values.map((value) => value % group.order),
      ),
    );
  });

  test(`${group.name}: one scalar that is not below the order is seen among many`, () => {
    const many = native.reduceWide(insecureSeeded('canonical')(48 * 20));
    assert.equal(native.areCanonical(many), true);
    for (const bad of [group.order, group.order + 1n, 2n ** 256n - 1n]) {
      const changed = many.slice();
      changed.set(vectorOf(group, [bad]), 32 * 13);
      assert.equal(native.areCanonical(changed), false);
    }
    assert.equal(native.areCanonical(vectorOf(group, edges(group))), true);
  });
}

const portable: BitKernel = {
  ...nativeBits,
  foldRows: (rows, weights, { rowBytes, dataBytes }) =>
    addonBits().foldRowsPortable(rows, weights, rowBytes, dataBytes),
};

test('a matrix of bits is transposed as the definition says, for every width', () => {
  for (const width of [1, 2, 7, 8, 9, 16, 17, 68, 80]) {
    fc.assert(
      fc.property(bytes(128 * width), fc.integer({ min: 1, max: 8 * width }), (rows, columns) => {
        assert.deepEqual(nativeBits.transpose(rows, columns), referenceBits.transpose(rows, columns));
      }),
      { numRuns: 4 },
    );
  }
});

test('row c of a transposed matrix is its column c: one bit alone goes where it belongs', () => {
  for (const [row, column] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [127, 639],
    [64, 63],
    [63, 64],
    [100, 415],
  ] as const) {
    const rows = new Uint8Array(128 * 80);
    rows[row * 80 + (column >> 3)] = 1 << (column & 7);
    const wanted = new Uint8Array(640 * 16);
    wanted[column * 16 + (row >> 3)] = 1 << (row & 7);
    assert.deepEqual(nativeBits.transpose(rows, 640), wanted);
  }
});

test('rows are folded in GF(2^128) alike by definition, by the processor and by the portable path', (t) => {
  if (!addonBits().hasFastFold()) {
    t.diagnostic('this processor has no carry-less multiplication: both native paths are the portable one');
  }
  for (const [dataBytes, blocks] of [
    [1, 1],
    [15, 1],
    [16, 1],
    [17, 2],
    [52, 4],
    [64, 4],
    [64, 6],
  ] as const) {
    const rowBytes = dataBytes + 16;
    fc.assert(
      fc.property(bytes(rowBytes * 5), bytes(blocks * 16), (rows, weights) => {
        const wanted = referenceBits.foldRows(rows, weights, { rowBytes, dataBytes });
        assert.deepEqual(nativeBits.foldRows(rows, weights, { rowBytes, dataBytes }), wanted);
        assert.deepEqual(portable.foldRows(rows, weights, { rowBytes, dataBytes }), wanted);
      }),
      { numRuns: 10 },
    );
  }
});

test('GF(2^128) is bits modulo x^128 + x^7 + x^2 + x + 1: x^127 times x is x^7 + x^2 + x + 1', () => {
  const row = new Uint8Array(32);
  row[15] = 0x80;
  const weights = Uint8Array.of(2, ...new Uint8Array(15));
  for (const kernel of [nativeBits, portable, referenceBits]) {
    assert.deepEqual(
      kernel.foldRows(row, weights, { rowBytes: 32, dataBytes: 16 }),
      Uint8Array.of(0x87, ...new Uint8Array(15)),
    );
  }
});

test('the kernels of bits refuse lengths and numbers that do not fit', () => {
  const rows = new Uint8Array(128 * 4);
  for (const kernel of [nativeBits, referenceBits]) {
    for (const columns of [0, -1, 33, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => kernel.transpose(rows, columns), TypeError, `columns ${columns}`);
    }
    assert.throws(() => kernel.transpose(rows.subarray(1), 8), TypeError);
    assert.throws(() => kernel.transpose(new Uint8Array(), 1), TypeError);
  }
  const weights = new Uint8Array(32);
  const good = { rowBytes: 48, dataBytes: 32 };
  for (const kernel of [nativeBits, portable, referenceBits]) {
    kernel.foldRows(new Uint8Array(96), weights, good);
    for (const [data, of, layout] of [
      [new Uint8Array(95), weights, good],
      [new Uint8Array(), weights, good],
      [new Uint8Array(96), new Uint8Array(16), good],
      [new Uint8Array(96), new Uint8Array(), good],
      [new Uint8Array(96), new Uint8Array(33), good],
      [new Uint8Array(96), weights, { rowBytes: 47, dataBytes: 32 }],
      [new Uint8Array(96), weights, { rowBytes: 32, dataBytes: 32 }],
      [new Uint8Array(96), weights, { rowBytes: 48, dataBytes: 31 }],
      [new Uint8Array(96), weights, { rowBytes: 16, dataBytes: 0 }],
      [new Uint8Array(96), weights, { rowBytes: 16.5, dataBytes: 0.5 }],
      [new Uint8Array(96), weights, { rowBytes: 8, dataBytes: -8 }],
    ] as const) {
      assert.throws(() => kernel.foldRows(data, of, layout), TypeError);
    }
  }
});
