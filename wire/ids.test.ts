import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSymbolonError } from './errors/index.ts';
import { requestBytes, type KeyCreateRequest } from './messages/request.ts';

const request = (label: string): KeyCreateRequest => ({
  action: 'key.create',
  v: 1,
  cluster: new Uint8Array(16),
  id: new Uint8Array(16),
  client: 'operator',
  issuedAt: 0,
  expiresAt: 1,
  scheme: 'frost-ed25519',
  threshold: 2,
  nodes: ['a', 'b'],
  purpose: 'treasury',
  label,
});

test('given a label that would move a cursor, end a line or turn the text around, when decoded, then it is refused', () => {
  for (const bad of [
    '\u001b[2Jpaid',
    'one\ntwo',
    'a\u0000',
    '\u009b1m',
    'pay\u202eecila',
    '\u2066x',
    'a\u2028b',
    '\u007f',
  ]) {
    assert.throws(
      () => requestBytes.decode(requestBytes.encode(request(bad))),
      (error) => isSymbolonError(error, 'wire/unexpected-shape') && error.facts.path === 'request.label',
      JSON.stringify(bad),
    );
  }
  for (const good of ['hot wallet', 'Zürich 1 (kalt)', '東京', 'قابض', '💰']) {
    const encoded = requestBytes.encode(request(good));
    assert.deepEqual(requestBytes.decode(encoded), request(good));
  }
});
