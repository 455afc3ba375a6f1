import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scheme } from '../../wire/ids.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { parse } from '../command.ts';
import { payloadOf, sign } from './sign.ts';

const bytes = new Uint8Array(32);
const kindOf = (scheme: Scheme, ...options: string[]): string =>
  payloadOf(bytes, { scheme }, parse(sign, ['KEY', ...options])).kind;
const message = ['--message-hex', '00'];
const digest = ['--digest', '00'.repeat(32)];

test('the payload follows from the scheme of the key and from what is given', () => {
  assert.equal(kindOf('frost-ed25519', ...message), 'message');
  assert.equal(kindOf('frost-secp256k1-tr', ...digest), 'bip340-digest');
  assert.equal(kindOf('frost-secp256k1-tr', ...digest, '--key-spend'), 'bip341-key-spend');
  assert.equal(kindOf('dkls23-secp256k1', ...message, '--hash', 'keccak256'), 'ecdsa-keccak256');
  assert.equal(kindOf('dkls23-p256', ...message, '--hash', 'sha256'), 'ecdsa-sha256');
  assert.equal(kindOf('dkls23-secp256k1', ...digest), 'ecdsa-digest');
});

for (const [what, scheme, options] of [
  ['a hash for a digest', 'dkls23-secp256k1', [...digest, '--hash', 'sha256']],
  ['a hash for an Ed25519 key', 'frost-ed25519', [...message, '--hash', 'sha256']],
  ['an ECDSA message without its hash', 'dkls23-secp256k1', message],
  ['a hash that is not known', 'dkls23-secp256k1', [...message, '--hash', 'md5']],
  ['a key spend with an ECDSA key', 'dkls23-secp256k1', [...digest, '--key-spend']],
  ['a key spend with an Ed25519 key', 'frost-ed25519', [...message, '--key-spend']],
  ['a key spend of a message', 'frost-secp256k1-tr', [...message, '--key-spend']],
] as const) {
  test(`${what} is refused and not passed by`, () => {
    assert.throws(
      () => kindOf(scheme, ...options),
      (error) => isSymbolonError(error, 'cli/usage'),
    );
  });
}
