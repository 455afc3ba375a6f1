/** The configuration file: each field wrong in turn is refused by its name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSymbolonError } from '../wire/errors/index.ts';
import { parseConfig } from './config.ts';

const good = {
  listen: 'tcp:127.0.0.1:7000',
  manifest: { file: 'manifest.cbor', anchor: 'ab'.repeat(32) },
  nodes: [
    { name: 'node-1', address: 'tcp:127.0.0.1:7001' },
    { name: 'node-2', address: 'tcp:signer.example:7001' },
  ],
  clientKeyFile: 'clients/coordinator.key',
  database: 'coordinator/database',
  apiKeys: [{ name: 'operator', sha256: '00'.repeat(32) }],
};
const without = (name: string): object =>
  Object.fromEntries(Object.entries(good).filter(([field]) => field !== name));

test('a good configuration is taken, with and without API keys', () => {
  const config = parseConfig(JSON.stringify(good), 'config.json');
  assert.deepEqual(config.listen, { kind: 'tcp', host: '127.0.0.1', port: 7000 });
  assert.equal(config.nodes.length, 2);
  assert.equal(config.apiKeys[0]?.hash.length, 32);
  assert.deepEqual(parseConfig(JSON.stringify(without('apiKeys')), 'config.json').apiKeys, []);
  assert.deepEqual(config.presign, {});
});

test('numbers of presignatures are taken, each for itself', () => {
  for (const presign of [
    { perKey: 0 },
    { total: 1_024, keys: ['0'.repeat(32)] },
    { perKey: 64, total: 0, keys: [] },
  ]) {
    assert.deepEqual(parseConfig(JSON.stringify({ ...good, presign }), 'config.json').presign, presign);
  }
});

const cases: readonly (readonly [name: string, value: unknown, field: string])[] = [
  ['not an object', [], 'file'],
  ['null', null, 'file'],
  ['an unknown field', { ...good, password: 'x' }, 'file'],
  ...['listen', 'clientKeyFile', 'database'].map((field) => [`no ${field}`, without(field), field] as const),
  ['no manifest', without('manifest'), 'manifest'],
  ['no nodes', without('nodes'), 'nodes'],
  ['a listener beyond loopback', { ...good, listen: 'tcp:0.0.0.0:7000' }, 'listen'],
  ['a listener with a name', { ...good, listen: 'tcp:example.org:7000' }, 'listen'],
  ['a number as listener', { ...good, listen: 7000 }, 'listen'],
  ['an anchor too short', { ...good, manifest: { ...good.manifest, anchor: 'ab' } }, 'manifest.anchor'],
  [
    'an anchor not hexadecimal',
    { ...good, manifest: { ...good.manifest, anchor: 'zz'.repeat(32) } },
    'manifest.anchor',
  ],
  ['an unknown manifest field', { ...good, manifest: { ...good.manifest, url: 'x' } }, 'manifest'],
  ['a node twice', { ...good, nodes: [good.nodes[0], good.nodes[0]] }, 'nodes'],
  ['a node name', { ...good, nodes: [{ name: 'Node 1', address: 'tcp:127.0.0.1:1' }] }, 'nodes[0].name'],
  ['a node address', { ...good, nodes: [{ name: 'node-1', address: 'http://x' }] }, 'nodes[0].address'],
  ['too many nodes', { ...good, nodes: Array.from({ length: 33 }, () => good.nodes[0]) }, 'nodes'],
  ['an empty path', { ...good, database: '' }, 'database'],
  ['an unknown presign field', { ...good, presign: { perkey: 1 } }, 'presign'],
  ['too many presignatures of a key', { ...good, presign: { perKey: 65 } }, 'presign.perKey'],
  ['a negative number', { ...good, presign: { total: -1 } }, 'presign.total'],
  ['half a presignature', { ...good, presign: { perKey: 0.5 } }, 'presign.perKey'],
  ['text as a number', { ...good, presign: { total: '4' } }, 'presign.total'],
  ['no key id', { ...good, presign: { keys: ['hot wallet'] } }, 'presign.keys[0]'],
  ['an API key hash', { ...good, apiKeys: [{ name: 'a', sha256: '00' }] }, 'apiKeys[0].sha256'],
  ['an API key itself', { ...good, apiKeys: [{ name: 'a', key: 'symbolon_x' }] }, 'apiKeys[0]'],
];
for (const [name, value, field] of cases) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseConfig(JSON.stringify(value), 'config.json'),
      (error: unknown) => {
        assert.ok(isSymbolonError(error, 'coordinator/config'));
        assert.equal(error.facts.field, field);
        return true;
      },
    );
  });
}

test('refused: a key twice, and text that is no JSON', () => {
  for (const text of ['{"listen":"a","listen":"b"}', 'listen: x']) {
    assert.throws(
      () => parseConfig(text, 'config.json'),
      (error: unknown) => isSymbolonError(error, 'coordinator/config') && error.facts.field === 'file',
    );
  }
});
