import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1, secp256k1_hasher as nobleHasher } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { raw, readJson } from '../../test/threshold/files.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { ed25519Group } from './ed25519.ts';
import type { Element, Group } from './group.ts';
import { secp256k1Group } from './secp256k1.ts';

const groups = [ed25519Group, secp256k1Group];
const fieldOrder = { ed25519: 2n ** 255n - 19n, secp256k1: 2n ** 256n - 2n ** 32n - 977n };

/** A point of order 8, 4 and 2 of edwards25519, and the neutral one (RFC 7748 section 7 lists them as inputs to avoid). */
const smallOrder = [
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0100000000000000000000000000000000000000000000000000000000000000',
];
const mixedOrder = (): Uint8Array => {
  const torsion = ed25519.Point.fromHex(smallOrder[0] ?? '');
  return ed25519.Point.BASE.multiply(5n).add(torsion).toBytes();
};

const littleEndian = (value: bigint): Uint8Array => raw(value.toString(16).padStart(64, '0')).reverse();

const refused: readonly (readonly [Group, string, Uint8Array])[] = [
  ...smallOrder.map((hex) => [ed25519Group, `small order ${hex.slice(0, 8)}`, raw(hex)] as const),
  [ed25519Group, 'mixed order', mixedOrder()],
  [ed25519Group, 'y not below p', littleEndian(fieldOrder.ed25519 + 3n)],
  [ed25519Group, 'negative zero x', raw(`01${'00'.repeat(30)}80`)],
  [ed25519Group, 'not on the curve', raw(`02${'00'.repeat(31)}`)],
  [ed25519Group, 'short', raw('58'.repeat(31))],
  [ed25519Group, 'long', raw(`58${'66'.repeat(32)}`)],
  [ed25519Group, 'empty', new Uint8Array()],
  [secp256k1Group, 'zeros', new Uint8Array(33)],
  [secp256k1Group, 'the one byte of the identity', new Uint8Array(1)],
  [secp256k1Group, 'x not below p', raw(`02${(fieldOrder.secp256k1 + 1n).toString(16)}`)],
  [secp256k1Group, 'not on the curve', raw(`02${'00'.repeat(31)}05`)],
  [secp256k1Group, 'prefix 4', raw(`04${toHex(secp256k1.Point.BASE.toBytes(true).subarray(1))}`)],
  [secp256k1Group, 'prefix 0', raw(`00${toHex(secp256k1.Point.BASE.toBytes(true).subarray(1))}`)],
  [secp256k1Group, 'uncompressed', secp256k1.Point.BASE.toBytes(false)],
  [secp256k1Group, 'x only', secp256k1.Point.BASE.toBytes(true).subarray(1)],
];
for (const [group, what, bytes] of refused) {
  test(`T17: ${group.name} refuses to decode an element: ${what}`, () => {
    assert.equal(group.decode(bytes), undefined);
  });
}

test('an element of mixed order passes only the decoder that says so in its name', () => {
  const element = ed25519Group.unsafeDecodeAnyOrder(mixedOrder());
  assert.ok(element !== undefined);
  assert.equal(ed25519Group.inPrimeSubgroup(element), false);
});

for (const group of groups) {
  const random = insecureSeeded(`group/${group.name}`);

  test(`${group.name}: elements go round, one by one and together`, () => {
    const elements = Array.from({ length: 4 }, () => group.baseProduct(group.randomScalar(random)));
    const encoded = elements.map((element) => group.encode(element));
    assert.deepEqual(group.encodeAll(elements), encoded);
    for (const [i, bytes] of encoded.entries()) {
      assert.equal(bytes.length, group.elementBytes);
      const decoded = group.decode(bytes);
      assert.ok(decoded !== undefined && group.equals(decoded, elements[i] ?? group.identity));
    }
  });

  test(`${group.name}: the identity has no encoding`, () => {
    assert.throws(() => group.encode(group.identity), TypeError);
    assert.throws(() => group.encodeAll([group.generator, group.identity]), TypeError);
  });

  test(`${group.name}: a scalar is 32 bytes below the order`, () => {
    for (const scalar of [0n, 1n, group.order - 1n]) {
      assert.equal(group.decodeScalar(group.encodeScalar(scalar)), scalar);
    }
    assert.equal(group.decodeScalar(group.encodeScalar(group.order)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(32).fill(0xff)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(31)), undefined);
    assert.equal(group.decodeScalar(new Uint8Array(33)), undefined);
  });

  test(`${group.name}: scalar bytes are the ones of the reference`, () => {
    const { Fn } = group.name === 'ed25519' ? ed25519.Point : secp256k1.Point;
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: group.order - 1n }), (scalar) => {
        assert.equal(toHex(group.encodeScalar(scalar)), toHex(Fn.toBytes(scalar)));
      }),
    );
  });

  test(`${group.name}: products and sums agree with one another`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: group.order - 1n }), { minLength: 1, maxLength: 4 }),
        (scalars) => {
          const points = scalars.map((scalar) => group.baseProduct(scalar));
          const sum = group.publicSum(points.map((point, i) => [point, scalars[i] ?? 0n]));
          const total = group.reduce(scalars.reduce((all, scalar) => all + scalar * scalar, 0n));
          assert.ok(group.equals(sum, group.publicBaseProduct(total)));
          const [point] = points;
          const [scalar] = scalars;
          assert.ok(point !== undefined && scalar !== undefined);
          assert.ok(group.equals(group.product(point, scalar), group.publicSum([[point, scalar]])));
          assert.ok(group.isIdentity(group.add(point, group.negate(point))));
        },
      ),
      { numRuns: 5 },
    );
    assert.ok(group.isIdentity(group.publicSum([])));
  });

  test(`${group.name}: an element of the other group is a mistake of the program`, () => {
    const other = group === ed25519Group ? secp256k1Group : ed25519Group;
    assert.throws(() => group.add(group.generator, other.generator), TypeError);
    assert.throws(() => group.encode({} as Element), TypeError);
  });

  test(`T40: ${group.name} draws a scalar from 48 bytes, reduces all of them, and wipes them`, () => {
    const drawn: Uint8Array[] = [];
    const wide = new Uint8Array(48).fill(0xff);
    const scalar = group.randomScalar((length) => {
      assert.equal(length, 48);
      const bytes = wide.slice();
      drawn.push(bytes);
      return bytes;
    });
    assert.equal(scalar, (2n ** 384n - 1n) % group.order);
    assert.deepEqual(drawn, [new Uint8Array(48)]);
  });

  test(`${group.name}: a zero scalar is drawn again`, () => {
    let calls = 0;
    const scalar = group.randomScalar((length) => {
      calls += 1;
      return new Uint8Array(length).fill(calls === 1 ? 0 : 1);
    });
    assert.equal(calls, 2);
    assert.notEqual(scalar, 0n);
  });

  test(`${group.name}: a source of randomness that gives too little is refused`, () => {
    assert.throws(
      () => group.randomScalar((length) => new Uint8Array(length - 1)),
      (error) => isSymbolonError(error, 'threshold/bad-randomness') && error.facts.got === 47,
    );
  });
}

test('the secp256k1 hash to a scalar is the one of RFC 9380, as the reference has it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 1, maxLength: 255 }),
      (m, tag) => {
        const wanted = nobleHasher.hashToScalar(m, { DST: tag });
        assert.equal(secp256k1Group.hashToScalar(tag, [m]), wanted);
        assert.equal(secp256k1Group.hashToScalar(tag, [m.subarray(0, 3), m.subarray(3)]), wanted);
      },
    ),
  );
  assert.throws(() => secp256k1Group.hashToScalar(new Uint8Array(), []), TypeError);
  assert.throws(() => secp256k1Group.hashToScalar(new Uint8Array(256), []), TypeError);
});

interface Secp256k1Vectors {
  readonly context: string;
  readonly roundOne: Readonly<
    Record<
      string,
      Readonly<
        Record<
          | 'hidingRandomness'
          | 'bindingRandomness'
          | 'hidingNonce'
          | 'bindingNonce'
          | 'hidingCommitment'
          | 'bindingCommitment'
          | 'bindingFactorInput'
          | 'bindingFactor',
          string
        >
      >
    >
  >;
  readonly shares: Readonly<Record<string, string>>;
}

test('RFC 9591 E.5: nonces, their commitments and binding factors of secp256k1', () => {
  const vectors = readJson('test/vectors/frost-rfc9591-secp256k1.json') as Secp256k1Vectors;
  const tag = (word: string): Uint8Array => new TextEncoder().encode(vectors.context + word);
  for (const [party, one] of Object.entries(vectors.roundOne)) {
    const share = raw(vectors.shares[party] ?? '');
    for (const kind of ['hiding', 'binding'] as const) {
      const nonce = secp256k1Group.hashToScalar(tag('nonce'), [raw(one[`${kind}Randomness`]), share]);
      assert.equal(toHex(secp256k1Group.encodeScalar(nonce)), one[`${kind}Nonce`]);
      assert.equal(toHex(secp256k1Group.encode(secp256k1Group.baseProduct(nonce))), one[`${kind}Commitment`]);
    }
    const factor = secp256k1Group.hashToScalar(tag('rho'), [raw(one.bindingFactorInput)]);
    assert.equal(toHex(secp256k1Group.encodeScalar(factor)), one.bindingFactor);
  }
});
