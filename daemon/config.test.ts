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

test('given each platform, when its configuration is read, then its attester has what it needs', () => {
  const attesterOf = (platform: string, attester?: unknown): DaemonConfig['attester'] =>
    read(JSON.stringify({ ...good, platform, attester })).attester;
  assert.deepEqual(attesterOf('dev', { folder: 'a' }), { platform: 'dev', folder: 'a' });
  assert.deepEqual(attesterOf('nitro'), { platform: 'nitro', device: '/dev/nsm' });
  assert.deepEqual(attesterOf('nitro', { device: '/dev/other' }), {
    platform: 'nitro',
    device: '/dev/other',
  });
  const tpm2 = { folder: 'a', tpm: 'device:/dev/tpmrm0' };
  assert.deepEqual(attesterOf('tpm2', tpm2), {
    platform: 'tpm2',
    folder: 'a',
    tpm: { kind: 'device', path: '/dev/tpmrm0' },
    pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    bank: 'sha256',
    eventLog: undefined,
  });
  const more = { pcrs: [0, 4, 7, 11], bank: 'sha384', eventLog: '/log' } as const;
  assert.deepEqual(attesterOf('tpm2', { ...tpm2, ...more, tpm: 'tcp:127.0.0.1:2321' }), {
    platform: 'tpm2',
    folder: 'a',
    tpm: { kind: 'tcp', host: '127.0.0.1', port: 2321 },
    ...more,
  });

  const wrong: readonly [string, unknown][] = [
    ['dev', { tpm: 'device:/dev/tpmrm0' }],
    ['dev', tpm2],
    ['nitro', { folder: 'a' }],
    ['nitro-tpm', {}],
    ['tpm2', undefined],
    ['tpm2', { folder: 'a' }],
    ['tpm2', { ...tpm2, tpm: '/dev/tpmrm0' }],
    ['tpm2', { ...tpm2, tpm: 'tcp:10.0.0.1:2321' }],
    ['tpm2', { ...tpm2, bank: 'sha1' }],
    ['tpm2', { ...tpm2, pcrs: [] }],
    ['tpm2', { ...tpm2, pcrs: [24] }],
    ['tpm2', { ...tpm2, pcrs: [7, 7] }],
    ['tpm2', { ...tpm2, surprise: 1 }],
  ];
  for (const [platform, attester] of wrong) {
    const text = JSON.stringify({ ...good, platform, attester });
    assert.throws(() => read(text), refusal('node/bad-config'), text);
  }
});

test('given arguments that are not --config FILE, when read, then they are refused', () => {
  assert.equal(configPath(['--config', 'a.json']), 'a.json');
  for (const args of [[], ['--config'], ['--config', 'a', 'b'], ['a.json'], ['--help']]) {
    assert.throws(() => configPath(args), refusal('node/bad-config'));
  }
});
