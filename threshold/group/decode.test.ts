import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { raw } from '../../test/threshold/files.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from './ed25519.ts';
import type { Group } from './group.ts';
import { p256Group } from './p256.ts';
import { referenceEd25519, referenceP256, referenceSecp256k1 } from './reference.ts';
import { secp256k1Group } from './secp256k1.ts';

/** The eight points of small order of edwards25519, and every other encoding of them that a lenient decoder takes. */
const smallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  // negative zero x, and y not below p
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
/** Points of the subgroup plus one of small order: by order of the small part. */
const mixedOrder = (small: string): Uint8Array =>
  ed25519.Point.BASE.multiply(5n).add(ed25519.Point.fromHex(small)).toBytes();
const mixed: readonly (readonly [string, string])[] = [
  ['2', smallOrder[1] ?? ''],
  ['4', smallOrder[2] ?? ''],
  ['8', smallOrder[4] ?? ''],
];

const littleEndian = (value: bigint): Uint8Array => raw(value.toString(16).padStart(64, '0')).reverse();
const p25519 = 2n ** 255n - 19n;

const refusedEd25519: readonly (readonly [string, Uint8Array])[] = [
  ...smallOrder.map((hex) => [`small order ${hex.slice(0, 4)}..${hex.slice(-2)}`, raw(hex)] as const),
  // CVE-2025-69277: libsodium before 1.0.21 without the patch takes points of twice the order for ones of the subgroup.
  ...mixed.map(([order, small]) => [`of ${order} times the prime order`, mixedOrder(small)] as const),
  ['y not below p', littleEndian(p25519 + 3n)],
  ['y not below p, sign set', littleEndian(p25519 + 3n + 2n ** 255n)],
  ['all bits set', new Uint8Array(32).fill(0xff)],
  ['not on the curve', raw(`02${'00'.repeat(31)}`)],
  ['short', raw('58'.repeat(31))],
  ['long', raw(`58${'66'.repeat(32)}`)],
  ['empty', new Uint8Array()],
];

/** What every curve with the compressed form of SEC 1 refuses. */
const refusedSec1 = (curve: typeof p256, notOnCurve: number): readonly (readonly [string, Uint8Array])[] => {
  const x = curve.Point.BASE.toBytes(true).subarray(1);
  const p = curve.Point.Fp.ORDER;
  const hex = (value: bigint): string => value.toString(16).padStart(64, '0');
  return [
    ['zeros', new Uint8Array(33)],
    ['the one byte of the identity', new Uint8Array(1)],
    ['x is p', raw(`02${hex(p)}`)],
    ['x not below p', raw(`02${hex(p + 1n)}`)],
    ['x all bits set', raw(`03${'ff'.repeat(32)}`)],
    ['not on the curve', raw(`02${hex(BigInt(notOnCurve))}`)],
    ...[0, 1, 4, 5, 6, 7, 0x82, 0xff].map(
      (tag) => [`tag ${tag}`, raw(`${tag.toString(16).padStart(2, '0')}${toHex(x)}`)] as const,
    ),
    ['uncompressed', curve.Point.BASE.toBytes(false)],
    ['uncompressed, cut off', curve.Point.BASE.toBytes(false).subarray(0, 33)],
    ['x only', x],
    ['long', raw(`02${toHex(x)}00`)],
    ['empty', new Uint8Array()],
  ];
};

const cases: readonly (readonly [readonly Group[], readonly (readonly [string, Uint8Array])[]])[] = [
  [[ed25519Group, referenceEd25519], refusedEd25519],
  [[secp256k1Group, referenceSecp256k1], refusedSec1(secp256k1, 5)],
  [[p256Group, referenceP256], refusedSec1(p256, 1)],
];
for (const [groups, refused] of cases) {
  for (const group of groups) {
    for (const [what, bytes] of refused) {
      test(`T17: ${group.name} by ${group.backend} refuses to decode an element: ${what}`, () => {
        assert.equal(group.decode(bytes), undefined);
      });
    }
  }
}

test('the encodings that are refused for one reason are right in every other', () => {
  for (const [, small] of mixed) {
    assert.doesNotThrow(() => ed25519.Point.fromBytes(mixedOrder(small), false));
  }
  const [tag, ...x] = secp256k1.Point.BASE.toBytes(true);
  assert.ok(secp256k1Group.decode(Uint8Array.of(tag ?? 0, ...x)) !== undefined);
  assert.ok(secp256k1Group.decode(Uint8Array.of((tag ?? 0) ^ 1, ...x)) !== undefined);
});

test('an element keeps no hold on the bytes that it was decoded from, nor on those that it was encoded to', () => {
  for (const group of [ed25519Group, secp256k1Group, p256Group]) {
    const bytes = Buffer.from(group.encode(group.generator));
    const element = group.decode(bytes);
    assert.ok(element !== undefined);
    bytes.fill(0);
    group.encode(element).fill(0);
    assert.ok(group.equals(element, group.generator));
  }
});
