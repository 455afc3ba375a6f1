import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { record, text, uint } from '../wire/shape.ts';
import { maxJsonFile, parseJson, readJsonFile } from './json.ts';
import { readProfile } from './profiles.ts';
import { readHsmConfig } from './process.ts';
import { testFolder } from './testing.ts';

const profile = {
  v: 1,
  module: '/usr/lib/softhsm/libsofthsm2.so',
  tokenLabel: 'signer',
  tokenSerial: '0123456789abcdef',
  keyLabel: 'symbolon-seal',
  keyId: '00ff',
  algorithm: 'hmac-sha256',
  madeAt: 1,
};
const config = { profile: 'hsm/profile.json', pinFile: 'hsm/pin', socket: 'hsm/hsm.sock', node: 'node-1' };

test('a profile with any field wrong, missing or unknown is refused by name', (t) => {
  const file = join(testFolder(t), 'profile.json');
  const write = (value: object): void => {
    writeFileSync(file, JSON.stringify(value));
  };
  assert.throws(() => readProfile(file), { code: 'hsm/profile-broken' });
  write(profile);
  assert.deepEqual(readProfile(file), profile);
  const wrong: readonly object[] = [
    { v: 2 },
    { v: '1' },
    { module: 'relative.so' },
    { tokenLabel: '' },
    { tokenLabel: 'x'.repeat(33) },
    { tokenLabel: ' padded ' },
    { tokenSerial: '0123456789abcdef0' },
    { keyId: '0' },
    { keyId: '0F' },
    { keyId: 1 },
    { algorithm: 'rsa-pkcs1' },
    // An RSA profile without its pinned public key, and an HMAC profile with one.
    { algorithm: 'rsa-oaep-sha256' },
    { publicKeySha256: '00'.repeat(32) },
    { madeAt: -1 },
    { madeAt: 1.5 },
    { madeAt: null },
    { pin: '1234' },
  ];
  for (const change of wrong) {
    write({ ...profile, ...change });
    assert.throws(() => readProfile(file), { code: 'hsm/profile-broken' }, JSON.stringify(change));
  }
  for (const field of Object.keys(profile)) {
    write(Object.fromEntries(Object.entries(profile).filter(([name]) => name !== field)));
    assert.throws(() => readProfile(file), { code: 'hsm/profile-broken' }, field);
  }
});

test('a configuration with any field wrong, missing or unknown is refused by name', (t) => {
  const folder = testFolder(t);
  const file = join(folder, 'config.json');
  const write = (value: unknown): void => {
    writeFileSync(file, JSON.stringify(value));
  };
  assert.throws(() => readHsmConfig(file), { code: 'hsm/config-broken' });
  write(config);
  assert.deepEqual(readHsmConfig(file), config);
  write({ ...config, cluster: '00'.repeat(16), softhsmConf: 'hsm/softhsm2.conf' });
  readHsmConfig(file);
  for (const wrong of [
    [],
    null,
    'x',
    1,
    { ...config, pin: '1234' },
    { ...config, node: 'Node' },
    { ...config, cluster: 'x' },
  ]) {
    write(wrong);
    assert.throws(() => readHsmConfig(file), { code: 'hsm/config-broken' });
  }
  mkdirSync(join(folder, 'folder.json'));
  assert.throws(() => readHsmConfig(join(folder, 'folder.json')), { code: 'hsm/config-broken' });
});

const shape = record({ a: uint(), b: text(8) });
const parse = (source: string): ReturnType<typeof parseJson> =>
  parseJson(new TextEncoder().encode(source), shape);

test('duplicate fields, deep nesting, ill-formed UTF-8 and __proto__ are broken; colons in text are not', () => {
  assert.deepEqual(parse('{"a":1,"b":"x"}'), { state: 'read', value: { a: 1, b: 'x' } });
  assert.equal(parse('{"b":"\\":\\"c\\"","a":1}').state, 'read');
  for (const source of [
    '{"a":1,"b":"x","a":2}',
    '{"a":1,"\\u0061":1,"b":"x"}',
    '{"a":1,"b":"x","__proto__":{}}',
    `${'['.repeat(4_000)}${']'.repeat(4_000)}`,
    '{"a":1,"b":"x"} {}',
    // A number is no text, whole or not.
    '{"a":1,"b":1}',
    '{"a":1,"b":1.5}',
    '',
  ]) {
    assert.equal(parse(source).state, 'broken', source.slice(0, 40));
  }
  assert.equal(parseJson(Uint8Array.of(0x22, 0xff, 0x22), shape).state, 'broken');
});

test('T34: a file above the cap is broken and not parsed; an absent one is absent', (t) => {
  const file = join(testFolder(t), 'large.json');
  assert.deepEqual(readJsonFile(file, shape), { state: 'absent' });
  writeFileSync(file, `{"a":1,"b":"x"}${' '.repeat(maxJsonFile)}`);
  const read = readJsonFile(file, shape);
  assert.deepEqual(read, { state: 'broken', reason: `longer than ${maxJsonFile} bytes` });
});

test('any text is read, or broken: never another error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (source) => {
      assert.match(parse(source).state, /^(?:read|broken)$/);
    }),
  );
});
