/**
 * A Nitro document from bytes to a verified statement: envelope, payload, chain, signature. What it says is then judged
 * by claims, freshness and policy (appraise.ts).
 */
import { SymbolonError } from '../../../wire/errors/index.ts';
import { readCertificate, type CertificateView } from '../../x509/parse.ts';
import { makeAuthorityCache, type AuthorityCache } from './cache.ts';
import { verifyChain } from './chain.ts';
import { decodePart, readCoseSign1, verifyCoseSign1 } from './cose.ts';
import { readNitroPayload, type NitroPayload } from './payload.ts';

/** Authorities that are remembered unless the caller brings a cache: 4 a chain, so 64 instances or more. */
const sharedCache = makeAuthorityCache(256);

/** What a document is verified against. Nothing is optional but the cache, which changes no verdict. */
export interface DocumentExpectation {
  /** SHA-256 of the DER of each accepted root, 32 bytes; at least one. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  readonly cache?: AuthorityCache;
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
 * Verifies a Nitro document: strict decoding, the chain to a pinned root, the signature.
 * @throws SymbolonError of the boundary `evidence`.
 */
export function verifyNitroDocument(
  document: Uint8Array,
  expectation: DocumentExpectation,
): VerifiedDocument {
  if (expectation.roots.length === 0) {
    throw new SymbolonError('evidence/no-policy', { node: '-', reason: 'no root is accepted' });
  }
  const cose = readCoseSign1(document);
  const payload = readNitroPayload(cose.payload);
  const chain = verifyChain(payload.cabundle, payload.certificate, {
    roots: expectation.roots,
    now: expectation.now,
    madeAt: payload.timestamp,
    cache: expectation.cache ?? sharedCache,
  });
  // The leaf is issued to this very enclave: module id, then the region.
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

/** What an unverified document says, for a person to look at. */
export interface UnverifiedDocument extends NitroPayload {
  /** Views of `cabundle` and `certificate`, root first, leaf last. */
  readonly certificates: readonly CertificateView[];
}

/**
 * Decodes a document **without verifying anything**: anybody can write such bytes. For tools that show a document to a
 * person; never for a decision.
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize` or `evidence/wrong-document-type`.
 */
export function unsafeReadDocument(document: Uint8Array): UnverifiedDocument {
  const payload = readNitroPayload(readCoseSign1(document).payload);
  const certificates = [...payload.cabundle, payload.certificate].map((one, i) =>
    decodePart(`certificate ${i}`, () => readCertificate(one)),
  );
  return { ...payload, certificates };
}
