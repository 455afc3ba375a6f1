/** Strict JSON: what is refused, that what is accepted is what JSON.parse reads, and that hostile text costs no time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultJsonDepth, parseJsonValue, parseStrictJson } from './strictJson.ts';

const refused: readonly (readonly [text: string, reason: RegExp])[] = [
  ['', /not JSON/],
  ['{', /not JSON/],
  ['"\\', /not JSON/],
  [':', /not JSON/],
  ['{"a":1}x', /not JSON/],
  ['{"a":1,}', /not JSON/],
  ['\ufeff{}', /not JSON/],
  ['{"\\u00zz":1}', /not JSON/],
  ['{"a":1,"a":2}', /twice/],
  ['{"a":1,"\\u0061":2}', /twice/],
  ['{"__proto__":1,"__proto__":2}', /twice/],
  ['{"x":{"a":1,"b":[{"c":1,"c":1}]}}', /twice/],
  [`${'['.repeat(defaultJsonDepth + 1)}${']'.repeat(defaultJsonDepth + 1)}`, /deeper than 8/],
  ['['.repeat(50_000), /deeper than 8/],
];
for (const [text, reason] of refused) {
  test(`T34: refused: ${JSON.stringify(text.slice(0, 40))}`, () => {
    for (const source of [text, new TextEncoder().encode(text)]) {
      const parsed = parseStrictJson(source);
      assert.ok(!parsed.ok);
      assert.match(parsed.reason, reason);
    }
  });
}

test('a text with half a surrogate pair is refused, as value and as key, escaped and as it is', () => {
  const half = '\ud800';
  for (const text of ['"\\ud800"', '["\\udc00\\ud800"]', '{"\\ud83d":1}', `"${half}"`, `{"${half}":1}`]) {
    assert.deepEqual(
      parseStrictJson(text),
      { ok: false, reason: 'a text is no Unicode' },
      JSON.stringify(text),
    );
  }
  assert.deepEqual(parseStrictJson('"\\ud83d\\ude00"'), { ok: true, value: '\u{1f600}' });
});

test('bytes that are not UTF-8 are refused', () => {
  assert.equal(parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22)).ok, false);
});

test('the same key in two objects is fine, and so are brackets and colons in strings', () => {
  const text = '{"a":{"b":1},"c":{"b":"}]:{\\"b\\":"},"d":["b","b"],"e" : "\\\\"}';
  assert.deepEqual(parseStrictJson(text), { ok: true, value: JSON.parse(text) as unknown });
});

test('what JSON.stringify writes is read back', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: defaultJsonDepth - 2 }), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(parseStrictJson(text), { ok: true, value: JSON.parse(text) as unknown });
    }),
    { numRuns: 100 },
  );
});

test('for shapes: objects become maps, __proto__ is a key like others, and a number that is not whole is refused', () => {
  assert.deepEqual(parseJsonValue('{"a":[1,null,true,"x"],"__proto__":{}}'), {
    ok: true,
    value: new Map<string, unknown>([
      ['a', [1, null, true, 'x']],
      ['__proto__', new Map()],
    ]),
  });
  for (const text of ['1.5', '{"a":[1e400]}', '9007199254740993', '[-0.1]', '-0', '[-0.0e1]']) {
    assert.deepEqual(parseJsonValue(text), { ok: false, reason: 'a number is no whole number' });
  }
});

test('T43: a text of open quotes takes time linear in its length', () => {
  const start = performance.now();
  assert.equal(parseStrictJson('\\"'.repeat(150_000)).ok, false);
  assert.ok(performance.now() - start < 2_000);
});
