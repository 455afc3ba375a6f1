/**
 * The certificate chain of a document: from a root that is pinned by fingerprint, link by link, to the leaf whose key
 * signs (attestation_process.md section 3.2.3, RFC 5280 section 6.1). Verification starts at the root, so a stranger's
 * chain costs no signature check at all.
 */
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { readCertificate, type CertificateView } from '../../x509/parse.ts';
import type { AuthorityCache, VerifiedAuthority } from './cache.ts';
import { decodePart } from './cose.ts';

/** What a chain is checked against. */
export interface ChainExpectation {
  /** SHA-256 of the DER of each accepted root, 32 bytes. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds by this machine's clock. */
  readonly now: number;
  /** Unix milliseconds at which the document says it was made. */
  readonly madeAt: number;
  readonly cache: AuthorityCache;
}

/** A verified chain. */
export interface VerifiedChain {
  /** SHA-256 of the root's DER, 32 bytes. */
  readonly root: Uint8Array;
  /** Common name of the root. */
  readonly rootName: string | undefined;
  readonly leaf: CertificateView;
  readonly leafKey: KeyObject;
  /** Unix milliseconds: the end of whichever certificate of the chain ends first. */
  readonly notAfter: number;
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
};
const broken = (certificate: string, rule: string): SymbolonError<'evidence/bad-certificate'> =>
  new SymbolonError('evidence/bad-certificate', { certificate, rule });

/**
 * Verifies `cabundle` (root first) and `certificate` (the leaf).
 * @throws SymbolonError `evidence/untrusted-root`, `evidence/malformed`, `evidence/bad-certificate`,
 * `evidence/bad-certificate-signature` or `evidence/certificate-not-valid`.
 */
export function verifyChain(
  cabundle: readonly Uint8Array[],
  certificate: Uint8Array,
  expectation: ChainExpectation,
): VerifiedChain {
  const [rootDer, ...authorities] = cabundle;
  const root = sha256(rootDer ?? new Uint8Array());
  // T06: the first certificate must be a pinned root itself, byte for byte; a name or a self-signature proves nothing.
  if (rootDer === undefined || !expectation.roots.some((pinned) => equalBytes(pinned, root))) {
    throw new SymbolonError('evidence/untrusted-root', {
      wanted: expectation.roots.map(toHex),
      got: toHex(root),
    });
  }
  let path = root;
  const top = remembered(expectation.cache, path, () => openRoot(rootDer));
  checkTime('root', top, expectation);
  let issuer = top;
  let notAfter = top.notAfter;
  const seen = new Set([toHex(root)]);
  for (const [i, authority] of authorities.entries()) {
    const place = `ca ${i + 1}`;
    const above = issuer;
    const own = sha256(authority);
    // RFC 5280 section 6.1: a certificate must not appear more than once in a path.
    if (seen.has(toHex(own))) {
      throw broken(place, 'the same certificate stands in the chain twice');
    }
    seen.add(toHex(own));
    // The key of the cache is the whole path: the same certificate below another issuer is another entry.
    path = sha256(path, own);
    issuer = remembered(expectation.cache, path, () => openAuthority(place, authority, above));
    checkTime(place, issuer, expectation);
    notAfter = Math.min(notAfter, issuer.notAfter);
  }
  const { leaf, leafKey } = openLeaf(certificate, issuer, expectation);
  return { root, rootName: top.commonName, leaf, leafKey, notAfter: Math.min(notAfter, leaf.notAfter) };
}

function remembered(
  cache: AuthorityCache,
  path: Uint8Array,
  open: () => VerifiedAuthority,
): VerifiedAuthority {
  const key = toHex(path);
  const known = cache.get(key);
  if (known !== undefined) {
    return known;
  }
  const authority = open();
  cache.set(key, authority);
  return authority;
}

/** The root is accepted by its fingerprint: its own signature adds nothing, its constraints still apply. */
function openRoot(bytes: Uint8Array): VerifiedAuthority {
  const view = readPlace('root', bytes);
  return asAuthority('root', view, Infinity);
}

function openAuthority(place: string, bytes: Uint8Array, issuer: VerifiedAuthority): VerifiedAuthority {
  const view = readPlace(place, bytes);
  checkIssued(place, view, issuer);
  // RFC 5280 section 6.1.4 (l): every authority below uses up one; we count self-issued ones too.
  if (issuer.pathBudget < 1) {
    throw broken(place, 'the path length of an authority above it is used up');
  }
  return asAuthority(place, view, issuer.pathBudget - 1);
}

function openLeaf(
  bytes: Uint8Array,
  issuer: VerifiedAuthority,
  expectation: ChainExpectation,
): { readonly leaf: CertificateView; readonly leafKey: KeyObject } {
  const leaf = readPlace('leaf', bytes);
  // RFC 5280 section 4.2.1.9: a leaf that is an authority could sign leaves of its own.
  if (leaf.basicConstraints === undefined || leaf.basicConstraints.ca) {
    throw broken('leaf', 'basicConstraints is absent or says CA');
  }
  // attestation_process.md section 3.2.3.3: pathLen is undefined in the target.
  if (leaf.basicConstraints.pathLength !== undefined) {
    throw broken('leaf', 'basicConstraints has a path length');
  }
  if (leaf.keyUsage?.bits.has('digitalSignature') !== true || leaf.keyUsage.bits.has('keyCertSign')) {
    throw broken('leaf', 'keyUsage lacks digitalSignature, or has keyCertSign');
  }
  checkTime('leaf', leaf, expectation);
  checkIssued('leaf', leaf, issuer);
  return { leaf, leafKey: publicKey('leaf', leaf) };
}

function readPlace(place: string, bytes: Uint8Array): CertificateView {
  const view = decodePart(`certificate ${place}`, () => readCertificate(bytes));
  // The whole chain is P-384 with ecdsa-with-SHA384; RFC 9053 would let ES384 run on other curves too.
  if (view.keyType !== 'P-384' || view.signatureAlgorithm !== 'ecdsa-with-SHA384') {
    throw broken(place, 'not P-384 with ecdsa-with-SHA384');
  }
  // RFC 5280 section 4.2: a critical extension that is not processed must lead to refusal.
  if (view.unknownCritical.length > 0) {
    throw broken(place, 'unknown critical extension');
  }
  return view;
}

function asAuthority(place: string, view: CertificateView, budget: number): VerifiedAuthority {
  // attestation_process.md section 3.2.3.2: basicConstraints critical and CA, keyUsage with keyCertSign.
  if (view.basicConstraints?.ca !== true || !view.basicConstraints.critical) {
    throw broken(place, 'basicConstraints is absent, not critical, or does not say CA');
  }
  if (view.keyUsage?.bits.has('keyCertSign') !== true) {
    throw broken(place, 'keyUsage lacks keyCertSign');
  }
  return {
    subject: view.subject,
    commonName: view.commonName,
    notBefore: view.notBefore,
    notAfter: view.notAfter,
    key: publicKey(place, view),
    pathBudget: Math.min(budget, view.basicConstraints.pathLength ?? Infinity),
  };
}

function checkIssued(place: string, view: CertificateView, issuer: VerifiedAuthority): void {
  // RFC 5280 section 6.1.3 (a)(4). Compared as encoded: AWS copies the name byte for byte.
  if (!equalBytes(view.issuer, issuer.subject)) {
    throw broken(place, 'issuer is not the subject of the certificate before it');
  }
  if (!verify('sha384', view.body, issuer.key, view.signature)) {
    throw new SymbolonError('evidence/bad-certificate-signature', { certificate: place });
  }
}

/** Valid now, and valid when the document says it was made: a document outlives its leaf by no second. */
function checkTime(
  place: string,
  view: { readonly notBefore: number; readonly notAfter: number },
  { now, madeAt }: ChainExpectation,
): void {
  for (const [clock, at] of [
    ['now', now],
    ['document', madeAt],
  ] as const) {
    // Written so that a time that is no number is refused too.
    if (!(view.notBefore <= at && at <= view.notAfter)) {
      throw new SymbolonError('evidence/certificate-not-valid', {
        certificate: place,
        clock,
        at,
        notBefore: view.notBefore,
        notAfter: view.notAfter,
      });
    }
  }
}

/** Also checks that the point is on the curve. */
function publicKey(place: string, view: CertificateView): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(view.spki), format: 'der', type: 'spki' });
  } catch {
    throw broken(place, 'public key is not a point of its curve');
  }
}
