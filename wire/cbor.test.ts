import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cdeDecodeOptions, cdeEncodeOptions, decode as oracleDecode, encode as oracleEncode } from 'cbor2';
import fc from 'fast-check';
import { decodeCbor, encodeCbor, type CborInput, type CborKey } from './cbor.ts';
import { isSymbolonError, type ErrorCode } from './errors/index.ts';
import { fromHex, toHex } from './ids.ts';
import { maxCborItems } from './limits.ts';

const raw = (hex: string): Uint8Array => {
  const bytes = fromHex(hex.replaceAll(' ', ''));
  assert.ok(bytes !== undefined);
  return bytes;
};
const refusedWith =
  (code: ErrorCode, reason?: string) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code) && (reason === undefined || error.message.includes(reason));

// RFC 8949 appendix A, the rows within our types.
const vectors: readonly (readonly [string, CborInput])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18_446_744_073_709_551_615n],
  ['3bffffffffffffffff', -18_446_744_073_709_551_616n],
  ['20', -1],
  ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
  ['3b001fffffffffffff', -9_007_199_254_740_992n],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array()],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['6449455446', 'IETF'],
  ['62c3bc', '\u00fc'],
  ['80', []],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a0', new Map()],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a26161016162820203',
    new Map<string, CborInput>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
];

for (const [hex, value] of vectors) {
  test(`RFC 8949 appendix A: ${hex} both ways`, () => {
    assert.equal(toHex(encodeCbor(value)), hex);
    assert.deepEqual(decodeCbor(raw(hex), { maxBytes: 100 }), value);
  });
}

const malformed: readonly (readonly [string, string])[] = [
  ['', 'truncated'],
  ['18', 'truncated'],
  ['1817', 'shortest'],
  ['1900ff', 'shortest'],
  ['1a0000ffff', 'shortest'],
  ['1b00000000ffffffff', 'shortest'],
  ['5818', 'length beyond'],
  ['580100', 'shortest'],
  ['5bffffffffffffffff', 'length beyond'],
  ['9bffffffffffffffff', 'length beyond'],
  ['bb7fffffffffffffff', 'length beyond'],
  ['9affffffff', 'length beyond'],
  ['5f4101ff', 'indefinite'],
  ['7f6161ff', 'indefinite'],
  ['9f01ff', 'indefinite'],
  ['bf0101ff', 'indefinite'],
  ['0001', 'after the value'],
  ['62c328', 'UTF-8'],
  ['63eda080', 'UTF-8'],
  ['a2010201 02', 'duplicate'],
  ['a203040102', 'not sorted'],
  ['a2616201616102', 'not sorted'],
  ['a2626161016162 02', 'not sorted'],
  ['a1810102', 'map key'],
  ['a1f501', 'map key'],
  ['a14101 01', 'map key'],
  ['a101', 'truncated'],
  ['a20102ff', 'simple'],
  ['c001', 'tag'],
  ['d28440a0f640', 'tag'],
  ['f7', 'simple'],
  ['f90000', 'simple'],
  ['fb3ff199999999999a', 'simple'],
  ['f818', 'simple'],
  ['ff', 'simple'],
  ['1c', 'reserved'],
  ['1f', 'indefinite'],
];
for (const [hex, reason] of malformed) {
  test(`malformed ${hex === '' ? '(empty)' : hex} is refused: ${reason}`, () => {
    assert.throws(() => decodeCbor(raw(hex), { maxBytes: 100 }), refusedWith('wire/malformed-cbor', reason));
  });
}

test('T34: the size cap comes before the first byte is read', () => {
  assert.throws(
    () => decodeCbor(new Uint8Array(101).fill(0xff), { maxBytes: 100 }),
    refusedWith('wire/oversize'),
  );
});

test('T34: depth is capped, and 200,000 nested arrays do not overflow the stack', () => {
  const deep = new Uint8Array(200_000).fill(0x81);
  assert.throws(
    () => decodeCbor(deep, { maxBytes: 300_000 }),
    refusedWith('wire/malformed-cbor', 'too deep'),
  );
  assert.throws(
    () => decodeCbor(raw('818100'), { maxBytes: 10, maxDepth: 1 }),
    refusedWith('wire/malformed-cbor', 'too deep'),
  );
});

test('the indefinite map of Nitro payloads is accepted at the top only, and only when asked for', () => {
  const options = { maxBytes: 100, indefiniteTopMap: true, unsortedKeys: true };
  assert.deepEqual(
    decodeCbor(raw('bf616202616101ff'), options),
    new Map([
      ['b', 2],
      ['a', 1],
    ]),
  );
  assert.throws(
    () => decodeCbor(raw('bf6161bfffff'), options),
    refusedWith('wire/malformed-cbor', 'indefinite'),
  );
  assert.throws(
    () => decodeCbor(raw('bf61619fffff'), options),
    refusedWith('wire/malformed-cbor', 'indefinite'),
  );
  assert.throws(
    () => decodeCbor(raw('bf6161016161 02ff'), options),
    refusedWith('wire/malformed-cbor', 'duplicate'),
  );
  assert.throws(() => decodeCbor(raw('bf616101'), options), refusedWith('wire/malformed-cbor', 'truncated'));
  assert.throws(() => decodeCbor(raw('bf6161ff'), options), refusedWith('wire/malformed-cbor'));
});

test('a decoded byte string is a copy of its own', () => {
  const input = raw('4401020304');
  const value = decodeCbor(input, { maxBytes: 10 });
  input.fill(0);
  assert.deepEqual(value, Uint8Array.of(1, 2, 3, 4));
});

test('a __proto__ key is an ordinary key', () => {
  const value = decodeCbor(encodeCbor(new Map([['__proto__', 1]])), { maxBytes: 100 });
  assert.ok(value instanceof Map && value.get('__proto__') === 1);
});

test('the encoder refuses what it has no encoding for', () => {
  for (const bad of [1.5, NaN, -0, 2 ** 60, 2n ** 64n, '\ud800']) {
    assert.throws(() => encodeCbor(bad), TypeError);
  }
});

const key: fc.Arbitrary<CborKey> = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.integer());
const leaf: fc.Arbitrary<CborInput> = fc.oneof(
  fc.integer(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec<{ tree: CborInput }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('tree'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('tree')), { maxLength: 6 }).map((entries) => new Map(entries)),
  ),
}));

test('what is encoded decodes to itself, and cbor2 in its deterministic mode agrees byte for byte', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const encoded = encodeCbor(value);
      assert.deepEqual(decodeCbor(encoded, { maxBytes: 1_000_000 }), value);
      assert.equal(toHex(encoded), toHex(oracleEncode(value, cdeEncodeOptions)));
    }),
  );
});

test('random and mutated bytes: what we accept re-encodes to the same bytes and cbor2 accepts it too', () => {
  const mutated = fc.tuple(tree, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, at, flip]) => {
    const bytes = encodeCbor(value);
    const i = at % bytes.length;
    bytes[i] = (bytes[i] ?? 0) ^ flip;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      let value;
      try {
        value = decodeCbor(bytes, { maxBytes: 1_000_000 });
      } catch (error) {
        assert.ok(isSymbolonError(error, 'wire/malformed-cbor'), String(error));
        return;
      }
      assert.equal(toHex(encodeCbor(value)), toHex(bytes));
      oracleDecode(bytes, cdeDecodeOptions);
    }),
    { numRuns: 2_000 },
  );
});

test('given a Buffer, when decoded, then byte strings are plain copies that survive its wiping', () => {
  const input = Buffer.from(encodeCbor([Uint8Array.of(1, 2, 3)]));
  const decoded = decodeCbor(input, { maxBytes: 16 });
  input.fill(0);
  assert.deepEqual(decoded, [Uint8Array.of(1, 2, 3)]);
});

test('T34: given an input of a million tiny items, when decoded, then it is refused after a bounded number of them', () => {
  for (const item of [0x00, 0x40, 0x60, 0x80, 0xa0]) {
    const bytes = new Uint8Array(1_000_000).fill(item);
    bytes.set([0x9a, 0x00, 0x0f, 0x42, 0x3b]);
    assert.throws(
      () => decodeCbor(bytes, { maxBytes: bytes.length }),
      (error) => isSymbolonError(error, 'wire/malformed-cbor') && error.facts.offset < 2 * maxCborItems,
    );
  }
  // The array is an item too.
  const most = new Array<number>(maxCborItems - 1).fill(0);
  assert.deepEqual(decodeCbor(encodeCbor(most), { maxBytes: 1_000_000 }), most);
  assert.throws(
    () => decodeCbor(encodeCbor([...most, 0]), { maxBytes: 1_000_000 }),
    (error) => isSymbolonError(error, 'wire/malformed-cbor') && error.facts.reason === 'too many items',
  );
});
