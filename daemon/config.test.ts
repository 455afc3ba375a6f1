import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configPath, readConfig, type DaemonConfig } from './config.ts';
import { refusal } from './testing/refusal.ts';

const good = {
  node: 'node-1',
  cluster: 'ab'.repeat(16),
  listen: 'unix:daemon/run/node.sock',
  platform: 'dev',
  attester: { folder: 'attester' },
  hsm: { socket: 'hsm/hsm.sock' },
  store: { folder: 'daemon/store' },
  manifest: { file: 'daemon/manifest.cbor', anchor: 'cd'.repeat(32) },
};

function read(text: string): DaemonConfig {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-'));
  try {
    const file = join(folder, 'config.json');
    writeFileSync(file, text);
    return readConfig(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('given a right configuration, when it is read, then its fields have their types', () => {
  const config = read(JSON.stringify(good));
  assert.equal(config.cluster.length, 16);
  assert.equal(config.manifest.anchor.length, 32);
  assert.deepEqual(config.listen, { kind: 'unix', path: 'daemon/run/node.sock' });
});

test('given each field missing, wrong or unknown, when it is read, then it is refused', () => {
  for (const field of Object.keys(good)) {
    const without = Object.fromEntries(Object.entries(good).filter(([name]) => name !== field));
    assert.throws(() => read(JSON.stringify(without)), refusal('node/bad-config'), `without ${field}`);
    assert.throws(
      () => read(JSON.stringify({ ...good, [field]: 7 })),
      refusal('node/bad-config'),
      `wrong ${field}`,
    );
  }
  const wrong = [
    { ...good, surprise: 1 },
    { ...good, store: { folder: 'a', more: 1 } },
    { ...good, cluster: 'zz'.repeat(16) },
    { ...good, listen: 'tcp:nowhere' },
    { ...good, platform: 'sgx' },
    { ...good, manifest: { ...good.manifest, anchor: 'cd' } },
  ];
  for (const one of wrong) {
    assert.throws(() => read(JSON.stringify(one)), refusal('node/bad-config'), JSON.stringify(one));
  }
  for (const text of ['', '[]', '{', `{"node":"a","node":"b"}`, 'x'.repeat(9_000)]) {
    assert.throws(() => read(text), refusal('node/bad-config'));
  }
});

test('given arguments that are not --config FILE, when read, then they are refused', () => {
  assert.equal(configPath(['--config', 'a.json']), 'a.json');
  for (const args of [[], ['--config'], ['--config', 'a', 'b'], ['a.json'], ['--help']]) {
    assert.throws(() => configPath(args), refusal('node/bad-config'));
  }
});
