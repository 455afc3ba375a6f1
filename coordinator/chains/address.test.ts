/** Addresses and paths: vectors of the chains' own documents, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { KeyPublic } from '../../threshold/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { fromHex } from '../../wire/ids.ts';
import { addressOf } from './address.ts';
import { cosmosAddress } from './cosmos.ts';
import { evmAddress } from './evm.ts';
import { parsePath, pathText } from './path.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const publicKeyOfSecret = (hex: string): Uint8Array => secp256k1.getPublicKey(bytes(hex));

test('EVM: the address of a key whose address is well known, with the checksum of EIP-55', () => {
  // The secret of the example in the documentation of web3.js and the first account of common development chains.
  const cases = [
    [
      '4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
      '0x2c7536E3605D9C16a7a3D7b1898e529396a65c23',
    ],
    [
      'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
      '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
    ],
  ] as const;
  for (const [secret, address] of cases) {
    assert.equal(evmAddress(publicKeyOfSecret(secret)), address);
  }
});

test('Cosmos: the address of the generator is bech32 of its well-known hash, under each prefix', () => {
  // BIP173, "Test vectors": the P2WPKH program of the generator is RIPEMD-160 of SHA-256 of its compressed encoding.
  const generator = bytes('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
  const address = cosmosAddress(generator, 'cosmos');
  assert.match(address, /^cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k/);
  assert.match(cosmosAddress(generator, 'osmo'), /^osmo1w508d6qejxtdg4y5r3zarvary0c5xw7k/);
});

const key = (scheme: KeyPublic['scheme'], group: string): KeyPublic => ({
  scheme,
  threshold: 2,
  participants: [1, 2],
  generation: 1,
  groupPublicKey: bytes(group),
  verifyingShares: new Map(),
  chainCode: bytes('873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508'),
});
// BIP32, "Test vector 1": chain m, and the public derivation below it is checked in threshold/.
const ecdsa = key('dkls23-secp256k1', '0339a36013301597daef41fbe593a02cc513d0b55527ec2df1050e2e8ff49c85c2');

test('the default chain is the one that the scheme is for; a path leads to another address', () => {
  const own = addressOf(ecdsa);
  assert.deepEqual([own.chain, own.network, own.path], ['evm', 'all', 'm']);
  const derived = addressOf(ecdsa, { path: [0, 5] });
  assert.equal(derived.path, 'm/0/5');
  assert.notEqual(derived.address, own.address);
  const cosmos = addressOf(ecdsa, { chain: 'cosmos', path: [0, 5], hrp: 'osmo' });
  assert.equal(cosmos.network, 'osmo');
  // One derived key, two chains.
  assert.equal(cosmos.publicKey, derived.publicKey);
});

test('a key has no address on a foreign chain or network, and no prefix where there is none', () => {
  const cases = [
    [ecdsa, { chain: 'bitcoin' }],
    [ecdsa, { chain: 'solana' }],
    [ecdsa, { network: 'mainnet' }],
    [ecdsa, { chain: 'evm', hrp: 'cosmos' }],
    [key('dkls23-p256', '03'), {}],
    [key('dkls23-p256', '03'), { chain: 'evm' }],
    [key('frost-ed25519', '00'), { chain: 'cosmos' }],
  ] as const;
  for (const [of, asked] of cases) {
    assert.throws(
      () => addressOf(of, asked),
      (error: unknown) => isSymbolonError(error, 'coordinator/no-such-address'),
      JSON.stringify(asked),
    );
  }
});

test('a path is read and written back', () => {
  for (const [text, steps] of [
    ['m', []],
    ['m/0', [0]],
    ['m/0/5', [0, 5]],
    ['m/2147483647', [2_147_483_647]],
  ] as const) {
    assert.deepEqual(parsePath(text), steps);
    assert.equal(pathText(steps), text);
  }
});

test('a path that can not be used is refused, a hardened step by that name', () => {
  const cases: readonly (readonly [text: string, reason: RegExp])[] = [
    ["m/44'/60'/0'/0/0", /step 1 is hardened/],
    ['m/0/1h', /step 2 is hardened/],
    ['m/0/1H', /step 2 is hardened/],
    ['', /begin with m/],
    ['0/5', /begin with m/],
    ['M/0', /begin with m/],
    ['m/', /step 1 is not a number/],
    ['m//1', /step 1 is not a number/],
    ['m/01', /step 1 is not a number/],
    ['m/-1', /step 1 is not a number/],
    ['m/1.5', /step 1 is not a number/],
    ['m/0x1', /step 1 is not a number/],
    ['m/2147483648', /step 1 is not a number below/],
    ['m/99999999999', /step 1 is not a number below/],
    [`m${'/0'.repeat(17)}`, /more than 16 steps/],
  ];
  for (const [text, reason] of cases) {
    assert.throws(
      () => parsePath(text),
      (error: unknown) => {
        assert.ok(isSymbolonError(error, 'coordinator/bad-path'), text);
        assert.match(error.facts.reason, reason, text);
        return true;
      },
    );
  }
});
