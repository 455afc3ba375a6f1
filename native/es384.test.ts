/** ES384 by the addon, held against node:crypto. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { nativeEs384 } from './es384.ts';

const found = nativeEs384();
assert.ok(found, 'every Node that the tests run on exports its OpenSSL');
const open = found;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const point = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-97));
const data = new Uint8Array(4_000).fill(7);
const made = (of = data): Uint8Array =>
  new Uint8Array(sign('sha384', of, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
const changed = (bytes: Uint8Array, at: number, bit = 1): Uint8Array => {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ bit;
  return out;
};

test('given signatures over messages of any length, then the addon and node:crypto accept them', () => {
  for (const length of [0, 1, 127, 128, 4_000, 20_000]) {
    const message = new Uint8Array(length).fill(length % 251);
    const signature = made(message);
    assert.ok(open(point)?.verify(message, signature));
    assert.ok(verify('sha384', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
  }
});

test('given any bit changed in signature, message or key, then the addon refuses as node:crypto does', () => {
  const signature = made();
  for (let at = 0; at < signature.length; at += 1) {
    assert.equal(open(point)?.verify(data, changed(signature, at, 1 << (at % 8))), false, `byte ${at}`);
  }
  assert.equal(open(point)?.verify(changed(data, 9), signature), false);
  const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
  const otherPoint = new Uint8Array(other.export({ format: 'der', type: 'spki' }).subarray(-97));
  assert.equal(open(otherPoint)?.verify(data, signature), false);
});

test('given r or s of zero, of the order, or above it, then the signature is refused', () => {
  const order = Buffer.from(
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    'hex',
  );
  const signature = made();
  for (const value of [new Uint8Array(48), order, new Uint8Array(48).fill(0xff)]) {
    for (const place of [0, 48]) {
      const wrong = signature.slice();
      wrong.set(value, place);
      assert.equal(open(point)?.verify(data, wrong), false);
    }
  }
});

test('given a point off the curve, hybrid, compressed or of another length, then it opens no key', () => {
  for (let at = 1; at < point.length; at += 7) {
    assert.equal(open(changed(point, at)), undefined, `byte ${at}`);
  }
  const odd = (point.at(-1) ?? 0) & 1;
  for (const first of [0, 2, 3, 5, 6 | odd]) {
    assert.equal(open(Uint8Array.of(first, ...point.subarray(1))), undefined);
  }
  assert.equal(open(point.subarray(0, 49)), undefined);
  assert.equal(open(new Uint8Array(97).fill(0, 0, 1).fill(4, 0, 1)), undefined);
  assert.equal(open(new Uint8Array()), undefined);
});

test('given what OpenSSL refused, then nothing of it is left for the next call of node:crypto to report', () => {
  open(changed(point, 5));
  assert.throws(
    () => createPublicKey({ key: Buffer.from('00', 'hex'), format: 'der', type: 'spki' }),
    (error: Error) => !/point|EC_POINT|elliptic/i.test(error.message),
  );
});

test('given a signature of another length, then it is a mistake of the program', () => {
  assert.throws(() => open(point)?.verify(data, made().subarray(1)), TypeError);
});
