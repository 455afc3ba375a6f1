/** The choice of nodes, and addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { solanaAddress } from './chains/solana.ts';
import { taprootAddress } from './chains/bitcoin.ts';
import { canMeet, chooseSet } from './signing/chooseSet.ts';
import { fromHex } from '../wire/ids.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { addressOf } from './chains/address.ts';
import type { KeyPublic } from '../threshold/index.ts';

test('the fastest nodes are chosen, in their order', () => {
  assert.deepEqual(chooseSet(['c', 'a', 'b'], 2, { quarrels: [] }), ['c', 'a']);
  assert.deepEqual(chooseSet(['a', 'b'], 2, { quarrels: [] }), ['a', 'b']);
  assert.equal(chooseSet(['a'], 2, { quarrels: [] }), undefined);
  assert.equal(chooseSet([], 2, { quarrels: [] }), undefined);
});

test('given a node that accuses everybody, then the others find each other', () => {
  assert.deepEqual(chooseSet(['liar', 'a', 'b'], 2, { quarrels: [['liar', 'a']] }), ['liar', 'b']);
  const quarrels = [
    ['liar', 'a'],
    ['liar', 'b'],
  ] as const;
  assert.deepEqual(chooseSet(['liar', 'a', 'b'], 2, { quarrels }), ['a', 'b']);
  assert.equal(chooseSet(['liar', 'a'], 2, { quarrels }), undefined);
  const all = ['a', 'b', 'c', 'd', 'e'];
  assert.deepEqual(chooseSet(all, 3, { quarrels: [['b', 'a']] }), ['a', 'c', 'd']);
});

test('given pairs that are apart and sets that failed as a whole, then another set is chosen', () => {
  const all = ['a', 'b', 'c', 'd'];
  const apart = (x: string, y: string): boolean => [x, y].sort().join('') === 'ab';
  assert.deepEqual(chooseSet(all, 2, { quarrels: [], apart }), ['a', 'c']);
  assert.deepEqual(chooseSet(all, 3, { quarrels: [], apart }), ['a', 'c', 'd']);
  const spoiled = new Set(['a c', 'a d']);
  assert.deepEqual(chooseSet(['c', 'a', 'd'], 2, { quarrels: [], spoiled }), ['c', 'd']);
  assert.equal(chooseSet(['a', 'b'], 2, { quarrels: [], apart }), undefined);
  assert.equal(canMeet(['a', 'b', 'c'], { quarrels: [], apart }), false);
  assert.equal(canMeet(['c', 'a'], { quarrels: [], spoiled }), false);
  assert.equal(canMeet(['c', 'b'], { quarrels: [['b', 'c']] }), false);
  assert.equal(canMeet(['c', 'd'], { quarrels: [['b', 'c']], apart, spoiled }), true);
});

const key = (scheme: KeyPublic['scheme'], group: string): KeyPublic => ({
  scheme,
  threshold: 2,
  participants: [1, 2],
  generation: 1,
  groupPublicKey: fromHex(group) ?? new Uint8Array(),
  verifyingShares: new Map(),
  chainCode: new Uint8Array(32),
});

test('BIP86 test vector: the address of m/86h/0h/0h/0/0', () => {
  // BIP86, "Test vectors", first receiving address: internal key, output key, address.
  const internal = 'cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115';
  const made = taprootAddress(key('frost-secp256k1-tr', `02${internal}`), 'mainnet');
  assert.equal(made.outputKey, 'a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c');
  assert.equal(made.address, 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr');
  // The sign of the group key makes no difference: BIP340 keys are x coordinates.
  const odd = taprootAddress(key('frost-secp256k1-tr', `03${internal}`), 'mainnet');
  assert.equal(odd.address, made.address);
  assert.match(taprootAddress(key('frost-secp256k1-tr', `02${internal}`), 'testnet').address, /^tb1p/);
  assert.match(taprootAddress(key('frost-secp256k1-tr', `02${internal}`), 'regtest').address, /^bcrt1p/);
});

test('a Solana address is the base58 of the key: the system program is 32 ones', () => {
  assert.equal(solanaAddress(new Uint8Array(32)), '1'.repeat(32));
});

test('a key has no address on a foreign chain or network', () => {
  const ed = key('frost-ed25519', '00'.repeat(32));
  for (const [chain, network] of [
    ['bitcoin', undefined],
    ['solana', 'mainnet'],
    ['ethereum', undefined],
  ] as const) {
    assert.throws(
      () => addressOf(ed, { chain, network }),
      (error: unknown) => isSymbolonError(error, 'coordinator/no-such-address'),
    );
  }
});
