import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { parseParentConfig, readParentConfig } from './config.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const good = {
  listen: 'tcp:0.0.0.0:7001',
  node: 'unix:daemon/run/node.sock',
  control: 'tcp:127.0.0.1:7101',
};
const withFields = (fields: object): string => JSON.stringify({ ...good, ...fields });

test('given a good configuration, then it parses with and without limits', () => {
  assert.deepEqual(parseParentConfig(encode(JSON.stringify(good))), {
    listen: { kind: 'tcp', host: '0.0.0.0', port: 7001 },
    node: { kind: 'unix', path: 'daemon/run/node.sock' },
    control: { kind: 'tcp', host: '127.0.0.1', port: 7101 },
    limits: {},
  });
  const limits = { maxConnections: 10, idleMs: 1_000 };
  assert.deepEqual(parseParentConfig(encode(withFields({ limits }))).limits, limits);
});

const cases: readonly [string, string, ErrorCode][] = [
  ['no bytes', '', 'channel/bad-config'],
  ['no JSON', '{listen}', 'channel/bad-config'],
  ['cut short', JSON.stringify(good).slice(0, -1), 'channel/bad-config'],
  ['a list', '[]', 'wire/unexpected-shape'],
  ['null', 'null', 'wire/unexpected-shape'],
  ['a missing field', JSON.stringify({ listen: good.listen, node: good.node }), 'wire/unexpected-shape'],
  ['an unknown field', withFields({ nodes: 'x' }), 'wire/unexpected-shape'],
  ['a field of the prototype', `{"__proto__":{},${JSON.stringify(good).slice(1)}`, 'wire/unexpected-shape'],
  ['a repeated field', `{"node":"unix:a",${JSON.stringify(good).slice(1)}`, 'channel/bad-config'],
  [
    'a repeated limit',
    withFields({}).replace('}', ',"limits":{"idleMs":20,"idleMs":30}}'),
    'channel/bad-config',
  ],
  ['a number as address', withFields({ listen: 7001 }), 'wire/unexpected-shape'],
  ['an empty address', withFields({ listen: '' }), 'wire/unexpected-shape'],
  ['a bad address', withFields({ listen: 'tcp:7001' }), 'channel/bad-address'],
  ['a node on another machine', withFields({ node: 'tcp:10.0.0.1:7001' }), 'channel/bad-address'],
  ['a control address for everyone', withFields({ control: 'tcp:0.0.0.0:7101' }), 'channel/bad-address'],
  ['one address twice', withFields({ control: good.node }), 'channel/bad-config'],
  ['an unknown limit', withFields({ limits: { maxConnection: 1 } }), 'wire/unexpected-shape'],
  ['a limit of zero', withFields({ limits: { maxConnections: 0 } }), 'wire/unexpected-shape'],
  ['a limit above its range', withFields({ limits: { idleMs: 3_600_001 } }), 'wire/unexpected-shape'],
  ['a limit as text', withFields({ limits: { idleMs: '20' } }), 'wire/unexpected-shape'],
  ['a limit with a fraction', withFields({ limits: { idleMs: 20.5 } }), 'channel/bad-config'],
  ['a limit that is no limit', withFields({ limits: null }), 'wire/unexpected-shape'],
  ['deep nesting', withFields({ limits: { idleMs: [[[[[[]]]]]] } }), 'channel/bad-config'],
  ['more than the cap', withFields({ listen: 'x'.repeat(20_000) }), 'wire/oversize'],
];
for (const [what, text, code] of cases) {
  test(`T34: given a configuration with ${what}, then it is refused with ${code}`, () => {
    assert.throws(
      () => parseParentConfig(encode(text)),
      (error) => isSymbolonError(error) && error.code === code,
    );
  });
}

test('given bytes that are not UTF-8, or no file at all, then it is refused by name', () => {
  const raw = encode(JSON.stringify(good));
  raw[5] = 0xff;
  assert.throws(() => parseParentConfig(raw), { code: 'channel/bad-config' });
  assert.throws(() => readParentConfig('/nonexistent/config.json'), { code: 'channel/bad-config' });
});

test('given any JSON, then it parses or is refused by name', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.throws(
        () => parseParentConfig(encode(text)),
        (error) => isSymbolonError(error),
      );
    }),
    { numRuns: 200 },
  );
});
