/**
 * A strict view of an X.509 version 3 certificate (RFC 5280): what a chain check needs, from one reader, so that the
 * bytes that are hashed for the signature and the fields that are judged can't be two readings of one input.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { keyUsages, oid, type KeyUsage } from './certificate.ts';
import {
  bitString,
  booleanValue,
  contextTag,
  DerReader,
  integerBytes,
  oidText,
  readDer,
  smallInteger,
  tag,
  timeValue,
  type DerItem,
} from './der.ts';

/** Kinds of public key that are told apart; everything else is `other`. */
export type KeyType = 'P-384' | 'P-256' | 'Ed25519' | 'other';
/** Signature algorithms that are told apart; everything else is `other`. */
export type SignatureAlgorithm = 'ecdsa-with-SHA384' | 'ecdsa-with-SHA256' | 'Ed25519' | 'other';

/** What a certificate says. Byte fields are views of the input. */
export interface CertificateView {
  /** The whole certificate. */
  readonly der: Uint8Array;
  /** The signed part (TBSCertificate). */
  readonly body: Uint8Array;
  /** DER ECDSA-Sig-Value, or 64 bytes for Ed25519. */
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** Positive, big endian, 1 to 20 bytes, without a sign byte. */
  readonly serial: Uint8Array;
  /** The issuer's name, encoded. */
  readonly issuer: Uint8Array;
  /** The subject's name, encoded. */
  readonly subject: Uint8Array;
  /** The one common name of the subject; `undefined` where there is none or more than one. */
  readonly commonName: string | undefined;
  /** Unix milliseconds, inclusive. */
  readonly notBefore: number;
  /** Unix milliseconds, inclusive. */
  readonly notAfter: number;
  /** The SubjectPublicKeyInfo, encoded. */
  readonly spki: Uint8Array;
  readonly keyType: KeyType;
  readonly basicConstraints:
    { readonly critical: boolean; readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly keyUsage: { readonly critical: boolean; readonly bits: ReadonlySet<KeyUsage> } | undefined;
  /** Identifiers of critical extensions that this reader does not process (RFC 5280 section 4.2: reject). */
  readonly unknownCritical: readonly string[];
}

const bad = (reason: string): SymbolonError<'certificate/bad-form'> =>
  new SymbolonError('certificate/bad-form', { reason });

/**
 * Reads exactly one certificate that fills `bytes`. Checks form, not trust: signature, time and use are the caller's.
 * @throws SymbolonError `certificate/malformed-der` or `certificate/bad-form`.
 */
export function readCertificate(bytes: Uint8Array): CertificateView {
  const outer = DerReader.inside(readDer(bytes, tag.sequence));
  const body = outer.next(tag.sequence);
  const algorithm = outer.next(tag.sequence);
  const signature = wholeBytes(outer.next(tag.bitString));
  outer.end();

  const fields = DerReader.inside(body);
  const version = DerReader.inside(fields.next(contextTag(0, true)));
  if (smallInteger(version.next(tag.integer)) !== 2) {
    throw bad('version is not 3');
  }
  version.end();
  const signed = integerBytes(fields.next(tag.integer));
  // RFC 5280 section 4.1.2.2: positive, at most 20 octets. AWS writes 20-octet values with the top bit set, which DER
  // carries in 21.
  const serial = signed[0] === 0 ? signed.subarray(1) : signed;
  if ((signed[0] ?? 0) >= 0x80 || serial.length > 20 || serial.length === 0) {
    throw bad('serial number is not positive or has more than 20 bytes');
  }
  // RFC 5280 section 4.1.1.2: the algorithm inside the signature must be the one outside.
  if (Buffer.compare(fields.next(tag.sequence).raw, algorithm.raw) !== 0) {
    throw bad('two different signature algorithms');
  }
  const issuer = fields.next(tag.sequence);
  const validity = DerReader.inside(fields.next(tag.sequence));
  const notBefore = timeValue(validity.next());
  const notAfter = timeValue(validity.next());
  validity.end();
  const subject = fields.next(tag.sequence);
  const spki = fields.next(tag.sequence);
  // RFC 5280 section 4.1.2.8: unique identifiers (tags 1 and 2) are not used; the extensions follow at once.
  const extensions = readExtensions(fields.next(contextTag(3, true)));
  fields.end();

  return {
    der: bytes,
    body: body.raw,
    signature,
    signatureAlgorithm: readSignatureAlgorithm(algorithm),
    serial,
    issuer: issuer.raw,
    subject: subject.raw,
    commonName: readCommonName(subject),
    notBefore,
    notAfter,
    spki: spki.raw,
    keyType: readKeyType(spki),
    ...extensions,
  };
}

function wholeBytes(item: DerItem): Uint8Array {
  const { bytes, unused } = bitString(item);
  if (unused !== 0) {
    throw bad('signature or key is not whole bytes');
  }
  return bytes;
}

function readSignatureAlgorithm(item: DerItem): SignatureAlgorithm {
  const fields = DerReader.inside(item);
  const id = oidText(fields.next(tag.oid));
  // RFC 5758 section 3.2 and RFC 8410 section 3: these have no parameters, not even NULL.
  if (!fields.done) {
    return 'other';
  }
  switch (id) {
    case oid.ecdsaSha384:
      return 'ecdsa-with-SHA384';
    case oid.ecdsaSha256:
      return 'ecdsa-with-SHA256';
    case oid.ed25519:
      return 'Ed25519';
    default:
      return 'other';
  }
}

/** RFC 5480 section 2: a named curve and an uncompressed point; RFC 8410 section 4: 32 bytes, no parameters. */
function readKeyType(item: DerItem): KeyType {
  const fields = DerReader.inside(item);
  const algorithm = DerReader.inside(fields.next(tag.sequence));
  const key = wholeBytes(fields.next(tag.bitString));
  fields.end();
  const id = oidText(algorithm.next(tag.oid));
  if (id === oid.ed25519 && algorithm.done && key.length === 32) {
    return 'Ed25519';
  }
  if (id !== oid.ecPublicKey || !algorithm.has(tag.oid) || key[0] !== 4) {
    return 'other';
  }
  const curve = oidText(algorithm.next(tag.oid));
  algorithm.end();
  if (curve === oid.p384 && key.length === 97) {
    return 'P-384';
  }
  return curve === oid.p256 && key.length === 65 ? 'P-256' : 'other';
}

function readCommonName(subject: DerItem): string | undefined {
  const found: string[] = [];
  const names = DerReader.inside(subject);
  while (!names.done) {
    const set = DerReader.inside(names.next(tag.set));
    do {
      const attribute = DerReader.inside(set.next(tag.sequence));
      const type = oidText(attribute.next(tag.oid));
      const value = attribute.next();
      attribute.end();
      if (type === oid.commonName) {
        if (value.tag !== tag.utf8String && value.tag !== tag.printableString) {
          throw bad('common name is neither UTF8String nor PrintableString');
        }
        // Only characters of the printable ASCII range: names are shown to people and compared as text.
        const text = Buffer.from(value.content).toString('latin1');
        if (!/^[\x20-\x7e]{1,256}$/.test(text)) {
          throw bad('common name is empty, too long or not printable ASCII');
        }
        found.push(text);
      }
    } while (!set.done);
  }
  return found.length === 1 ? found[0] : undefined;
}

type ExtensionView = Pick<CertificateView, 'basicConstraints' | 'keyUsage' | 'unknownCritical'>;

function readExtensions(wrapper: DerItem): ExtensionView {
  const outer = DerReader.inside(wrapper);
  const list = DerReader.inside(outer.next(tag.sequence));
  outer.end();
  const seen = new Set<string>();
  const unknownCritical: string[] = [];
  let basicConstraints: ExtensionView['basicConstraints'];
  let keyUsage: ExtensionView['keyUsage'];
  while (!list.done) {
    const extension = DerReader.inside(list.next(tag.sequence));
    const id = oidText(extension.next(tag.oid));
    const critical = extension.has(tag.boolean) && readCritical(extension.next(tag.boolean));
    const value = extension.next(tag.octetString);
    extension.end();
    // RFC 5280 section 4.2: at most one instance of each.
    if (seen.has(id)) {
      throw bad('an extension twice');
    }
    seen.add(id);
    if (id === oid.basicConstraints) {
      basicConstraints = { critical, ...readBasicConstraints(value) };
    } else if (id === oid.keyUsage) {
      keyUsage = { critical, bits: readKeyUsage(value) };
    } else if (critical) {
      unknownCritical.push(id);
    }
  }
  return { basicConstraints, keyUsage, unknownCritical };
}

/** X.690 section 11.5: a value equal to its default (FALSE) is not written. */
function readCritical(item: DerItem): boolean {
  if (!booleanValue(item)) {
    throw bad('a default value is written out');
  }
  return true;
}

function readBasicConstraints(value: DerItem): { ca: boolean; pathLength: number | undefined } {
  const wrapper = DerReader.inside(value);
  const fields = DerReader.inside(wrapper.next(tag.sequence));
  wrapper.end();
  const ca = fields.has(tag.boolean) && readCritical(fields.next(tag.boolean));
  const pathLength = fields.has(tag.integer) ? smallInteger(fields.next(tag.integer)) : undefined;
  fields.end();
  return { ca, pathLength };
}

function readKeyUsage(value: DerItem): Set<KeyUsage> {
  const wrapper = DerReader.inside(value);
  const { bytes, unused } = bitString(wrapper.next(tag.bitString));
  wrapper.end();
  const size = bytes.length * 8 - unused;
  const isSet = (place: number): boolean => ((bytes[place >> 3] ?? 0) & (0x80 >> (place & 7))) !== 0;
  // X.690 section 11.2.2: a list of named bits ends with its last one bit. RFC 5280 4.2.1.3: at least one is set.
  if (size === 0 || size > keyUsages.length || !isSet(size - 1)) {
    throw bad('key usage is empty, too long or padded');
  }
  return new Set(keyUsages.filter((_, place) => isSet(place)));
}
