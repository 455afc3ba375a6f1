import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { maxImport, readJson, type JsonNode } from './json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const refused = (error: unknown): boolean => isSymbolonError(error, 'threshold/bad-import');

/** What the reader saw, as JSON.parse would give it. */
function valueOf(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries([...node.fields].map(([key, one]) => [key, valueOf(one)]));
    case 'array':
      return node.items.map(valueOf);
    case 'number':
      return Number(new TextDecoder().decode(node.raw));
    case 'string':
      return JSON.parse(`"${new TextDecoder().decode(node.raw)}"`) as unknown;
    default:
      return JSON.parse(node.kind) as unknown;
  }
}

test('JSON that a library writes is read as JSON.parse reads it', () => {
  const plainKey = fc.string({
    unit: fc.constantFrom('a', 'b', 'X', 'Z', '_', '0', '9'),
    minLength: 1,
    maxLength: 8,
  });
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(plainKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(json, fc.constantFrom(0, 1, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.deepEqual(valueOf(readJson(bytes(text))), JSON.parse(text));
    }),
    { seed: 4 },
  );
});

test('malformed bytes are refused, or are JSON', () => {
  const sample = JSON.stringify({ Xi: 12, Ks: [1, 2.5e3, -7], a: { b: 'c\\u0041"', d: null }, e: true });
  fc.assert(
    fc.property(fc.nat(sample.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const raw = bytes(sample);
      raw[at] = byte;
      let node: JsonNode;
      try {
        node = readJson(raw);
      } catch (error) {
        assert.ok(refused(error), String(error));
        return;
      }
      assert.ok(['object', 'array', 'number', 'string', 'true', 'false', 'null'].includes(node.kind));
    }),
    { seed: 5, numRuns: 2_000 },
  );
  for (let length = 0; length < sample.length; length += 1) {
    assert.throws(() => readJson(bytes(sample).slice(0, length)), refused);
  }
});

const malformed: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['blanks only', ' \n'],
  ['two values', '1 2'],
  ['a comma at the end of an object', '{"a":1,}'],
  ['a comma at the end of a list', '[1,]'],
  ['a list without a comma', '[1 2]'],
  ['a key without a value', '{"a"}'],
  ['a key without quotes', '{a:1}'],
  ['a key twice', '{"a":1,"b":2,"a":1}'],
  ['a key with an escape', '{"\\u0061":1}'],
  ['a key that is not ASCII', '{"é":1}'],
  ['a key of 65 characters', `{"${'k'.repeat(65)}":1}`],
  ['a number with a zero in front', '[01]'],
  ['a number with a plus', '[+1]'],
  ['a number that ends in a point', '[1.]'],
  ['a number that starts with a point', '[.5]'],
  ['a number without digits', '[-]'],
  ['an exponent without digits', '[1e]'],
  ['a hexadecimal number', '[0x10]'],
  ['NaN', '[NaN]'],
  ['a literal in capitals', '[True]'],
  ['half a literal', '[nul]'],
  ['a string that does not end', '["a'],
  ['a string with a line end', '["a\nb"]'],
  ['a string with a bad escape', '["\\x"]'],
  ['a string with a short escape', '["\\u00g0"]'],
  ['a string that ends in an escape', '["\\'],
  ['a comment', '[1 /* */]'],
  ['a mark of byte order', '\ufeff[1]'],
  ['brackets that cross', '[{]}'],
];
for (const [what, text] of malformed) {
  test(`malformed: ${what} is refused`, () => {
    assert.throws(() => readJson(bytes(text)), refused);
  });
}

test('T34: size is capped before parsing; depth and the number of values while', () => {
  assert.throws(() => readJson(new Uint8Array(maxImport + 1).fill(0x20)), refused);
  assert.throws(() => readJson(bytes('['.repeat(18) + ']'.repeat(18))), refused);
  readJson(bytes('['.repeat(17) + ']'.repeat(17)));
  assert.throws(() => readJson(bytes(`[${'1,'.repeat(65_536)}1]`)), refused);
});

test('numbers and strings stay views of the input, which its owner can wipe', () => {
  const input = bytes('{"x":123,"y":"ab"}');
  const node = readJson(input);
  assert.equal(node.kind, 'object');
  const [x, y] = ['x', 'y'].map((name) => node.fields.get(name));
  assert.ok(x?.kind === 'number' && y?.kind === 'string');
  assert.equal(x.raw.buffer, input.buffer);
  input.fill(0);
  assert.deepEqual([...x.raw, ...y.raw], [0, 0, 0, 0, 0]);
});
