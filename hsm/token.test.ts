import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, dirname, relative } from 'node:path';
import { test } from 'node:test';
import { isSymbolonError } from '../wire/errors/index.ts';
import { repoRoot } from '../test/repoRoot.ts';
import { exitCodes, mayRestart } from './index.ts';
import { call, toCatalogue, VendorError, type PresentToken } from './pkcs11.ts';
import { chooseToken } from './token.ts';

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
