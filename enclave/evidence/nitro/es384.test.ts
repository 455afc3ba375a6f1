/** ES384 keys and signatures as certificates carry them; documents verified by node:crypto and by the addon. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { madeAt, makeDocument } from '../../../test/pki/nitro.ts';
import { nativeEs384 } from '../../../native/es384.ts';
import { der, derInteger, tag } from '../../x509/der.ts';
import { makeAuthorityCache } from './cache.ts';
import { verifyNitroDocument } from './document.ts';
import { nodeEs384, pointOf, signatureOf } from './es384.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const point = pointOf(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));
const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

test('given signatures of certificates, then r and s have 48 bytes each, and the key verifies them', () => {
  for (let i = 0; i < 300; i += 1) {
    const data = bytes(i & 0xff, i >> 8);
    const signature = signatureOf(new Uint8Array(sign('sha384', data, privateKey)));
    assert.ok(signature?.length === 96);
    assert.ok(nodeEs384(point)?.verify(data, signature));
  }
});

test('given short integers, then they are padded on the left', () => {
  const short = der(tag.sequence, derInteger(bytes(5)), derInteger(bytes(0x80, 1)));
  assert.deepEqual(
    signatureOf(short),
    bytes(...Array<number>(47).fill(0), 5, ...Array<number>(46).fill(0), 0x80, 1),
  );
});

test('given a signature that is not strict DER of two fitting integers, then there is none', () => {
  const good = der(tag.sequence, derInteger(bytes(5)), derInteger(bytes(6)));
  const integer = (...content: readonly number[]): Uint8Array => der(tag.integer, bytes(...content));
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', bytes()],
    ['a byte after', bytes(...good, 0)],
    ['a byte too few', good.subarray(0, -1)],
    ['one integer', der(tag.sequence, integer(5))],
    ['three integers', der(tag.sequence, integer(5), integer(6), integer(7))],
    ['padding', der(tag.sequence, integer(0, 5), integer(6))],
    ['a negative number', der(tag.sequence, integer(0x85), integer(6))],
    ['a long negative number', der(tag.sequence, integer(...Array<number>(48).fill(0xff)), integer(6))],
    ['49 bytes', der(tag.sequence, integer(1, ...Array<number>(48).fill(9)), integer(6))],
    ['an empty integer', der(tag.sequence, integer(), integer(6))],
    ['another type', der(tag.set, integer(5), integer(6))],
  ];
  assert.ok(signatureOf(good));
  for (const [name, wrong] of cases) {
    assert.equal(signatureOf(wrong), undefined, name);
  }
});

test('given a point off the curve, then there is no key', () => {
  const wrong = point.slice();
  wrong[60] = (wrong[60] ?? 0) ^ 1;
  assert.equal(nodeEs384(wrong), undefined);
});

test('given a document, then both implementations verify it, and both refuse it changed', () => {
  const { document, root } = makeDocument();
  const openKey = nativeEs384();
  assert.ok(openKey);
  for (const one of [nodeEs384, openKey]) {
    const ask = { roots: [root], now: madeAt + 1_000, openKey: one };
    assert.ok(verifyNitroDocument(document, { ...ask, cache: makeAuthorityCache(16) }));
    for (const at of [60, document.length - 1, Math.floor(document.length / 2)]) {
      const wrong = document.slice();
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      assert.throws(() => verifyNitroDocument(wrong, { ...ask, cache: makeAuthorityCache(16) }));
    }
  }
});
