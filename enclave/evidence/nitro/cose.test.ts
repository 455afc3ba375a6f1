/** The envelope, one rule broken at a time, in documents that are in order but for that. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  envelopeOf,
  madeAt,
  makeDocument,
  moduleId,
  p256Keys,
  strangerKeys,
  type Changes,
  type Envelope,
} from '../../../test/pki/nitro.ts';
import { encodeCbor, type CborKey } from '../../../wire/cbor.ts';
import { makeAuthorityCache } from './cache.ts';
import { protectedHeader, signedPart } from './cose.ts';
import { verifyNitroDocument, type VerifiedDocument } from './document.ts';

const cache = makeAuthorityCache(16);
const verify = (changes: Changes = {}): VerifiedDocument => {
  const { document, root } = makeDocument(changes);
  return verifyNitroDocument(document, { roots: [root], now: madeAt + 1_000, cache });
};
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
/** Order of the group of P-384 (SEC 2 section 2.5.1). */
const order = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);
const bytes48 = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(96, '0'), 'hex'));
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

const unprotected = (value: Map<CborKey, Uint8Array | number>): Changes => ({
  envelope: (parts) => envelopeOf({ ...parts, unprotected: value }),
});
const signature = (change: (signature: Uint8Array) => Uint8Array): Changes => ({
  envelope: (parts) => envelopeOf({ ...parts, signature: change(parts.signature) }),
});
/** The envelope with one element's encoding in another form. */
const element = (place: 0 | 1 | 2 | 3, encoding: (parts: Envelope) => Uint8Array): Changes => ({
  envelope: (parts) => {
    const { header, unprotected: map, payload, signature: own } = parts;
    const items = [header, map, payload, own].map((item) => encodeCbor(item));
    items[place] = encoding(parts);
    return join(Uint8Array.of(0x84), ...items);
  },
});
const header = (...bytes: readonly number[]): Changes => ({ signed: { header: Uint8Array.from(bytes) } });

test('given the usual envelope, and with tag 18, then it is accepted', () => {
  assert.equal(verify().moduleId, moduleId);
  const tagged = verify({ envelope: (parts) => join(Uint8Array.of(0xd2), envelopeOf(parts)) });
  assert.equal(tagged.moduleId, moduleId);
});

describe('refused by form, before any signature is checked', () => {
  const outer = (change: (document: Uint8Array) => Uint8Array): Changes => ({
    envelope: (parts) => change(envelopeOf(parts)),
  });
  const cases: Readonly<Record<string, Changes>> = {
    'a byte after the array': outer((document) => join(document, Uint8Array.of(0))),
    'two documents, one after the other': outer((document) => join(document, document)),
    'cut off at a tenth': outer((document) => document.subarray(0, document.length / 10)),
    'the last byte cut off': outer((document) => document.subarray(0, -1)),
    'no bytes': outer(() => new Uint8Array()),
    'tag 17 (COSE_Mac0)': outer((document) => join(Uint8Array.of(0xd1), document)),
    'tag 98 (COSE_Sign)': outer((document) => join(Uint8Array.of(0xd8, 0x62), document)),
    'tag 18 twice': outer((document) => join(Uint8Array.of(0xd2, 0xd2), document)),
    'tag 18 in two bytes': outer((document) => join(Uint8Array.of(0xd8, 0x12), document)),
    'three elements': {
      envelope: ({ header: first, payload, signature: last }) => encodeCbor([first, payload, last]),
    },
    'five elements': {
      envelope: ({ header: first, unprotected: map, payload, signature: own }) =>
        encodeCbor([first, map, payload, own, null]),
    },
    'an array of indefinite length': outer((document) =>
      join(Uint8Array.of(0x9f), document.subarray(1), Uint8Array.of(0xff)),
    ),
    'the count of the array in two bytes': outer((document) =>
      join(Uint8Array.of(0x98, 4), document.subarray(1)),
    ),
    'a payload in chunks': element(2, ({ payload }) =>
      join(Uint8Array.of(0x5f), encodeCbor(payload), Uint8Array.of(0xff)),
    ),
    'the length of the payload in four bytes': element(2, ({ payload }) =>
      join(Uint8Array.of(0x5a, 0, 0, payload.length >> 8, payload.length & 0xff), payload),
    ),
    'a detached payload': element(2, () => encodeCbor(null)),
    'a payload as text': element(2, () => encodeCbor('payload')),
    'an empty payload': element(2, () => encodeCbor(new Uint8Array())),
    'a payload above 16,384 bytes': { payload: (payload) => join(payload, new Uint8Array(14_000)) },
    'a protected header as a bare map': element(0, () => encodeCbor(new Map([[1, -35]]))),
    'a list as unprotected header': element(1, () => encodeCbor([])),
    'a kid in the unprotected header': unprotected(new Map([[4, Uint8Array.of(1)]])),
    'alg in the unprotected header too': unprotected(new Map([[1, -7]])),
    'a large unprotected header below the cap': unprotected(new Map([[4, new Uint8Array(8_000)]])),
    'alg in the unprotected header only': {
      signed: { header: new Uint8Array() },
      envelope: (parts) => envelopeOf({ ...parts, unprotected: new Map([[1, -35]]) }),
    },
    'an empty protected header': header(),
    'an empty map as protected header': header(0xa0),
    'alg 0': header(0xa1, 0x01, 0x00),
    'alg ES256, signed so': { signed: { header: Uint8Array.of(0xa1, 0x01, 0x26), hash: 'sha256' } },
    'alg ES512, signed so': { signed: { header: Uint8Array.of(0xa1, 0x01, 0x38, 0x23), hash: 'sha512' } },
    'a crit header, signed': header(0xa2, 0x01, 0x38, 0x22, 0x02, 0x81, 0x01),
    'a kid in the protected header, signed': header(0xa2, 0x01, 0x38, 0x22, 0x04, 0x41, 0x6b),
    'alg twice, signed': header(0xa2, 0x01, 0x38, 0x22, 0x01, 0x26),
    'a byte after the protected map, signed': header(0xa1, 0x01, 0x38, 0x22, 0x00),
    'a signature of 0 bytes': signature(() => new Uint8Array()),
    'a signature of 95 bytes': signature((own) => own.subarray(1)),
    'a signature of 97 bytes': signature((own) => join(Uint8Array.of(0), own)),
    'a signature as DER': signature((own) =>
      join(
        Uint8Array.of(0x30, 0x64, 0x02, 0x30),
        own.subarray(0, 48),
        Uint8Array.of(0x02, 0x30),
        own.subarray(48),
      ),
    ),
    'a signature of 64 bytes by a P-256 leaf': {
      signer: p256Keys.privateKey,
      certificates: { leaf: { subjectKey: p256Keys.publicKey } },
    },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(`refused: ${name}`, () => {
      assertRefuses(() => verify(changes), 'evidence/malformed', { part: 'cose' });
    });
  }
  test('T34: 200 kB of unprotected header are refused by size, before parsing', () => {
    assertRefuses(() => verify(unprotected(new Map([[4, new Uint8Array(200_000)]]))), 'evidence/oversize', {
      limit: 20_480,
    });
  });
  test('given documents of 20,480 and 20,481 bytes, then only the longer one is refused by its size', () => {
    const { root } = makeDocument();
    const ofSize =
      (size: number): (() => unknown) =>
      () =>
        verifyNitroDocument(new Uint8Array(size), { roots: [root], now: madeAt, cache });
    assertRefuses(ofSize(20_480), 'evidence/malformed');
    assertRefuses(ofSize(20_481), 'evidence/oversize', { size: 20_481 });
  });
});

describe('refused by signature', () => {
  const flip =
    (at: number) =>
    (own: Uint8Array): Uint8Array =>
      own.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const other = makeDocument({ fields: (fields) => fields.set('nonce', new Uint8Array(32)) });
  const cases: Readonly<Record<string, Changes>> = {
    'the first bit flipped': signature(flip(0)),
    'a bit in the middle flipped': signature(flip(47)),
    'the last bit flipped': signature(flip(95)),
    'r and s zero': signature(() => new Uint8Array(96)),
    'r zero': signature((own) => join(new Uint8Array(48), own.subarray(48))),
    's zero': signature((own) => join(own.subarray(0, 48), new Uint8Array(48))),
    'r the order of the group': signature((own) => join(bytes48(order), own.subarray(48))),
    's the order of the group': signature((own) => join(own.subarray(0, 48), bytes48(order))),
    'the signature of another document of the same leaf': signature(() => other.document.subarray(-96)),
    'another key': { signer: strangerKeys.privateKey },
    'SHA-256 under the name of ES384': { signed: { hash: 'sha256' } },
    'SHA-512 under the name of ES384': { signed: { hash: 'sha512' } },
    'the context of COSE_Sign': { signed: { context: 'Signature' } },
    'external data': { signed: { externalData: Uint8Array.of(1) } },
    'a payload that was changed after it was signed': {
      envelope: (parts) => {
        const payload = parts.payload.slice();
        const at = Buffer.from(payload).indexOf('user data');
        payload[at] = 0x55;
        return envelopeOf({ ...parts, payload });
      },
    },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(`refused: ${name}`, () => {
      assertRefuses(() => verify(changes), 'evidence/bad-signature', { moduleId });
    });
  }
  test('T07: a signature rewritten to n - s stays valid, so bytes of a document identify nothing', () => {
    const { document, root } = makeDocument();
    const rewritten = join(document.subarray(0, -48), bytes48(order - numberOf(document.subarray(-48))));
    assert.notDeepEqual(rewritten, document);
    assert.equal(verifyNitroDocument(rewritten, { roots: [root], now: madeAt, cache }).moduleId, moduleId);
  });
});

test('what is signed is the Sig_structure of RFC 9052, for payloads of every length of head', () => {
  for (const length of [1, 23, 24, 255, 256, 16_384]) {
    const payload = new Uint8Array(length).fill(7);
    const whole = encodeCbor(['Signature1', protectedHeader, new Uint8Array(), payload]);
    assert.deepEqual(new Uint8Array(signedPart(payload)), whole);
  }
});
