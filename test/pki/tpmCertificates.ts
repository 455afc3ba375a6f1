/** Test only: a TPM vendor's certificates, as they should be but for what is changed. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  makeCertificate,
  type CertificateInput,
  type Extensions,
  type Name,
} from '../../enclave/x509/certificate.ts';
import { der, derBits, derOid, derText, DerReader, readDer, tag } from '../../enclave/x509/der.ts';

/** A time at which all certificates here are valid. */
export const certificatesNow = Date.UTC(2026, 5, 1);
const year = 31_536_000_000;

/** An authority and its key. */
export interface Authority {
  readonly name: Name;
  readonly certificate: Uint8Array;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(tag.sequence, ...parts);
const ecKey = (): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
let serial = 0;
const nextSerial = (): Uint8Array => {
  serial += 1;
  return Uint8Array.of(1, serial >> 8, serial & 0xff);
};

/** sha256WithRSAEncryption, or the one with SHA-1. */
export const rsaAlgorithms = { sha256: '1.2.840.113549.1.1.11', sha1: '1.2.840.113549.1.1.5' } as const;

/** The same certificate, signed by an RSA key; `parameters` of the algorithm are NULL unless told. */
export function signedByRsa(
  certificate: Uint8Array,
  key: KeyObject,
  hash: keyof typeof rsaAlgorithms = 'sha256',
  parameters: Uint8Array = der(tag.null),
): Uint8Array {
  const outer = DerReader.inside(readDer(certificate, tag.sequence));
  const fields = DerReader.inside(outer.next(tag.sequence));
  const parts: Uint8Array[] = [];
  while (!fields.done) {
    parts.push(fields.next().raw);
  }
  const algorithm = sequence(derOid(rsaAlgorithms[hash]), parameters);
  // version, serial number, algorithm
  parts[2] = algorithm;
  const body = sequence(...parts);
  return sequence(body, algorithm, derBits(sign(hash, body, key)));
}

const issue = (
  issuer: Pick<Authority, 'name' | 'privateKey'>,
  input: Pick<CertificateInput, 'subject' | 'subjectKey' | 'extensions'> & Partial<CertificateInput>,
): Uint8Array => {
  const rsa = issuer.privateKey.asymmetricKeyType === 'rsa';
  const certificate = makeCertificate({
    issuer: issuer.name,
    serial: nextSerial(),
    notBefore: certificatesNow - year,
    notAfter: certificatesNow + year,
    ...input,
    issuerKey: rsa ? ecKey().privateKey : issuer.privateKey,
  });
  return rsa ? signedByRsa(certificate, issuer.privateKey) : certificate;
};

/** An authority: under `issuer`, or one that signs itself. */
export function makeAuthority(
  commonName: string,
  options: {
    readonly issuer?: Authority;
    readonly keys?: { publicKey: KeyObject; privateKey: KeyObject };
    readonly extensions?: Partial<Extensions>;
    readonly notAfter?: number;
  } = {},
): Authority {
  const { issuer, keys = ecKey(), extensions = {}, notAfter } = options;
  const name: Name = [['CN', commonName]];
  const certificate = issue(issuer ?? { name, privateKey: keys.privateKey }, {
    subject: name,
    subjectKey: keys.publicKey,
    extensions: {
      basicConstraints: { ca: true },
      keyUsage: { bits: ['keyCertSign', 'cRLSign'] },
      ...extensions,
    },
    ...(notAfter === undefined ? {} : { notAfter }),
  });
  return { name, certificate, ...keys };
}

/** The DER of an extended key usage with these uses. */
export const extendedKeyUsage = (...uses: readonly string[]): Uint8Array => sequence(...uses.map(derOid));

/** A critical alternative name with a TPM's manufacturer, as endorsement certificates have. */
const alternativeName = {
  oid: '2.5.29.17',
  critical: true,
  value: sequence(
    der(
      0xa4,
      sequence(der(tag.set, sequence(derOid('2.23.133.2.1'), derText(tag.utf8String, 'id:00001014')))),
    ),
  ),
};

/** The certificate of a TPM key, as it should be but for the changes. */
export function makeKeyCertificate(
  issuer: Authority,
  subjectKey: KeyObject,
  use: string,
  bit: 'keyEncipherment' | 'keyAgreement' | 'digitalSignature',
  changes: {
    readonly extensions?: Partial<Extensions>;
    readonly uses?: readonly string[];
    readonly other?: Extensions['other'];
    readonly notAfter?: number;
    readonly notBefore?: number;
  } = {},
): Uint8Array {
  const { extensions = {}, uses = [use], other = [], notAfter, notBefore } = changes;
  return issue(issuer, {
    // Endorsement certificates have an empty subject (EK Credential Profile section 3.2).
    subject: [],
    subjectKey,
    extensions: {
      basicConstraints: { ca: false },
      keyUsage: { bits: [bit] },
      other: [
        alternativeName,
        ...(uses.length === 0
          ? []
          : [{ oid: '2.5.29.37', critical: false, value: extendedKeyUsage(...uses) }]),
        ...other,
      ],
      ...extensions,
    },
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(notBefore === undefined ? {} : { notBefore }),
  });
}
