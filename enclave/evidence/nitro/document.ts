/**
 * A document of AWS, of an enclave or of a NitroTPM, from bytes to a verified one: envelope, payload, chain, signature.
 * What it says is then judged by claims, freshness and policy (appraise.ts).
 */
import { SymbolonError } from '../../../wire/errors/index.ts';
import { readCertificate, type CertificateView } from '../../x509/parse.ts';
import { makeAuthorityCache, type AuthorityCache } from './cache.ts';
import { verifyChain } from './chain.ts';
import { decodePart, readCoseSign1, verifyCoseSign1 } from './cose.ts';
import { nodeEs384, type OpenEs384Key } from './es384.ts';
import { readAnyPayload, readNitroPayload, readNitroTpmPayload, type NitroPayload } from './payload.ts';

/** Authorities that are remembered unless the caller brings a cache: 4 a chain, so 64 instances or more. */
const sharedCache = makeAuthorityCache(256);

/** What a document is verified against. Nothing is optional but the cache and who opens keys, which change no verdict. */
export interface DocumentExpectation {
  /** SHA-256 of the DER of each accepted root, 32 bytes; at least one. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  readonly cache?: AuthorityCache;
  /** Opens keys faster than node:crypto, which does it unless told. */
  readonly openKey?: OpenEs384Key | undefined;
}

/** A document whose chain and signature are verified. Who may use it for what is not decided yet. */
export interface VerifiedDocument extends NitroPayload {
  /** SHA-256 of the root's DER, 32 bytes. */
  readonly root: Uint8Array;
  readonly rootName: string | undefined;
  /** Unix milliseconds: the end of whichever certificate of the chain ends first. */
  readonly notAfter: number;
}

/**
 * Verifies a document of an enclave: strict decoding, the chain to a pinned root, the signature.
 * @throws SymbolonError of the boundary `evidence`; `evidence/wrong-document-type` for a NitroTPM's (T05).
 */
export const verifyNitroDocument = (
  document: Uint8Array,
  expectation: DocumentExpectation,
): VerifiedDocument => verifyDocument(document, expectation, readNitroPayload);

/**
 * Verifies a document of an instance with a NitroTPM, in the same way.
 * @throws SymbolonError of the boundary `evidence`; `evidence/wrong-document-type` for an enclave's (T05).
 */
export const verifyNitroTpmDocument = (
  document: Uint8Array,
  expectation: DocumentExpectation,
): VerifiedDocument => verifyDocument(document, expectation, readNitroTpmPayload);

function verifyDocument(
  document: Uint8Array,
  expectation: DocumentExpectation,
  readPayload: (payload: Uint8Array) => NitroPayload,
): VerifiedDocument {
  if (expectation.roots.length === 0) {
    throw new SymbolonError('evidence/no-policy', { node: '-', reason: 'no root is accepted' });
  }
  const cose = readCoseSign1(document);
  const payload = readPayload(cose.payload);
  const chain = verifyChain(payload.cabundle, payload.certificate, {
    roots: expectation.roots,
    now: expectation.now,
    madeAt: payload.timestamp,
    cache: expectation.cache ?? sharedCache,
    openKey: expectation.openKey ?? nodeEs384,
  });
  // The leaf is issued to this very enclave or TPM: module id, then the region.
  if (chain.leaf.commonName?.startsWith(`${payload.moduleId}.`) !== true) {
    throw new SymbolonError('evidence/inconsistent', {
      what: 'module_id and the common name of the leaf',
      wanted: `${payload.moduleId}.*`,
      got: chain.leaf.commonName ?? 'absent',
    });
  }
  if (!verifyCoseSign1(cose, chain.leafKey)) {
    throw new SymbolonError('evidence/bad-signature', { moduleId: payload.moduleId });
  }
  return { ...payload, root: chain.root, rootName: chain.rootName, notAfter: chain.notAfter };
}

/** What an unverified document says, for a person to look at; `kind` tells an enclave's from a NitroTPM's. */
export interface UnverifiedDocument extends NitroPayload {
  /** Views of `cabundle` and `certificate`, root first, leaf last. */
  readonly certificates: readonly CertificateView[];
}

/**
 * Decodes a document of either kind **without verifying anything**: anybody can write such bytes. For tools that show a document to a
 * person; never for a decision.
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize` or `evidence/wrong-document-type`.
 */
export function unsafeReadDocument(document: Uint8Array): UnverifiedDocument {
  const payload = readAnyPayload(readCoseSign1(document).payload);
  const certificates = [...payload.cabundle, payload.certificate].map((one, i) =>
    decodePart(`certificate ${i}`, () => readCertificate(one)),
  );
  return { ...payload, certificates };
}
