import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefusal, assertRefuses } from '../../../test/pki/refusal.ts';
import {
  attestationArea,
  attestBytes,
  bootPcrs,
  boundFields,
  goodAttributes,
  makeTpm2Document,
  makeTpm2Evidence,
  nameOfScheme,
  quoteSchemes,
  signQuote,
  type QuoteInput,
  type Tpm2Changes,
} from '../../../test/pki/tpm2.ts';
import { attribute } from '../../tpm/attributes.ts';
import { writePcrSelections } from '../../tpm/pcrs.ts';
import { writeTpmPublic } from '../../tpm/public.ts';
import type { ErrorCode } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { maxEvidence } from '../../../wire/limits.ts';
import { appraiseDocument } from '../appraise.ts';
import { tpm2Document, tpm2QualifyingData } from './document.ts';
import { tpm2Statement } from './statement.ts';

function refused(changes: Tpm2Changes, code: ErrorCode, facts: Readonly<Record<string, unknown>> = {}): void {
  assertRefuses(() => tpm2Statement(makeTpm2Document(changes)), code, facts);
}
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

describe('good evidence', () => {
  for (const scheme of quoteSchemes) {
    test(`${scheme}: the statement says who, what and when`, () => {
      const statement = tpm2Statement(makeTpm2Document({ attest: { scheme } }));
      assert.equal(statement.platform, 'tpm2');
      assert.equal(statement.machine, toHex(nameOfScheme(scheme)));
      assert.deepEqual(statement.pcrs, bootPcrs);
      assert.deepEqual(statement.nonce, boundFields.nonce);
      assert.deepEqual(statement.publicKey, boundFields.publicKey);
      assert.deepEqual(statement.userData, boundFields.userData);
      assert.equal(statement.madeAt, boundFields.madeAt);
      assert.equal(statement.notAfter, Number.MAX_SAFE_INTEGER);
      assert.deepEqual(statement.tpm, { clock: 123_456, resetCount: 7, restartCount: 3, safe: true });
      assert.equal(statement.events, undefined);
    });
  }
  test('SHA-384 for registers and signature, each by itself and together', () => {
    const pcrs = new Map([[4, bytes(48, 4)]]);
    assert.ok(tpm2Statement(makeTpm2Document({ attest: { bank: 'sha384', pcrs } })));
    assert.ok(tpm2Statement(makeTpm2Document({ attest: { hash: 'sha384' } })));
    assert.ok(tpm2Statement(makeTpm2Document({ attest: { hash: 'sha384', bank: 'sha384', pcrs } })));
  });
  test('a clock that is not safe is told, not refused: it is a hint', () => {
    assert.equal(tpm2Statement(makeTpm2Document({ attest: { safe: 0 } })).tpm?.safe, false);
  });
});

describe('the quote: one rule broken at a time', () => {
  const cases: readonly (readonly [string, QuoteInput, ErrorCode, Readonly<Record<string, unknown>>])[] = [
    ['another magic number', { magic: 0xff544348 }, 'evidence/malformed', { part: 'quote' }],
    [
      'T05: an attestation of another type (certify)',
      { type: 0x8017 },
      'evidence/malformed',
      { part: 'quote' },
    ],
    ['a byte after the structure', { trailing: Uint8Array.of(0) }, 'evidence/malformed', { part: 'quote' }],
    ['a clock that is neither safe nor not', { safe: 2 }, 'evidence/malformed', { part: 'quote' }],
    ['a clock that no TPM counted', { clock: 2n ** 53n }, 'evidence/malformed', { part: 'quote' }],
    [
      'T02: extraData over something else',
      { extraData: bytes(32, 9) },
      'evidence/inconsistent',
      { got: '09'.repeat(32) },
    ],
    ['T02: no extraData', { extraData: new Uint8Array() }, 'evidence/inconsistent', { got: '' }],
    [
      'registers of the SHA-1 bank',
      { selection: writePcrSelections([{ bank: 'sha1', pcrs: [4, 7, 8, 9, 12] }]) },
      'evidence/weak-hash',
      { where: 'PCR bank of the quote' },
    ],
    [
      'the SHA-1 bank beside a good one',
      {
        selection: writePcrSelections([
          { bank: 'sha256', pcrs: [4, 7, 8, 9, 12] },
          { bank: 'sha1', pcrs: [0] },
        ]),
      },
      'evidence/weak-hash',
      {},
    ],
    [
      'two good banks',
      {
        selection: writePcrSelections([
          { bank: 'sha256', pcrs: [4, 7, 8, 9, 12] },
          { bank: 'sha384', pcrs: [0] },
        ]),
      },
      'evidence/malformed',
      { part: 'quote' },
    ],
    [
      'a bank that is not spoken of',
      { selection: writePcrSelections([{ bank: 'sha512', pcrs: [4, 7, 8, 9, 12] }]) },
      'evidence/malformed',
      { part: 'quote' },
    ],
    ['no bank', { selection: writePcrSelections([]) }, 'evidence/malformed', { part: 'quote' }],
    [
      'T01: no register',
      { selection: writePcrSelections([{ bank: 'sha256', pcrs: [] }]), pcrs: new Map() },
      'evidence/malformed',
      { reason: 'no register is selected' },
    ],
    [
      'a register that is shown and not quoted',
      { selection: writePcrSelections([{ bank: 'sha256', pcrs: [4, 7, 8, 9] }]) },
      'evidence/inconsistent',
      { wanted: '4,7,8,9', got: '4,7,8,9,12' },
    ],
    [
      'a register that is quoted and not shown',
      { selection: writePcrSelections([{ bank: 'sha256', pcrs: [0, 4, 7, 8, 9, 12] }]) },
      'evidence/inconsistent',
      { wanted: '0,4,7,8,9,12', got: '4,7,8,9,12' },
    ],
    [
      'a digest of other registers',
      { pcrDigest: bytes(32, 1) },
      'evidence/inconsistent',
      { wanted: '01'.repeat(32) },
    ],
    [
      'registers of the size of another bank',
      { pcrs: new Map([[4, bytes(48, 4)]]) },
      'evidence/malformed',
      { part: 'pcrs' },
    ],
  ];
  for (const [name, attest, code, facts] of cases) {
    test(name, () => {
      refused({ attest }, code, facts);
    });
  }
  test('a PCR digest with the hash of the bank, where the scheme has another', () => {
    // Part 3 section 18.4: the hash of the signing scheme counts.
    const { pcrDigest } = { pcrDigest: attestBytes().subarray(-32) };
    refused({ attest: { hash: 'sha384', pcrDigest } }, 'evidence/inconsistent');
  });
  test('a value of a register that was changed after the quote', () => {
    for (const pcr of bootPcrs.keys()) {
      const pcrs = new Map([...bootPcrs, [pcr, bytes(32, 0x77)] as const]);
      refused({ shown: { pcrs } }, 'evidence/inconsistent', {
        what: 'PCR digest of the quote and the registers shown',
      });
    }
  });
  test('two registers changed places', () => {
    const [four, seven] = [bootPcrs.get(4) ?? assert.fail(), bootPcrs.get(7) ?? assert.fail()];
    const pcrs = new Map([...bootPcrs, [4, seven] as const, [7, four] as const]);
    refused({ shown: { pcrs } }, 'evidence/inconsistent');
  });
  test('another bank named than quoted', () => {
    refused({ shown: { bank: 'sha384' } }, 'evidence/inconsistent', { wanted: 'sha256', got: 'sha384' });
  });
});

describe('what the quote binds', () => {
  test('T02: nonce, identity, claims and time can not be changed under one quote', () => {
    const what = { what: 'extraData of the quote and what the evidence binds' };
    refused({ shown: { nonce: bytes(32, 0x34) } }, 'evidence/inconsistent', what);
    refused({ shown: { publicKey: Uint8Array.of(1, 2) } }, 'evidence/inconsistent', what);
    refused({ shown: { userData: Uint8Array.of(3, 4, 5) } }, 'evidence/inconsistent', what);
    refused({ shown: { madeAt: boundFields.madeAt + 1 } }, 'evidence/inconsistent', what);
  });
  test('T18: moving a byte from one bound field to the next changes the qualifying data', () => {
    const moved = tpm2QualifyingData({
      ...boundFields,
      publicKey: Uint8Array.of(1, 2),
      userData: Uint8Array.of(3, 4, 5),
    });
    assert.notDeepEqual(moved, tpm2QualifyingData(boundFields));
    assert.equal(moved.length, 32);
  });
});

describe('the signature', () => {
  test('any other key, message or bit', () => {
    const other = makeTpm2Evidence({ bound: { nonce: bytes(32, 1) } });
    refused({ shown: { signature: other.signature } }, 'evidence/bad-signature', {
      moduleId: toHex(nameOfScheme()),
    });
    refused({ shown: { quote: other.quote } }, 'evidence/bad-signature');
    const { signature } = makeTpm2Evidence();
    for (const at of [8, 40, signature.length - 1]) {
      const flipped = signature.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      refused({ shown: { signature: flipped } }, 'evidence/bad-signature');
    }
  });
  test('over SHA-1', () => {
    const quote = attestBytes({ extraData: tpm2QualifyingData(boundFields) });
    const key = writeTpmPublic(attestationArea('rsassa', goodAttributes, 'sha1'));
    const signature = signQuote(quote, 'rsassa', 'sha1');
    refused({ shown: { quote, key, signature } }, 'evidence/weak-hash', { where: 'attestation key' });
    const good = writeTpmPublic(attestationArea('rsassa'));
    refused({ shown: { quote, key: good, signature } }, 'evidence/inconsistent', { got: 'rsassa sha1' });
  });
  test('of another scheme than the one of the key', () => {
    const quote = attestBytes({ extraData: tpm2QualifyingData(boundFields) });
    const key = writeTpmPublic(attestationArea('rsassa'));
    refused({ shown: { quote, key, signature: signQuote(quote, 'rsapss') } }, 'evidence/inconsistent', {
      wanted: 'rsassa sha256',
      got: 'rsapss sha256',
    });
    refused(
      { shown: { quote, key, signature: signQuote(quote, 'rsassa', 'sha512') } },
      'evidence/inconsistent',
    );
  });
  test('a byte after it, and r or s of zero', () => {
    const { signature } = makeTpm2Evidence();
    refused({ shown: { signature: Uint8Array.of(...signature, 0) } }, 'evidence/malformed', {
      part: 'signature',
    });
    for (const [from, to] of [
      [6, 38],
      [40, 72],
    ]) {
      refused({ shown: { signature: signature.slice().fill(0, from, to) } }, 'evidence/bad-signature');
    }
  });
});

describe('the attestation key', () => {
  const rules: Readonly<Record<string, number>> = {
    restricted: goodAttributes & ~attribute.restricted,
    'signing key': goodAttributes & ~attribute.sign,
    'fixed to its TPM': goodAttributes & ~attribute.fixedTPM,
    'fixed to its parent': goodAttributes & ~attribute.fixedParent,
    'not made by the TPM': goodAttributes & ~attribute.sensitiveDataOrigin,
    'decryption key': goodAttributes | attribute.decrypt,
  };
  for (const [rule, attributes] of Object.entries(rules)) {
    test(`refused: ${rule}`, () => {
      assertRefuses(() => tpm2Statement(makeTpm2Document({ attributes })), 'evidence/bad-attestation-key');
      try {
        tpm2Statement(makeTpm2Document({ attributes }));
      } catch (error) {
        assert.match(String(error), new RegExp(rule.split(' ').at(-1) ?? ''));
      }
    });
  }
  test('without a scheme, with a symmetric algorithm, or no key at all', () => {
    const area = attestationArea('ecdsa');
    assert.ok(area.type === 'ecc');
    const changed: readonly Uint8Array[] = [
      writeTpmPublic({ ...area, scheme: undefined }),
      writeTpmPublic({ ...area, symmetric: { bits: 128 } }),
      writeTpmPublic({ ...area, scheme: { name: 'ecdh', hash: 'sha256' } }),
      writeTpmPublic({
        type: 'keyedHash',
        nameAlg: 'sha256',
        attributes: goodAttributes,
        authPolicy: new Uint8Array(),
        scheme: undefined,
        unique: bytes(32, 1),
      }),
      writeTpmPublic({
        type: 'keyedHash',
        nameAlg: 'sha256',
        attributes: goodAttributes,
        authPolicy: new Uint8Array(),
        scheme: { name: 'hmac', hash: 'sha256' },
        unique: bytes(32, 1),
      }),
    ];
    for (const key of changed) {
      refused({ shown: { key } }, 'evidence/bad-attestation-key');
    }
  });
  test('a byte after it, a point off its curve, a small RSA key', () => {
    const key = writeTpmPublic(attestationArea('ecdsa'));
    refused({ shown: { key: Uint8Array.of(...key, 0) } }, 'evidence/malformed', { part: 'attestation key' });
    const off = key.slice();
    off[off.length - 1] = (off.at(-1) ?? 0) ^ 1;
    refused({ shown: { key: off } }, 'evidence/malformed', { part: 'attestation key' });
    const rsa = writeTpmPublic(attestationArea('rsassa'));
    const bits = rsa.indexOf(0x08, 16);
    assert.deepEqual([...rsa.subarray(bits, bits + 2)], [0x08, 0x00]);
    const small = rsa.slice(0, -128);
    small.set([0x04, 0x00], bits);
    small.set([0x00, 0x80], bits + 6);
    refused({ shown: { key: small } }, 'evidence/malformed', { part: 'attestation key' });
  });
  test('its Name is the machine: another key of the same kind is another machine', () => {
    const area = attestationArea('ecdsa', goodAttributes | attribute.noDA);
    const statement = tpm2Statement(makeTpm2Document({ shown: { key: writeTpmPublic(area) } }));
    assert.notEqual(statement.machine, toHex(nameOfScheme()));
  });
});

describe('the message', () => {
  test('T34: larger than any evidence', () => {
    assertRefuses(() => tpm2Statement(new Uint8Array(maxEvidence + 1)), 'evidence/oversize', {
      size: maxEvidence + 1,
      limit: maxEvidence,
    });
  });
  test('another version, an unknown field, a missing one, a register above 23', () => {
    const good = makeTpm2Evidence();
    const encode = (value: unknown): Uint8Array => tpm2Document.encode(value as typeof good);
    const { nonce, ...without } = good;
    assert.ok(nonce.length > 0);
    for (const value of [
      { ...good, v: 2 },
      { ...good, more: 1 },
      without,
      { ...good, pcrs: new Map([[24, bytes(32, 1)]]) },
      { ...good, bank: 'sha1' },
      { ...good, pcrs: new Map([[4, bytes(20, 1)]]) },
    ]) {
      assertRefuses(() => tpm2Statement(encode(value)), 'evidence/malformed', { part: 'document' });
    }
  });
  test('appraiseDocument: a nonce, a register and zeros are judged as for all platforms', () => {
    const question = {
      platform: 'tpm2',
      roots: [],
      now: boundFields.madeAt,
      debug: 'refuse',
      machine: 'any',
    } as const;
    const document = makeTpm2Document();
    const measured = new Map([...bootPcrs].filter(([pcr]) => pcr !== 12));
    assert.ok(appraiseDocument(document, { ...question, nonce: boundFields.nonce, pcrs: measured }).ok);
    // T04: zeros are no expectation, not even where they are right.
    const zeros = appraiseDocument(document, { ...question, nonce: 'any', pcrs: bootPcrs });
    assert.ok(!zeros.ok);
    assertRefusal(zeros.refusal, 'evidence/zeros-listed', { pcr: 12 });
    const other = appraiseDocument(document, { ...question, nonce: bytes(32, 1), pcrs: 'any' });
    assert.ok(!other.ok);
    assertRefusal(other.refusal, 'evidence/nonce-mismatch');
    const wrong = new Map([[4, bytes(32, 1)]]);
    const image = appraiseDocument(document, { ...question, nonce: 'any', pcrs: wrong });
    assert.ok(!image.ok);
    assertRefusal(image.refusal, 'evidence/measurement-mismatch', { pcr: 4 });
  });
});
