/**
 * Builds X.509 version 3 certificates (RFC 5280): P-384 with ecdsa-with-SHA384, P-256 with ecdsa-with-SHA256, and
 * Ed25519 (RFC 8410). Used for the node's TLS key, for clients, and for the insecure dev attestation chain.
 */
import { createHash, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';
import { contextTag, der, derBits, derInteger, derOid, derText, derTime, DerReader, tag } from './der.ts';

/** Object identifiers that certificates of this product use, by name. */
export const oid = {
  commonName: '2.5.4.3',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  state: '2.5.4.8',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  ecdsaSha384: '1.2.840.10045.4.3.3',
  ed25519: '1.3.101.112',
} as const;

const nameTypes = {
  C: oid.country,
  ST: oid.state,
  L: oid.locality,
  O: oid.organization,
  OU: oid.organizationalUnit,
  CN: oid.commonName,
} as const;
/** A distinguished name: attributes in the order of the encoding, each with its text. */
export type Name = readonly (readonly [keyof typeof nameTypes, string])[];

/** Bits of the keyUsage extension in the order of RFC 5280 section 4.2.1.3. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
/** A bit of {@link keyUsages}. */
export type KeyUsage = (typeof keyUsages)[number];

/** Extensions of a certificate; what is absent is left out. `critical` is true unless told for the first two. */
export interface Extensions {
  readonly basicConstraints?: {
    readonly ca: boolean;
    readonly pathLength?: number;
    readonly critical?: boolean;
  };
  readonly keyUsage?: { readonly bits: readonly KeyUsage[]; readonly critical?: boolean };
  readonly extendedKeyUsage?: readonly ('serverAuth' | 'clientAuth')[];
  /** Adds the subject key identifier, computed (RFC 7093 section 2, method 1). */
  readonly subjectKeyId?: boolean;
  /** Adds the authority key identifier of the issuer's key. */
  readonly authorityKeyId?: boolean;
  readonly subjectAltName?: { readonly dns?: readonly string[]; readonly ipv4?: readonly string[] };
  /** Further extensions; `value` is the DER inside the octet string. */
  readonly other?: readonly {
    readonly oid: string;
    readonly critical: boolean;
    readonly value: Uint8Array;
  }[];
}

/** What a certificate says. */
export interface CertificateInput {
  readonly subject: Name;
  /** The issuer's name, or its encoding as it stands in the issuer's certificate. */
  readonly issuer: Name | Uint8Array;
  /** The subject's public key. */
  readonly subjectKey: KeyObject;
  /** The issuer's private key: P-384, P-256 or Ed25519; the signature algorithm follows from it. */
  readonly issuerKey: KeyObject;
  /** Serial number, big endian, 1 to 20 bytes, not zero; the caller brings the randomness. */
  readonly serial: Uint8Array;
  /** Unix milliseconds; written in whole seconds. */
  readonly notBefore: number;
  /** Unix milliseconds; written in whole seconds. */
  readonly notAfter: number;
  readonly extensions: Extensions;
}

const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(tag.sequence, ...parts);
const bad = (reason: string): SymbolonError<'certificate/bad-form'> =>
  new SymbolonError('certificate/bad-form', { reason });

/**
 * Makes a signed certificate and returns its DER.
 * @throws SymbolonError `certificate/bad-form` where the key, the serial number or the validity can not be used.
 */
export function makeCertificate(input: CertificateInput): Uint8Array {
  const algorithm = signatureAlgorithm(input.issuerKey);
  // RFC 5280 section 4.1.2.2: positive, at most 20 octets.
  const serial = derInteger(input.serial);
  if (input.serial.length > 20 || input.serial.every((byte) => byte === 0)) {
    throw bad('serial number is zero or has more than 20 bytes');
  }
  if (!(input.notBefore <= input.notAfter) || input.subjectKey.type !== 'public') {
    throw bad('validity ends before it starts, or the subject key is not a public key');
  }
  const algorithmId = sequence(derOid(algorithm.oid));
  const body = sequence(
    der(contextTag(0, true), derInteger(Uint8Array.of(2))),
    serial,
    algorithmId,
    input.issuer instanceof Uint8Array ? input.issuer : nameDer(input.issuer),
    sequence(derTime(input.notBefore), derTime(input.notAfter)),
    nameDer(input.subject),
    spkiOf(input.subjectKey),
    ...extensionsDer(input),
  );
  const signature = sign(algorithm.hash, body, input.issuerKey);
  return sequence(body, algorithmId, derBits(signature));
}

/** A certificate that its own key signs, for TLS: CA:FALSE, digitalSignature, and the alternative names given. */
export function selfSigned(input: {
  readonly name: Name;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly serial: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subjectAltName?: NonNullable<Extensions['subjectAltName']>;
}): Uint8Array {
  return makeCertificate({
    subject: input.name,
    issuer: input.name,
    subjectKey: input.publicKey,
    issuerKey: input.privateKey,
    serial: input.serial,
    notBefore: input.notBefore,
    notAfter: input.notAfter,
    extensions: {
      basicConstraints: { ca: false },
      keyUsage: { bits: ['digitalSignature'] },
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
      subjectKeyId: true,
      ...(input.subjectAltName === undefined ? {} : { subjectAltName: input.subjectAltName }),
    },
  });
}

/** PEM (RFC 7468) of a certificate's DER. */
export function certificatePem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function signatureAlgorithm(key: KeyObject): { readonly oid: string; readonly hash: string | null } {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.type === 'private' && key.asymmetricKeyType === 'ed25519') {
    return { oid: oid.ed25519, hash: null };
  }
  if (key.type === 'private' && key.asymmetricKeyType === 'ec' && curve === 'secp384r1') {
    return { oid: oid.ecdsaSha384, hash: 'sha384' };
  }
  if (key.type === 'private' && key.asymmetricKeyType === 'ec' && curve === 'prime256v1') {
    return { oid: oid.ecdsaSha256, hash: 'sha256' };
  }
  throw bad('issuer key is not a P-384, P-256 or Ed25519 private key');
}

function nameDer(name: Name): Uint8Array {
  return sequence(
    ...name.map(([type, value]) =>
      der(
        tag.set,
        // RFC 5280 appendix A.1: the country is a PrintableString.
        sequence(
          derOid(nameTypes[type]),
          derText(type === 'C' ? tag.printableString : tag.utf8String, value),
        ),
      ),
    ),
  );
}

const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'spki' }));

/** Leftmost 160 bits of the SHA-256 of the public key's bits (RFC 7093 section 2, method 1). */
function keyIdentifier(key: KeyObject): Uint8Array {
  const spki = DerReader.inside(new DerReader(spkiOf(key)).next(tag.sequence));
  spki.next(tag.sequence);
  const bits = spki.next(tag.bitString).content.subarray(1);
  return new Uint8Array(createHash('sha256').update(bits).digest().subarray(0, 20));
}

function extensionsDer(input: CertificateInput): Uint8Array[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, other } = input.extensions;
  const list: Uint8Array[] = [];
  const add = (id: string, critical: boolean, value: Uint8Array): void => {
    const flag = critical ? [der(tag.boolean, Uint8Array.of(0xff))] : [];
    list.push(sequence(derOid(id), ...flag, der(tag.octetString, value)));
  };
  if (basicConstraints !== undefined) {
    const { ca, pathLength, critical = true } = basicConstraints;
    add(
      oid.basicConstraints,
      critical,
      sequence(
        // cA has the default FALSE, which DER leaves out.
        ...(ca ? [der(tag.boolean, Uint8Array.of(0xff))] : []),
        ...(pathLength === undefined ? [] : [derInteger(Uint8Array.of(pathLength))]),
      ),
    );
  }
  if (input.extensions.subjectKeyId === true) {
    add(oid.subjectKeyId, false, der(tag.octetString, keyIdentifier(input.subjectKey)));
  }
  if (input.extensions.authorityKeyId === true) {
    const id = keyIdentifier(createPublicKey(input.issuerKey));
    add(oid.authorityKeyId, false, sequence(der(contextTag(0, false), id)));
  }
  if (keyUsage !== undefined) {
    add(oid.keyUsage, keyUsage.critical ?? true, keyUsageDer(keyUsage.bits));
  }
  if (extendedKeyUsage !== undefined) {
    add(oid.extendedKeyUsage, false, sequence(...extendedKeyUsage.map((use) => derOid(oid[use]))));
  }
  if (subjectAltName !== undefined) {
    add(
      oid.subjectAltName,
      false,
      sequence(
        ...(subjectAltName.dns ?? []).map((host) => derText(contextTag(2, false), host)),
        ...(subjectAltName.ipv4 ?? []).map((address) => der(contextTag(7, false), ipv4Bytes(address))),
      ),
    );
  }
  for (const extension of other ?? []) {
    add(extension.oid, extension.critical, extension.value);
  }
  return list.length === 0 ? [] : [der(contextTag(3, true), sequence(...list))];
}

/** X.690 section 11.2.2: a list of named bits ends with its last one bit. */
function keyUsageDer(bits: readonly KeyUsage[]): Uint8Array {
  const last = Math.max(-1, ...bits.map((bit) => keyUsages.indexOf(bit)));
  const raw = new Uint8Array(Math.ceil((last + 1) / 8));
  for (const bit of bits) {
    const place = keyUsages.indexOf(bit);
    raw[place >> 3] = (raw[place >> 3] ?? 0) | (0x80 >> (place & 7));
  }
  return derBits(raw, raw.length * 8 - (last + 1));
}

function ipv4Bytes(address: string): Uint8Array {
  const parts = /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address) ? address.split('.').map(Number) : [];
  if (parts.length !== 4 || parts.some((part) => part > 255)) {
    throw bad('alternative name is not an IPv4 address');
  }
  return Uint8Array.from(parts);
}
