import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../wire/ids.ts';
import { kdfA, kdfE } from './kdf.ts';

const key = new Uint8Array(32).fill(0x0b);
const u = new Uint8Array(32).fill(1);
const v = new Uint8Array(32).fill(2);

test('KDFa gives what another implementation of SP800-108 gives, also over several blocks', () => {
  // `openssl kdf` KBKDF with HMAC in counter mode; the label as salt, both contexts as info.
  assert.equal(
    toHex(kdfA('sha256', key, 'ATH', u, v, 32)),
    '9bec574390d5212e50247a5707f30f399a6a6281c976a449c528e6b61bb6fe08',
  );
  assert.equal(
    toHex(kdfA('sha384', key, 'CFB', u, v, 80)),
    'f91aece273f99bf68981eeebe90eab53161f654e719f1f8b24485b4d544c845b8e2ee36ddcb2a26f4ba74bac0d732d233093107c2badb382' +
      'ea4576fb17379f8ebac4cc41acbe29ef76cf4e27b3614e03',
  );
});

test('KDFe gives what another implementation of SP800-56A gives, also over several blocks', () => {
  // `openssl kdf` SSKDF with SHA-256; the use with its zero byte and both parties as info.
  assert.equal(
    toHex(kdfE('sha256', new Uint8Array(32).fill(0x0c), 'IDENTITY', u, v, 48)),
    '49d0cf39d0273dc64723d1682a9a16fa5409eef4c4860a83c20bd1b422f9cdfaa11d43a0f161f8998595bcddab945086',
  );
});

test('a shorter result is not a prefix of a longer one: the length goes into KDFa', () => {
  assert.notDeepEqual(
    kdfA('sha256', key, 'ATH', u, v, 16),
    kdfA('sha256', key, 'ATH', u, v, 32).subarray(0, 16),
  );
});
