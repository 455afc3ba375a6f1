import assert from 'node:assert/strict';
import { generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, dirname, relative } from 'node:path';
import { test } from 'node:test';
import type * as Pkcs11 from 'pkcs11js';
import { isSymbolonError } from '../wire/errors/index.ts';
import { repoRoot } from '../test/repoRoot.ts';
import { exitCodes, mayRestart } from './index.ts';
import { call, toCatalogue, VendorError, type PresentToken } from './pkcs11.ts';
import { noSoftHsm, random, testNode } from './testing.ts';
import { chooseToken, openToken } from './token.ts';

const token = (label: string, serial: string): PresentToken => ({
  slot: Buffer.alloc(8),
  label,
  serial,
  flags: 0,
});

test('T31: one token must match by label and serial number: none, another and two are three refusals', () => {
  const others = [token('other', 'bb'), token('signer two', 'aa')];
  assert.equal(chooseToken([...others, token('signer', 'aa')], 'signer', 'aa').serial, 'aa');
  const both = [token('signer', 'cc'), token('signer', 'aa')];
  assert.equal(chooseToken(both, 'signer', 'aa').serial, 'aa');
  assert.throws(() => chooseToken(others, 'signer', 'aa'), { code: 'hsm/token-absent' });
  assert.throws(() => chooseToken([token('signer', 'cc')], 'signer', 'aa'), {
    code: 'hsm/token-mismatch',
  });
  const twice = [token('signer', 'aa'), ...others, token('signer', 'aa')];
  assert.throws(() => chooseToken(twice, 'signer', 'aa'), { code: 'hsm/token-ambiguous' });
});

test(
  'T29: given a link to the token that shows another public key after the start, then nothing is sealed to it',
  { skip: noSoftHsm },
  async (t) => {
    const { folder, profile } = await testNode(t, { algorithm: 'rsa-oaep-sha1', allowOaepSha1: true });
    const conf = join(folder, 'absolute.conf');
    writeFileSync(conf, `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\n`);
    process.env['SOFTHSM2_CONF'] = conf;
    const stranger = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const { n = '' } = stranger.publicKey.export({ format: 'jwk' });
    const ck = createRequire(import.meta.url)('pkcs11js') as typeof Pkcs11;
    const honest = ck.PKCS11;
    let lies = false;
    class Hostile extends honest {
      constructor() {
        super();
        const read = this.C_GetAttributeValue.bind(this);
        this.C_GetAttributeValue = (session, object, template) =>
          lies && template.some(({ type }) => type === ck.CKA_MODULUS)
            ? template.map(({ type }) => ({ type, value: Buffer.from(n, 'base64url') }))
            : read(session, object, template);
      }
    }
    Reflect.set(ck, 'PKCS11', Hostile);
    const opened = openToken(profile, () => readFileSync(join(folder, 'pin')), random);
    try {
      lies = true;
      const { wrapped, ikm } = opened.make();
      assert.throws(() => privateDecrypt({ key: stranger.privateKey, oaepHash: 'sha1' }, wrapped));
      assert.deepEqual(opened.recover(wrapped), ikm);
    } finally {
      Reflect.set(ck, 'PKCS11', honest);
      opened.close();
    }
  },
);

test('T33: of a vendor error only the call and its return value are kept', () => {
  const leaky = new Error('CKR_DEVICE_ERROR:48\n at C_Login(pin=8765-4321)');
  assert.throws(
    () =>
      call('C_Login', () => {
        throw leaky;
      }),
    (error) => {
      assert.ok(error instanceof VendorError);
      assert.deepEqual([error.operation, error.rv], ['C_Login', 'CKR_DEVICE_ERROR']);
      assert.equal(error.cause, undefined);
      const named = toCatalogue(error);
      assert.ok(isSymbolonError(named, 'hsm/token-failed'));
      assert.ok(!`${named.message}${JSON.stringify(named.facts)}`.includes('8765'));
      return true;
    },
  );
});

test('a supervisor starts again after a failure of the token or a signal, and after nothing else', () => {
  assert.deepEqual([null, 1, exitCodes.tokenFailed].map(mayRestart), [true, true, true]);
  assert.deepEqual([exitCodes.ended, exitCodes.pinRefused, exitCodes.badSetup].map(mayRestart), [
    false,
    false,
    false,
  ]);
});

test('what the other parts import of this folder never loads vendor code', () => {
  const reached = new Set<string>();
  const walk = (file: string): void => {
    if (reached.has(file)) {
      return;
    }
    reached.add(file);
    const source = readFileSync(join(repoRoot, file), 'utf8');
    for (const [statement = '', specifier = ''] of source.matchAll(
      /(?:^|\n)(?:import|export)\s[^'";]*?from\s*'([^']+)'/g,
    )) {
      assert.notEqual(specifier, 'pkcs11js', file);
      if (specifier.startsWith('.') && !/^\n?(?:import|export) type\b/.test(statement)) {
        walk(relative(repoRoot, join(repoRoot, dirname(file), specifier)));
      }
    }
  };
  walk('hsm/index.ts');
  assert.ok(reached.has('hsm/client.ts') && reached.has('hsm/enrol.ts'));
  for (const file of ['hsm/pkcs11.ts', 'hsm/token.ts', 'hsm/wrapping.ts', 'hsm/server.ts']) {
    assert.ok(!reached.has(file), `hsm/index.ts reaches ${file}`);
  }
});
