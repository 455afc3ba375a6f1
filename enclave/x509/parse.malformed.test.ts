import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertRefuses } from '../../test/pki/refusal.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { makeCertificate, type CertificateInput } from './certificate.ts';
import { contextTag, der, derBits, derInteger, derOid, DerReader, derText, readDer, tag } from './der.ts';
import { readCertificate } from './parse.ts';

const keys = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const usual: CertificateInput = {
  subject: [['CN', 'subject']],
  issuer: [['CN', 'issuer']],
  subjectKey: keys.publicKey,
  issuerKey: keys.privateKey,
  serial: Uint8Array.of(7),
  notBefore: Date.UTC(2026, 0, 1),
  notAfter: Date.UTC(2027, 0, 1),
  extensions: { basicConstraints: { ca: true }, keyUsage: { bits: ['keyCertSign'] } },
};
const good = makeCertificate(usual);

/** The parts of the body: version, serial, algorithm, issuer, validity, subject, key, extensions. */
function bodyParts(): Uint8Array[] {
  const body = DerReader.inside(DerReader.inside(readDer(good)).next());
  const parts: Uint8Array[] = [];
  while (!body.done) {
    parts.push(body.next().raw);
  }
  return parts;
}
/** The certificate with parts of its body replaced, signed anew. */
function withParts(
  change: Readonly<Record<number, Uint8Array>>,
  more: readonly Uint8Array[] = [],
): Uint8Array {
  const parts = bodyParts().map((part, i) => change[i] ?? part);
  const body = der(tag.sequence, ...parts, ...more);
  const signature = derBits(sign('sha384', body, keys.privateKey));
  return der(tag.sequence, body, parts[2] ?? new Uint8Array(), signature);
}
const extension = (id: string, value: Uint8Array, critical?: number): Uint8Array =>
  der(
    tag.sequence,
    derOid(id),
    ...(critical === undefined ? [] : [der(tag.boolean, Uint8Array.of(critical))]),
    der(tag.octetString, value),
  );
const withExtensions = (...list: readonly Uint8Array[]): Uint8Array =>
  withParts({ 7: der(contextTag(3, true), der(tag.sequence, ...list)) });
const basicConstraints = '2.5.29.19';
const keyUsage = '2.5.29.15';
const name = (value: Uint8Array): Uint8Array =>
  der(tag.sequence, der(tag.set, der(tag.sequence, derOid('2.5.4.3'), value)));
const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(tag.sequence, ...parts);
const no = Uint8Array.of();

test('the parts put together again are a good certificate', () => {
  assert.equal(readCertificate(withParts({})).commonName, 'subject');
});

const cases: Readonly<Record<string, readonly [ErrorCode, Uint8Array]>> = {
  'version 1': [
    'certificate/bad-form',
    withParts({ 0: der(contextTag(0, true), derInteger(Uint8Array.of(0))) }),
  ],
  'no version': ['certificate/malformed-der', withParts({ 0: no })],
  'serial number zero': ['certificate/bad-form', withParts({ 1: derInteger(Uint8Array.of(0)) })],
  'serial number negative': ['certificate/bad-form', withParts({ 1: der(tag.integer, Uint8Array.of(0x80)) })],
  'serial number of 21 bytes': [
    'certificate/bad-form',
    withParts({ 1: derInteger(new Uint8Array(21).fill(1)) }),
  ],
  'unique identifier of the issuer': [
    'certificate/malformed-der',
    withParts({ 7: der(contextTag(1, false), Uint8Array.of(0, 1)) }),
  ],
  'no extensions': ['certificate/malformed-der', withParts({ 7: no })],
  'more after the extensions': ['certificate/malformed-der', withParts({}, [derInteger(Uint8Array.of(1))])],
  'key usage of no bytes': ['certificate/bad-form', withExtensions(extension(keyUsage, derBits(no)))],
  'an extension twice': [
    'certificate/bad-form',
    withExtensions(extension(basicConstraints, sequence()), extension(basicConstraints, sequence())),
  ],
  'critical FALSE written out': [
    'certificate/bad-form',
    withExtensions(extension(basicConstraints, sequence(), 0)),
  ],
  'critical 0x01': ['certificate/malformed-der', withExtensions(extension(basicConstraints, sequence(), 1))],
  'CA FALSE written out': [
    'certificate/bad-form',
    withExtensions(extension(basicConstraints, sequence(der(tag.boolean, Uint8Array.of(0))))),
  ],
  'a negative path length': [
    'certificate/malformed-der',
    withExtensions(
      extension(
        basicConstraints,
        sequence(der(tag.boolean, Uint8Array.of(0xff)), der(tag.integer, Uint8Array.of(0xff))),
      ),
    ),
  ],
  'bytes after basicConstraints': [
    'certificate/malformed-der',
    withExtensions(extension(basicConstraints, Uint8Array.of(0x30, 0x00, 0x00))),
  ],
  'key usage of no bits': [
    'certificate/bad-form',
    withExtensions(extension(keyUsage, derBits(Uint8Array.of(0), 0))),
  ],
  'key usage padded': [
    'certificate/bad-form',
    withExtensions(extension(keyUsage, derBits(Uint8Array.of(0x80), 0))),
  ],
  'key usage of ten bits': [
    'certificate/bad-form',
    withExtensions(extension(keyUsage, derBits(Uint8Array.of(0x80, 0x40), 6))),
  ],
  'a common name that is not ASCII': [
    'certificate/bad-form',
    withParts({ 5: name(derText(tag.utf8String, 'bel\u0007')) }),
  ],
  'a common name of another type': ['certificate/bad-form', withParts({ 5: name(derText(0x1e, 'ab')) })],
  'an empty common name': ['certificate/bad-form', withParts({ 5: name(derText(tag.utf8String, '')) })],
  'a byte after the certificate': ['certificate/malformed-der', new Uint8Array([...good, 0])],
  nothing: ['certificate/malformed-der', no],
};
for (const [what, [code, bytes]] of Object.entries(cases)) {
  test(`refused: ${what}`, () => {
    assertRefuses(() => readCertificate(bytes), code);
  });
}

test('refused: one algorithm inside the signature, another outside', () => {
  const parts = DerReader.inside(readDer(good));
  const body = parts.next().raw;
  parts.next();
  const signature = parts.next().raw;
  const other = sequence(derOid('1.2.840.10045.4.3.2'));
  assertRefuses(() => readCertificate(sequence(body, other, signature)), 'certificate/bad-form');
});

test('algorithms with parameters, other curves and compressed points are told as other', () => {
  const p256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  assert.equal(readCertificate(makeCertificate({ ...usual, subjectKey: p256k1.publicKey })).keyType, 'other');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  assert.equal(readCertificate(makeCertificate({ ...usual, subjectKey: rsa.publicKey })).keyType, 'other');
  const withNull = sequence(derOid('1.2.840.10045.4.3.3'), der(tag.null));
  assert.equal(readCertificate(withParts({ 2: withNull })).signatureAlgorithm, 'other');
  const point = new Uint8Array(49).fill(2);
  const algorithm = sequence(derOid('1.2.840.10045.2.1'), derOid('1.3.132.0.34'));
  assert.equal(readCertificate(withParts({ 6: sequence(algorithm, derBits(point)) })).keyType, 'other');
});

/** Every way to add a NULL at the end of one constructed value or octet string, with all lengths above it corrected. */
function* withOneMore(raw: Uint8Array): Generator<Uint8Array> {
  const item = readDer(raw);
  if ((item.tag & 0x20) === 0 && item.tag !== tag.octetString) {
    return;
  }
  yield der(item.tag, item.content, der(tag.null));
  const reader = DerReader.inside(item);
  const parts: Uint8Array[] = [];
  while (!reader.done) {
    parts.push(reader.next().raw);
  }
  for (const [i, part] of parts.entries()) {
    for (const changed of withOneMore(part)) {
      yield der(item.tag, ...parts.map((one, k) => (k === i ? changed : one)));
    }
  }
}

test('refused: one more element at the end of any structure, but inside the issuer, which is compared whole', () => {
  const { issuer } = readCertificate(good);
  const accepted: Uint8Array[] = [];
  let tried = 0;
  for (const changed of withOneMore(good)) {
    tried += 1;
    try {
      accepted.push(readCertificate(changed).issuer);
    } catch (error) {
      assert.ok(isSymbolonError(error) && error.code.startsWith('certificate/'), String(error));
    }
  }
  assert.equal(tried, 21);
  assert.equal(accepted.length, 3);
  assert.ok(accepted.every((other) => Buffer.compare(other, issuer) !== 0));
});

test('refused: a signature or a key that is not whole bytes', () => {
  const parts = DerReader.inside(readDer(good));
  const [body, algorithm] = [parts.next().raw, parts.next().raw];
  const signature = derBits(Uint8Array.of(1, 2, 0xfe), 1);
  assertRefuses(() => readCertificate(sequence(body, algorithm, signature)), 'certificate/bad-form');
});

test('a key type is told by algorithm, curve, form and length together', () => {
  const [ec, p384, p256] = ['1.2.840.10045.2.1', '1.3.132.0.34', '1.2.840.10045.3.1.7'].map(derOid);
  const ed25519 = derOid('1.3.101.112');
  assert.ok(ec !== undefined && p384 !== undefined && p256 !== undefined);
  const point = (length: number, first = 4): Uint8Array =>
    Uint8Array.of(first, ...new Uint8Array(length - 1));
  const table: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
    ['P-384', sequence(ec, p384), point(97)],
    ['P-256', sequence(ec, p256), point(65)],
    ['Ed25519', sequence(ed25519), point(32)],
    ['other', sequence(ec, p384), point(97, 3)],
    ['other', sequence(ec, p384), point(96)],
    ['other', sequence(ec, p256), point(97)],
    ['other', sequence(ec, p384), point(65)],
    ['other', sequence(ec, p256), point(64)],
    ['other', sequence(derOid('1.2.840.10045.2.2'), p384), point(97)],
    ['other', sequence(ec, der(tag.null)), point(97)],
    ['other', sequence(ed25519, der(tag.null)), point(32)],
    ['other', sequence(ed25519), point(33)],
    ['other', sequence(derOid('1.3.101.113')), point(32)],
  ];
  for (const [wanted, algorithm, key] of table) {
    const { keyType } = readCertificate(withParts({ 6: sequence(algorithm, derBits(key)) }));
    assert.equal(keyType, wanted, `${Buffer.from(algorithm).toString('hex')} ${key.length}`);
  }
});

test('a common name may be a PrintableString', () => {
  const printable = withParts({ 5: name(derText(tag.printableString, 'subject')) });
  assert.equal(readCertificate(printable).commonName, 'subject');
});

test('two common names are none', () => {
  const attribute = der(tag.set, sequence(derOid('2.5.4.3'), derText(tag.utf8String, 'a')));
  assert.equal(readCertificate(withParts({ 5: sequence(attribute, attribute) })).commonName, undefined);
});

test('random changes to a certificate are read or refused by the catalogue, never anything else', () => {
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(3), fc.uint8Array({ maxLength: 3 }), (at, remove, insert) => {
      const bytes = new Uint8Array(Buffer.concat([good.subarray(0, at), insert, good.subarray(at + remove)]));
      try {
        readCertificate(bytes);
      } catch (error) {
        assert.ok(isSymbolonError(error) && error.code.startsWith('certificate/'), String(error));
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500), seed: Number(process.env['FUZZ_SEED'] ?? 0x5eed) },
  );
});
