/**
 * Certificates of TPM keys and the chain above them (TCG EK Credential Profile for TPM 2.0, version 2.4; RFC 5280 section
 * 6.1). Vendors use RSA and three curves, so this stands beside the chain of Nitro documents, which is P-384 only; form,
 * constraints and key usage are read by the same strict reader.
 */
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { TpmPublic } from '../../tpm/public.ts';
import { coordinateBytes, leftPadded } from '../../tpm/public.ts';
import { oid } from '../../x509/certificate.ts';
import { bitString, contextTag, DerReader, integerBytes, oidText, readDer, tag } from '../../x509/der.ts';
import { readCertificate, type CertificateView } from '../../x509/parse.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import { readPart } from './attestationKey.ts';
import { maxTpmCertificate, maxTpmCertificates } from './enrolmentMessages.ts';

/** What a TPM certificate is for (TCG EK Credential Profile section 3.2; tcg-kp of the TCG OID registry). */
export const tpmKeyUse = {
  /** tcg-kp-EKCertificate. */
  endorsement: '2.23.133.8.1',
  /** tcg-kp-AIKCertificate. */
  attestation: '2.23.133.8.3',
} as const;
/** A use of {@link tpmKeyUse}. */
export type TpmKeyUse = keyof typeof tpmKeyUse;

/** Extensions that may be critical beside those that the reader processes: read here, or without effect on a path. */
const knownCritical = [
  oid.subjectAltName,
  oid.extendedKeyUsage,
  // Certificate policies: any policy is accepted, so they decide nothing (RFC 5280 section 6.1.1, any-policy).
  '2.5.29.32',
];

/** Signature algorithms of authorities (RFC 4055 section 5, RFC 5758 section 3.2), with their hashes; none is SHA-1. */
const signatureHashes: ReadonlyMap<string, { readonly hash: string; readonly key: 'rsa' | 'ec' }> = new Map([
  ['1.2.840.113549.1.1.11', { hash: 'sha256', key: 'rsa' }],
  ['1.2.840.113549.1.1.12', { hash: 'sha384', key: 'rsa' }],
  ['1.2.840.113549.1.1.13', { hash: 'sha512', key: 'rsa' }],
  ['1.2.840.10045.4.3.2', { hash: 'sha256', key: 'ec' }],
  ['1.2.840.10045.4.3.3', { hash: 'sha384', key: 'ec' }],
  ['1.2.840.10045.4.3.4', { hash: 'sha512', key: 'ec' }],
]);
const rsaEncryption = '1.2.840.113549.1.1.1';
/** Some vendors name the padding in the key (EK Credential Profile section 3.2). */
const rsaOaep = '1.2.840.113549.1.1.7';

/** What a chain is checked against. */
export interface TpmChainQuestion {
  /** DER of the key's certificate first, then of authorities in any order, a root among them; at most 16. */
  readonly certificates: readonly Uint8Array[];
  /** SHA-256 of the DER of each accepted root, 32 bytes; at least one. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  readonly use: TpmKeyUse;
  /** The key that the certificate must be for. */
  readonly area: TpmPublic;
}

/** A verified chain of a TPM key. */
export interface TpmChain {
  /** SHA-256 of the DER of the key's certificate, 32 bytes. */
  readonly certificate: Uint8Array;
  /** SHA-256 of the root's DER, 32 bytes. */
  readonly root: Uint8Array;
  readonly rootName: string | undefined;
  /** Unix milliseconds: the end of whichever certificate ends first. */
  readonly notAfter: number;
}

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const broken = (certificate: string, rule: string): SymbolonError<'evidence/bad-certificate'> =>
  new SymbolonError('evidence/bad-certificate', { certificate, rule });

/**
 * Verifies that `area` is a TPM's key of this use, by a chain from its certificate to a pinned root.
 * @throws SymbolonError `evidence/no-policy`, `evidence/malformed`, `evidence/oversize`, `evidence/untrusted-root`,
 * `evidence/bad-certificate`, `evidence/bad-certificate-signature`, `evidence/certificate-not-valid` or
 * `evidence/bad-endorsement-key`.
 */
export function verifyTpmChain(question: TpmChainQuestion): TpmChain {
  const { certificates, roots, area, use } = question;
  // T01: no root, no acceptance.
  if (roots.length === 0) {
    throw new SymbolonError('evidence/no-policy', { node: '-', reason: 'no root is accepted' });
  }
  // T34: sizes before parsing. The operator's own files may add as many as a request brings.
  const size = Math.max(0, ...certificates.map(({ length }) => length));
  if (certificates.length > 2 * maxTpmCertificates || size > maxTpmCertificate) {
    throw new SymbolonError('evidence/oversize', { size, limit: maxTpmCertificate });
  }
  const [leaf, ...pool] = certificates.map((one, i) =>
    readPart(i === 0 ? 'certificate' : `authority ${i}`, () => readCertificate(one)),
  );
  if (leaf === undefined) {
    throw new SymbolonError('evidence/malformed', { part: 'certificate', reason: 'there is none' });
  }
  checkTime('leaf', leaf, question.now);
  checkLeaf(leaf, use, area);
  const path = findPath(leaf, pool, roots);
  for (const [i, authority] of path.entries()) {
    const place = i === path.length - 1 ? 'root' : `ca ${path.length - 1 - i}`;
    checkTime(place, authority, question.now);
    // Below this one stand i authorities; RFC 5280 section 4.2.1.9 counts those, not the leaf.
    checkAuthority(place, authority, i, use);
  }
  const root = path.at(-1) ?? leaf;
  return {
    certificate: sha256(leaf.der),
    root: sha256(root.der),
    rootName: root.commonName,
    notAfter: Math.min(leaf.notAfter, ...path.map(({ notAfter }) => notAfter)),
  };
}

/**
 * The authorities above the leaf, up to a pinned one. T06: it ends at a fingerprint, never at a name or at a certificate
 * that signs itself.
 */
function findPath(
  leaf: CertificateView,
  pool: readonly CertificateView[],
  roots: readonly Uint8Array[],
): readonly CertificateView[] {
  const path: CertificateView[] = [];
  let below = leaf;
  for (;;) {
    const { issuer } = below;
    // Names are compared byte by byte; RFC 5280 section 7.1 would also allow other spellings of one name.
    const named = pool.filter((one) => !path.includes(one) && Buffer.compare(one.subject, issuer) === 0);
    const above = named.find((one) => isSignedBy(below, one));
    if (above === undefined && named.length > 0) {
      const certificate = path.length === 0 ? 'leaf' : 'ca';
      throw new SymbolonError('evidence/bad-certificate-signature', { certificate });
    }
    if (above === undefined) {
      throw new SymbolonError('evidence/untrusted-root', {
        wanted: roots.map(toHex),
        got: toHex(sha256(below.der)),
      });
    }
    path.push(above);
    if (roots.some((pinned) => equalBytes(pinned, sha256(above.der)))) {
      return path;
    }
    below = above;
  }
}

function isSignedBy(certificate: CertificateView, authority: CertificateView): boolean {
  const algorithm = signatureAlgorithm(certificate);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(authority.spki), format: 'der', type: 'spki' });
  } catch {
    return false;
  }
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const strong =
    algorithm.key === 'rsa'
      ? key.asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 8192
      : key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve);
  return strong && verify(algorithm.hash, certificate.body, key, certificate.signature);
}

function signatureAlgorithm({ der }: CertificateView): { readonly hash: string; readonly key: 'rsa' | 'ec' } {
  const { id, parameters, done } = readPart('certificate', () => {
    const outer = DerReader.inside(readDer(der, tag.sequence));
    outer.next(tag.sequence);
    const algorithm = DerReader.inside(outer.next(tag.sequence));
    return {
      id: oidText(algorithm.next(tag.oid)),
      parameters: algorithm.done ? '' : toHex(algorithm.next().raw),
      done: algorithm.done,
    };
  });
  const known = signatureHashes.get(id);
  // RFC 4055 section 5: NULL for RSA; RFC 5758 section 3.2: nothing for ECDSA.
  if (known === undefined || !done || parameters !== (known.key === 'rsa' ? '0500' : '')) {
    throw broken('chain', 'a signature algorithm that is not RSA PKCS #1 or ECDSA with SHA-256 or more');
  }
  return known;
}

function checkTime(certificate: string, { notBefore, notAfter }: CertificateView, now: number): void {
  // Written so that a time that is no number is refused too.
  if (!(notBefore <= now && now <= notAfter)) {
    throw new SymbolonError('evidence/certificate-not-valid', {
      certificate,
      clock: 'now',
      at: now,
      notBefore,
      notAfter,
    });
  }
}

function checkCritical(place: string, { unknownCritical }: CertificateView): void {
  // RFC 5280 section 4.2: a critical extension that is not processed makes the certificate unusable.
  if (unknownCritical.some((id) => !knownCritical.includes(id))) {
    throw broken(place, 'an unknown critical extension');
  }
}

function checkAuthority(place: string, view: CertificateView, below: number, use: TpmKeyUse): void {
  checkCritical(place, view);
  // RFC 5280 section 4.2.1.12: a certificate with this extension is for its uses alone. Where it is not critical, an authority's is
  // not judged: vendors write there what their own software looks for.
  if (
    view.unknownCritical.includes(oid.extendedKeyUsage) &&
    !extendedKeyUses(view).includes(tpmKeyUse[use])
  ) {
    throw broken(place, `its critical extended key usage lacks ${tpmKeyUse[use]}`);
  }
  const { basicConstraints, keyUsage } = view;
  // RFC 5280 section 6.1.4 (k), (l) and (n).
  if (basicConstraints?.ca !== true) {
    throw broken(place, 'not an authority');
  }
  if (basicConstraints.pathLength !== undefined && below > basicConstraints.pathLength) {
    throw broken(place, 'more authorities below it than its path length allows');
  }
  if (keyUsage?.bits.has('keyCertSign') !== true) {
    throw broken(place, 'its key may not sign certificates');
  }
}

function checkLeaf(view: CertificateView, use: TpmKeyUse, area: TpmPublic): void {
  checkCritical('leaf', view);
  const { basicConstraints, keyUsage } = view;
  if (basicConstraints?.ca === true || keyUsage?.bits.has('keyCertSign') === true) {
    throw broken('leaf', 'an authority');
  }
  // EK Credential Profile section 3.2: keyEncipherment (RSA), keyAgreement (ECC); an attestation key signs.
  const bit =
    use === 'attestation' ? 'digitalSignature' : area.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement';
  if (keyUsage !== undefined && !keyUsage.bits.has(bit)) {
    throw broken('leaf', `its key usage lacks ${bit}`);
  }
  if (!extendedKeyUses(view).includes(tpmKeyUse[use])) {
    throw broken('leaf', `its extended key usage lacks ${tpmKeyUse[use]}`);
  }
  if (!isKeyOf(view, area)) {
    throw new SymbolonError('evidence/bad-endorsement-key', { rule: 'its certificate is for another key' });
  }
}

/** The extended key uses of a certificate (RFC 5280 section 4.2.1.12); none where the extension is absent. */
function extendedKeyUses({ body }: CertificateView): readonly string[] {
  return readPart('certificate', () => {
    const fields = DerReader.inside(readDer(body, tag.sequence));
    let item = fields.next();
    while (item.tag !== contextTag(3, true)) {
      item = fields.next();
    }
    const list = DerReader.inside(DerReader.inside(item).next(tag.sequence));
    const uses: string[] = [];
    while (!list.done) {
      const extension = DerReader.inside(list.next(tag.sequence));
      if (oidText(extension.next(tag.oid)) !== oid.extendedKeyUsage) {
        continue;
      }
      if (extension.has(tag.boolean)) {
        extension.next();
      }
      const inner = DerReader.inside(DerReader.inside(extension.next(tag.octetString)).next(tag.sequence));
      while (!inner.done) {
        uses.push(oidText(inner.next(tag.oid)));
      }
    }
    return uses;
  });
}

/** Whether the certificate's key is that of `area`: the numbers themselves are compared, not two encodings of them. */
function isKeyOf({ spki }: CertificateView, area: TpmPublic): boolean {
  return readPart('certificate', () => {
    const fields = DerReader.inside(readDer(spki, tag.sequence));
    const algorithm = DerReader.inside(fields.next(tag.sequence));
    const id = oidText(algorithm.next(tag.oid));
    const { bytes, unused } = bitString(fields.next(tag.bitString));
    fields.end();
    if (unused !== 0) {
      return false;
    }
    switch (area.type) {
      case 'rsa': {
        if (id !== rsaEncryption && id !== rsaOaep) {
          return false;
        }
        const numbers = DerReader.inside(readDer(bytes, tag.sequence));
        const [modulus, exponent] = [numbers.next(tag.integer), numbers.next(tag.integer)];
        numbers.end();
        const positive = integerBytes(modulus);
        return (
          equalBytes(positive[0] === 0 ? positive.subarray(1) : positive, area.modulus) &&
          toHex(integerBytes(exponent)) === '010001'
        );
      }
      case 'ecc': {
        if (id !== oid.ecPublicKey || oidText(algorithm.next(tag.oid)) !== oid[area.curve]) {
          return false;
        }
        const size = coordinateBytes[area.curve];
        const point = Buffer.concat([Uint8Array.of(4), leftPadded(area.x, size), leftPadded(area.y, size)]);
        return equalBytes(bytes, point);
      }
      case 'keyedHash':
        return false;
    }
  });
}
