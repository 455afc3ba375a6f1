/** Strict JSON: what is refused, and that what is accepted is what JSON.parse reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSymbolonError } from '../wire/errors/index.ts';
import { maxJsonDepth, parseStrictJson } from './json.ts';

const refused: readonly (readonly [text: string, reason: RegExp])[] = [
  ['', /not JSON/],
  ['{', /not JSON/],
  ['{"a":1}x', /not JSON/],
  ['{"a":1,}', /not JSON/],
  ['{"a":1,"a":2}', /twice/],
  ['{"a":1,"\\u0061":2}', /twice/],
  ['{"x":{"a":1,"b":[{"c":1,"c":1}]}}', /twice/],
  [`${'['.repeat(maxJsonDepth + 1)}${']'.repeat(maxJsonDepth + 1)}`, /deeper/],
  ['['.repeat(50_000), /deeper/],
  ['{"\\u00zz":1}', /not JSON/],
];
for (const [text, reason] of refused) {
  test(`refused: ${text.slice(0, 40)}`, () => {
    assert.throws(
      () => parseStrictJson(text, 'body'),
      (error: unknown) =>
        isSymbolonError(error, 'coordinator/bad-request') && reason.test(error.facts.reason),
    );
  });
}

test('the same key in two objects is fine, and so are brackets and colons in strings', () => {
  const text = '{"a":{"b":1},"c":{"b":"}]:{\\"b\\":"},"d":["b","b"]}';
  assert.deepEqual(parseStrictJson(text, 'body'), JSON.parse(text));
});

test('what JSON.stringify writes is read back', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: maxJsonDepth - 2 }), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(parseStrictJson(text, 'body'), JSON.parse(text));
    }),
    { numRuns: 100 },
  );
});
