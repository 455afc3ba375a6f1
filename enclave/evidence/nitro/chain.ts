/**
 * The certificate chain of a document: from a root that is pinned by fingerprint, link by link, to the leaf whose key
 * signs (attestation_process.md section 3.2.3, RFC 5280 section 6.1). Verification starts at the root, so a stranger's
 * chain costs no signature check at all.
 */
import { createHash } from 'node:crypto';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { readCertificate, type CertificateView } from '../../x509/parse.ts';
import type { AuthorityCache, VerifiedAuthority } from './cache.ts';
import { decodePart, malformed } from './cose.ts';
import { pointOf, signatureOf, type Es384Key, type OpenEs384Key } from './es384.ts';

/** What a chain is checked against. */
export interface ChainExpectation {
  /** SHA-256 of the DER of each accepted root, 32 bytes. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds by this machine's clock. */
  readonly now: number;
  /** Unix milliseconds at which the document says it was made. */
  readonly madeAt: number;
  readonly cache: AuthorityCache;
  readonly openKey: OpenEs384Key;
}

/** A verified chain. */
export interface VerifiedChain {
  /** SHA-256 of the root's DER, 32 bytes. */
  readonly root: Uint8Array;
  /** Common name of the root. */
  readonly rootName: string | undefined;
  readonly leaf: CertificateView;
  readonly leafKey: Es384Key;
  /** Unix milliseconds: the end of whichever certificate of the chain ends first. */
  readonly notAfter: number;
}

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
  const path = verifyPath(cabundle, expectation);
  const [top] = path;
  const issuer = path.at(-1);
  if (top === undefined || issuer === undefined) {
    throw malformed('payload', 'cabundle is empty');
  }
  const { leaf, leafKey } = openLeaf(certificate, issuer, expectation);
  const notAfter = Math.min(leaf.notAfter, ...path.map((authority) => authority.notAfter));
  return { root: top.root, rootName: top.commonName, leaf, leafKey, notAfter };
}

/** All authorities, root first: those that are remembered are held to root and time again, the others are verified. */
function verifyPath(
  cabundle: readonly Uint8Array[],
  expectation: ChainExpectation,
): readonly VerifiedAuthority[] {
  const { cache, roots, openKey } = expectation;
  const known = longestRemembered(cabundle, cache);
  // T06: the first certificate must be a pinned root itself, byte for byte; a name or a self-signature proves nothing.
  const root = known?.root ?? sha256([cabundle[0] ?? new Uint8Array()]);
  if (!roots.some((pinned) => equalBytes(pinned, root))) {
    throw new SymbolonError('evidence/untrusted-root', { wanted: roots.map(toHex), got: toHex(root) });
  }
  const path: VerifiedAuthority[] = [];
  for (let above = known; above !== undefined; above = above.issuer) {
    path.unshift(above);
  }
  for (const [i, authority] of path.entries()) {
    checkTime(placeOf(i), authority, expectation);
  }
  for (const certificate of cabundle.slice(path.length)) {
    const i = path.length;
    // RFC 5280 section 6.1: a certificate must not appear more than once in a path.
    if (cabundle.slice(0, i).some((other) => equalBytes(other, certificate))) {
      throw broken(placeOf(i), 'the same certificate stands in the chain twice');
    }
    const issuer = path.at(-1);
    const authority =
      issuer === undefined
        ? openRoot(certificate, root, openKey)
        : openAuthority(placeOf(i), certificate, issuer, openKey);
    cache.set(pathKey(cabundle, i + 1), authority);
    checkTime(placeOf(i), authority, expectation);
    path.push(authority);
  }
  return path;
}

/** How errors name an authority. */
const placeOf = (i: number): string => (i === 0 ? 'root' : `ca ${i}`);

/** The last authority of the longest part of the path, from the root on, that was verified before. */
function longestRemembered(
  cabundle: readonly Uint8Array[],
  cache: AuthorityCache,
): VerifiedAuthority | undefined {
  for (let count = cabundle.length; count > 0; count -= 1) {
    const authority = cache.get(pathKey(cabundle, count));
    if (authority !== undefined) {
      return authority;
    }
  }
  return undefined;
}

/**
 * The key of the cache is the whole path, every byte of it: the same certificate below another issuer is another entry.
 * Lengths stand first, so no two paths meet in one input.
 */
function pathKey(cabundle: readonly Uint8Array[], count: number): string {
  const path = cabundle.slice(0, count);
  return toHex(sha256([Uint32Array.from(path, (one) => one.length), ...path]));
}

function sha256(parts: readonly NodeJS.ArrayBufferView[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}

/** The root is accepted by its fingerprint: its own signature adds nothing, its constraints still apply. */
function openRoot(bytes: Uint8Array, fingerprint: Uint8Array, openKey: OpenEs384Key): VerifiedAuthority {
  const view = readPlace('root', bytes);
  return asAuthority('root', view, { issuer: undefined, root: fingerprint, budget: Infinity, openKey });
}

function openAuthority(
  place: string,
  bytes: Uint8Array,
  issuer: VerifiedAuthority,
  openKey: OpenEs384Key,
): VerifiedAuthority {
  const view = readPlace(place, bytes);
  checkIssued(place, view, issuer);
  // RFC 5280 section 6.1.4 (l): every authority below uses up one; we count self-issued ones too.
  if (issuer.pathBudget < 1) {
    throw broken(place, 'the path length of an authority above it is used up');
  }
  return asAuthority(place, view, { issuer, root: issuer.root, budget: issuer.pathBudget - 1, openKey });
}

function openLeaf(
  bytes: Uint8Array,
  issuer: VerifiedAuthority,
  expectation: ChainExpectation,
): { readonly leaf: CertificateView; readonly leafKey: Es384Key } {
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
  return { leaf, leafKey: publicKey('leaf', leaf, expectation.openKey) };
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

function asAuthority(
  place: string,
  view: CertificateView,
  above: Pick<VerifiedAuthority, 'issuer' | 'root'> & {
    readonly budget: number;
    readonly openKey: OpenEs384Key;
  },
): VerifiedAuthority {
  // attestation_process.md section 3.2.3.2: basicConstraints critical and CA, keyUsage with keyCertSign.
  if (view.basicConstraints?.ca !== true || !view.basicConstraints.critical) {
    throw broken(place, 'basicConstraints is absent, not critical, or does not say CA');
  }
  if (view.keyUsage?.bits.has('keyCertSign') !== true) {
    throw broken(place, 'keyUsage lacks keyCertSign');
  }
  return {
    issuer: above.issuer,
    root: above.root,
    subject: view.subject,
    commonName: view.commonName,
    notBefore: view.notBefore,
    notAfter: view.notAfter,
    key: publicKey(place, view, above.openKey),
    pathBudget: Math.min(above.budget, view.basicConstraints.pathLength ?? Infinity),
  };
}

function checkIssued(place: string, view: CertificateView, issuer: VerifiedAuthority): void {
  // RFC 5280 section 6.1.3 (a)(4). Compared as encoded: AWS copies the name byte for byte.
  if (!equalBytes(view.issuer, issuer.subject)) {
    throw broken(place, 'issuer is not the subject of the certificate before it');
  }
  const signature = signatureOf(view.signature);
  if (signature === undefined || !issuer.key.verify(view.body, signature)) {
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

function publicKey(place: string, view: CertificateView, openKey: OpenEs384Key): Es384Key {
  const key = openKey(pointOf(view.spki));
  if (key === undefined) {
    throw broken(place, 'public key is not a point of its curve');
  }
  return key;
}
