import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../test/pki/refusal.ts';
import {
  certificatePem,
  makeCertificate,
  selfSigned,
  type CertificateInput,
  type Name,
} from './certificate.ts';
import { readCertificate } from './parse.ts';

const pairs: Readonly<Record<string, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  'P-384': generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  Ed25519: generateKeyPairSync('ed25519'),
};
const algorithms: Readonly<Record<string, string>> = {
  'P-384': 'ecdsa-with-SHA384',
  'P-256': 'ecdsa-with-SHA256',
  Ed25519: 'Ed25519',
};
const pair = (curve: string): { publicKey: KeyObject; privateKey: KeyObject } =>
  pairs[curve] ?? assert.fail(curve);
const subject: Name = [
  ['C', 'US'],
  ['O', 'Nobody'],
  ['CN', 'subject'],
];
const issuer: Name = [['CN', 'issuer']];
const at = Date.UTC(2026, 0, 1);
const usual: CertificateInput = {
  subject,
  issuer,
  subjectKey: pair('P-384').publicKey,
  issuerKey: pair('P-384').privateKey,
  serial: Uint8Array.of(0x80, 1),
  notBefore: at + 999,
  notAfter: Date.UTC(2051, 0, 1),
  extensions: {
    basicConstraints: { ca: true, pathLength: 2 },
    keyUsage: { bits: ['keyCertSign', 'cRLSign'] },
    subjectKeyId: true,
    authorityKeyId: true,
    subjectAltName: { dns: ['localhost'], ipv4: ['127.0.0.1'] },
    other: [{ oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }],
  },
};

describe('every combination of issuer and subject keys', () => {
  for (const issuerCurve of Object.keys(pairs)) {
    for (const subjectCurve of Object.keys(pairs)) {
      test(`${issuerCurve} signs ${subjectCurve}: OpenSSL and the strict reader agree`, () => {
        const bytes = makeCertificate({
          ...usual,
          subjectKey: pair(subjectCurve).publicKey,
          issuerKey: pair(issuerCurve).privateKey,
        });
        const other = new X509Certificate(bytes);
        assert.ok(other.verify(pair(issuerCurve).publicKey));
        assert.ok(other.publicKey.equals(pair(subjectCurve).publicKey));
        const view = readCertificate(bytes);
        assert.equal(view.keyType, subjectCurve);
        assert.equal(view.signatureAlgorithm, algorithms[issuerCurve]);
        const key = createPublicKey({ key: Buffer.from(view.spki), format: 'der', type: 'spki' });
        assert.ok(key.equals(pair(subjectCurve).publicKey));
      });
    }
  }
});

test('fields and extensions come back as they were given, and OpenSSL reads them the same', () => {
  const bytes = makeCertificate(usual);
  const view = readCertificate(bytes);
  const other = new X509Certificate(bytes);
  assert.equal(view.commonName, 'subject');
  assert.equal(other.subject, 'C=US\nO=Nobody\nCN=subject');
  assert.equal(other.issuer, 'CN=issuer');
  assert.equal(view.notBefore, at);
  assert.equal(view.notAfter, Date.UTC(2051, 0, 1));
  assert.equal(Date.parse(other.validTo), view.notAfter);
  assert.deepEqual(view.serial, usual.serial);
  assert.equal(other.serialNumber, '8001');
  assert.deepEqual(view.basicConstraints, { critical: true, ca: true, pathLength: 2 });
  assert.ok(other.ca);
  assert.deepEqual([...(view.keyUsage?.bits ?? [])], ['keyCertSign', 'cRLSign']);
  assert.equal(other.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1');
  assert.deepEqual(view.unknownCritical, ['1.2.3.4']);
});

test('an issuer given as its encoding is copied byte for byte', () => {
  const first = readCertificate(makeCertificate(usual));
  const second = readCertificate(makeCertificate({ ...usual, issuer: first.subject }));
  assert.deepEqual(second.issuer, first.subject);
});

test('OpenSSL takes a chain of two as issued', () => {
  const root = new X509Certificate(makeCertificate({ ...usual, subject: issuer }));
  const leaf = new X509Certificate(makeCertificate(usual));
  assert.ok(leaf.checkIssued(root));
});

test('a self-signed certificate for TLS', () => {
  for (const { publicKey, privateKey } of Object.values(pairs)) {
    const bytes = selfSigned({
      name: [['CN', 'node']],
      publicKey,
      privateKey,
      serial: Uint8Array.of(1),
      notBefore: at,
      notAfter: at + 1_000,
      subjectAltName: { dns: ['node-a'] },
    });
    const other = new X509Certificate(certificatePem(bytes));
    assert.ok(other.verify(publicKey));
    assert.equal(other.ca, false);
    assert.equal(other.checkHost('node-a'), 'node-a');
    const view = readCertificate(bytes);
    assert.deepEqual(view.basicConstraints, { critical: true, ca: false, pathLength: undefined });
    assert.deepEqual([...(view.keyUsage?.bits ?? [])], ['digitalSignature']);
  }
});

test('input that makes no certificate is refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const wrong: readonly Partial<CertificateInput>[] = [
    { serial: new Uint8Array(4) },
    { serial: new Uint8Array() },
    { serial: new Uint8Array(21).fill(1) },
    { notAfter: at - 1 },
    { notAfter: Number.NaN },
    { issuerKey: rsa.privateKey },
    { issuerKey: usual.subjectKey },
    { subjectKey: usual.issuerKey },
    { extensions: { subjectAltName: { ipv4: ['127.0.0.256'] } } },
  ];
  for (const change of wrong) {
    assertRefuses(() => makeCertificate({ ...usual, ...change }), 'certificate/bad-form');
  }
});
