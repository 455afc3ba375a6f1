import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from './cbor.ts';
import { isSymbolonError } from './errors/index.ts';
import { hashOf, keyIdOf, namePattern, toHex } from './ids.ts';
import * as manifest from './messages/manifest.ts';
import * as node from './messages/node.ts';
import * as request from './messages/request.ts';
import * as session from './messages/session.ts';
import { bool, bytes, indexed, list, message, oneOf, optional, record, tagged, text, uint } from './shape.ts';

const sample = message(
  'sample',
  256,
  record({
    n: uint(10, 1),
    b: bytes(2),
    t: text(3, /^[a-z]+$/),
    list: list(bool, 2, 1),
    maybe: optional(uint()),
    one: oneOf('x', 'y'),
    pcrs: indexed(bytes(1), 3),
    kind: tagged('k', { left: { a: uint() }, right: { b: text(2) } }),
  }),
);
const good = {
  n: 1,
  b: Uint8Array.of(1, 2),
  t: 'abc',
  list: [true],
  one: 'x' as const,
  pcrs: new Map([[3, Uint8Array.of(7)]]),
  kind: { k: 'left' as const, a: 5 },
};

test('a good value goes round', () => {
  assert.deepEqual(sample.decode(sample.encode(good)), good);
  assert.deepEqual(sample.decode(sample.encode({ ...good, maybe: 4 })), { ...good, maybe: 4 });
});

const wrong: readonly (readonly [string, object, string])[] = [
  ['below the range', { n: 0 }, 'sample.n'],
  ['above the range', { n: 11 }, 'sample.n'],
  ['another type', { n: 'x' }, 'sample.n'],
  ['missing', { n: undefined }, 'sample.n'],
  ['null is not absent', { maybe: null }, 'sample.maybe'],
  ['short bytes', { b: Uint8Array.of(1) }, 'sample.b'],
  ['long bytes', { b: Uint8Array.of(1, 2, 3) }, 'sample.b'],
  ['long text', { t: 'abcd' }, 'sample.t'],
  ['empty text', { t: '' }, 'sample.t'],
  ['empty text without a pattern', { kind: { k: 'right', b: '' } }, 'sample.kind.b'],
  ['text off its pattern', { t: 'A' }, 'sample.t'],
  ['short list', { list: [] }, 'sample.list'],
  ['long list', { list: [true, true, true] }, 'sample.list'],
  ['wrong item', { list: [1] }, 'sample.list[0]'],
  ['unknown choice', { one: 'z' }, 'sample.one'],
  ['index beyond', { pcrs: new Map([[4, Uint8Array.of(1)]]) }, 'sample.pcrs'],
  ['text index', { pcrs: new Map([['1', Uint8Array.of(1)]]) }, 'sample.pcrs'],
  ['unknown tag', { kind: { k: 'up', a: 1 } }, 'sample.kind.k'],
  ['field of another variant', { kind: { k: 'left', b: 'x' } }, 'sample.kind'],
  ['unknown field', { extra: 1 }, 'sample'],
];
for (const [what, change, path] of wrong) {
  test(`refused with its path: ${what}`, () => {
    assert.throws(
      () => sample.decode(encodeCbor({ ...good, ...change })),
      (error) => isSymbolonError(error, 'wire/unexpected-shape') && error.facts.path.startsWith(path),
    );
  });
}

test('the text of an unknown field is not repeated', () => {
  assert.throws(
    () => sample.decode(encodeCbor({ ...good, 'peer\u001b[31mtext': 1 })),
    (error) => isSymbolonError(error, 'wire/unexpected-shape') && !error.message.includes('peer'),
  );
});

test('T34: a message above its cap is neither sent nor parsed', () => {
  const small = message('small', 8, record({ b: bytes(0, 100) }));
  assert.throws(
    () => small.encode({ b: new Uint8Array(50) }),
    (e) => isSymbolonError(e, 'wire/oversize'),
  );
  assert.throws(
    () => small.decode(new Uint8Array(9)),
    (e) => isSymbolonError(e, 'wire/oversize') && e.facts.what === 'small',
  );
});

test('every message refuses random bytes, truncation and one more byte with a wire code', () => {
  const formats = [manifest, request, session, node]
    .flatMap((module) => Object.values(module) as unknown[])
    .filter(
      (value): value is { name: string; decode: (raw: Uint8Array) => unknown } =>
        typeof value === 'object' && value !== null && 'decode' in value && 'maxBytes' in value,
    );
  assert.ok(formats.length >= 15, String(formats.length));
  const refuses = (decode: (raw: Uint8Array) => unknown, raw: Uint8Array): void => {
    assert.throws(
      () => decode(raw),
      (error) => isSymbolonError(error) && error.code.startsWith('wire/'),
    );
  };
  for (const format of formats) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        refuses(format.decode, raw);
      }),
      { numRuns: 50 },
    );
    refuses(format.decode, encodeCbor(new Map()));
    refuses(format.decode, encodeCbor([]));
    refuses(format.decode, encodeCbor({ v: 1, __proto__: null }));
  }
});

test('T18: hashes of different splits of the same bytes differ', () => {
  const a = Uint8Array.of(1, 2);
  const b = Uint8Array.of(3);
  assert.notEqual(toHex(hashOf('l', a, b)), toHex(hashOf('l', Uint8Array.of(1), Uint8Array.of(2, 3))));
  assert.notEqual(toHex(hashOf('l', a, b)), toHex(hashOf('l', [a, b])));
  assert.notEqual(toHex(hashOf('l', 'ab')), toHex(hashOf('la', 'b')));
});

test('T18: the session id binds the request, manifest, generation, order, boots, nonces and identities', () => {
  const challenge = (node: string, fill: number): session.Challenge => ({
    node,
    boot: new Uint8Array(16).fill(fill),
    nonce: new Uint8Array(32).fill(fill),
    identity: new Uint8Array(10).fill(fill),
  });
  const a = challenge('a', 1);
  const b = challenge('b', 2);
  const base = {
    requestHash: new Uint8Array(32),
    manifest: new Uint8Array(32),
    generation: 1,
    challenges: [a, b],
  };
  const ids = [
    base,
    { ...base, requestHash: new Uint8Array(32).fill(1) },
    { ...base, manifest: new Uint8Array(32).fill(1) },
    { ...base, generation: 2 },
    { ...base, challenges: [b, a] },
    { ...base, challenges: [a] },
    { ...base, challenges: [{ ...a, node: 'c' }, b] },
    { ...base, challenges: [{ ...a, boot: new Uint8Array(16) }, b] },
    { ...base, challenges: [{ ...a, nonce: new Uint8Array(32) }, b] },
    { ...base, challenges: [{ ...a, identity: new Uint8Array(10) }, b] },
  ].map((parts) => toHex(session.sessionIdOf(parts)));
  assert.equal(new Set(ids).size, ids.length);
});

test('T19: the key id binds cluster, scheme, purpose and key', () => {
  const cluster = new Uint8Array(16);
  const key = new Uint8Array(32);
  const ids = [
    keyIdOf(cluster, 'frost-ed25519', 'a', key),
    keyIdOf(cluster, 'frost-secp256k1-tr', 'a', key),
    keyIdOf(cluster, 'frost-ed25519', 'b', key),
    keyIdOf(new Uint8Array(16).fill(1), 'frost-ed25519', 'a', key),
    keyIdOf(cluster, 'frost-ed25519', 'a', new Uint8Array(32).fill(1)),
  ];
  assert.equal(new Set(ids).size, ids.length);
});

test('names can carry no path, no case, no control character', () => {
  for (const bad of ['', '-a', 'a-', 'A', 'a/b', '..', 'a b', 'a\n', 'a'.repeat(33), '\u0430']) {
    assert.equal(namePattern.test(bad), false, JSON.stringify(bad));
  }
  for (const good of ['a', 'node-1', 'a'.repeat(32)]) {
    assert.equal(namePattern.test(good), true, good);
  }
});
