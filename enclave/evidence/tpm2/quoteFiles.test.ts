import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  attestationArea,
  attestBytes,
  bootPcrs,
  nameOfScheme,
  pairOf,
  quoteSchemes,
  signQuote,
} from '../../../test/pki/tpm2.ts';
import { writeTpmPublic } from '../../tpm/public.ts';
import { toHex } from '../../../wire/ids.ts';
import { verifyQuote, type QuoteFiles } from './quoteFiles.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

describe('quotes in the files of other software', () => {
  const nonce = bytes(20, 5);
  const quoteOf = (scheme: (typeof quoteSchemes)[number]): QuoteFiles => {
    const quote = attestBytes({ scheme, extraData: nonce });
    return {
      quote,
      signature: signQuote(quote, scheme),
      key: writeTpmPublic(attestationArea(scheme)),
      pcrs: bootPcrs,
      nonce,
    };
  };
  const pem = (scheme: (typeof quoteSchemes)[number]): Uint8Array =>
    new TextEncoder().encode(pairOf(scheme).publicKey.export({ format: 'pem', type: 'spki' }).toString());
  for (const scheme of quoteSchemes) {
    test(`${scheme}: TPM and bare signature, TPMT, TPM2B and PEM key`, () => {
      const files = quoteOf(scheme);
      const bare =
        scheme === 'ecdsa'
          ? new Uint8Array(sign('sha256', files.quote, pairOf(scheme).privateKey))
          : files.signature.subarray(6);
      const tpm2b = Uint8Array.of(files.key.length >> 8, files.key.length & 0xff, ...files.key);
      for (const signature of [files.signature, bare]) {
        for (const key of [files.key, tpm2b, pem(scheme)]) {
          const report = verifyQuote({ ...files, signature, key });
          assert.equal(report.machine, key[0] === 0x2d ? undefined : toHex(nameOfScheme(scheme)));
          assert.deepEqual([report.scheme, report.hash, report.bank], [scheme, 'sha256', 'sha256']);
          assert.equal(report.tpm.resetCount, 7);
        }
      }
      const other = quoteOf(scheme).quote;
      assertRefuses(
        () => verifyQuote({ ...files, quote: attestBytes({ scheme, extraData: bytes(20, 6) }) }),
        'evidence/bad-signature',
      );
      assert.deepEqual(other, files.quote);
    });
  }
  test('a signature of another scheme than the one of the key', () => {
    // Both schemes use one RSA key here: the signature itself is right.
    const files = quoteOf('rsassa');
    const signature = signQuote(files.quote, 'rsapss');
    assert.ok(verifyQuote({ ...files, signature, key: pem('rsassa') }));
    assertRefuses(() => verifyQuote({ ...files, signature }), 'evidence/inconsistent', {
      what: 'scheme of the attestation key and of the signature',
    });
  });
  test('T02: another nonce; `any` only where it is written', () => {
    const files = quoteOf('ecdsa');
    assertRefuses(() => verifyQuote({ ...files, nonce: bytes(20, 6) }), 'evidence/nonce-mismatch');
    assertRefuses(() => verifyQuote({ ...files, nonce: new Uint8Array() }), 'evidence/nonce-mismatch');
    assert.ok(verifyQuote({ ...files, nonce: 'any' }));
  });
  test('a signature over SHA-1 is refused for that, also where only PEM tells the key', () => {
    const quote = attestBytes({ scheme: 'rsassa', extraData: nonce });
    const signature = signQuote(quote, 'rsassa', 'sha1');
    const files = { ...quoteOf('rsassa'), quote, signature, key: pem('rsassa') };
    assertRefuses(() => verifyQuote(files), 'evidence/weak-hash', { where: 'signature of the quote' });
  });
  test('T01: no registers, or some of them', () => {
    assertRefuses(() => verifyQuote({ ...quoteOf('ecdsa'), pcrs: new Map() }), 'evidence/inconsistent');
    const some = new Map([...bootPcrs].slice(1));
    assertRefuses(() => verifyQuote({ ...quoteOf('ecdsa'), pcrs: some }), 'evidence/inconsistent');
  });
  test('a PEM key that is too small, of another kind, private, or none', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const ed = generateKeyPairSync('ed25519');
    const encode = (key: {
      export: (options: { format: 'pem'; type: 'spki' }) => string | Buffer;
    }): Uint8Array => new TextEncoder().encode(key.export({ format: 'pem', type: 'spki' }).toString());
    for (const key of [encode(small.publicKey), encode(ed.publicKey)]) {
      assertRefuses(() => verifyQuote({ ...quoteOf('rsassa'), key }), 'evidence/bad-attestation-key');
    }
    const none = new TextEncoder().encode('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n');
    assertRefuses(() => verifyQuote({ ...quoteOf('rsassa'), key: none }), 'evidence/bad-attestation-key');
    const hidden = pairOf('ecdsa').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    assert.ok(createPrivateKey(hidden));
    const key = new TextEncoder().encode(hidden);
    assertRefuses(() => verifyQuote({ ...quoteOf('ecdsa'), key }), 'evidence/malformed');
  });
  test('T34: files larger than any genuine one', () => {
    const files = quoteOf('ecdsa');
    for (const field of ['quote', 'signature', 'key'] as const) {
      assertRefuses(() => verifyQuote({ ...files, [field]: new Uint8Array(4_096) }), 'evidence/oversize');
    }
  });
});
