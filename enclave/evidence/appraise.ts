/**
 * The appraisal of evidence (RFC 9334): a pipeline in which cryptographic validity comes first and policy last. No I/O,
 * no clock, no randomness; the same bytes, policy and time give the same verdict.
 */
import { isSymbolonError, SymbolonError, type CodeOf } from '../../wire/errors/index.ts';
import type { Platform } from '../../wire/messages/manifest.ts';
import type { Claims, Identity } from '../../wire/messages/session.ts';
import { checkClaims, checkNonce, readClaims, type Expected } from './claims.ts';
import type { AuthorityCache } from './nitro/cache.ts';
import type { OpenEs384Key } from './nitro/es384.ts';
import { nitroStatement } from './nitro/statement.ts';
import { tpm2Statement } from './tpm2/statement.ts';
import type { Statement, TpmClock } from './statement.ts';
import {
  checkAge,
  checkPolicy,
  firstDifference,
  isComplete,
  refuseDebug,
  refuseUnmeasured,
  refuseZeros,
  type AppraisalPolicy,
} from './policy.ts';

/** Evidence as a node shows it. */
export interface Evidence {
  /** What the sender says it is; the document is what counts. */
  readonly platform: Platform;
  /** A Nitro document, or the quote of a TPM with what belongs to it; at most `maxEvidence` bytes. */
  readonly document: Uint8Array;
}

/** An attestation result (RFC 9334 section 8.4): who, what, under which rule, until when. */
export interface Appraisal {
  readonly node: string;
  readonly platform: Platform;
  /** 16 bytes that are new at every boot of the node. */
  readonly boot: Uint8Array;
  readonly identity: Identity;
  /** Its marks, and those that it has seen of others, by index: what a restored or doubled node is known by (T09). */
  readonly marks: Pick<Claims, 'boots' | 'since' | 'mark' | 'witnessed'>;
  /** Name of the manifest's measurement that accepted the image. */
  readonly measurement: string;
  /** Unix milliseconds: end of the chain's first certificate to end, or of the measurement's window. */
  readonly notAfter: number;
  /** Unix milliseconds by the attester's clock. */
  readonly madeAt: number;
  /** All registers that the evidence shows, 48 bytes each; 32 where it shows the SHA-256 bank of a TPM. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** The machine as the platform names it: instance and enclave, or the Name of a TPM's attestation key in hexadecimal. */
  readonly machine: string;
  /** Reset counters of a TPM; `undefined` on other platforms. */
  readonly tpm: TpmClock | undefined;
}

/** A refusal of evidence: one of a closed set of codes, with all facts for the operator. */
export type EvidenceRefusal = SymbolonError<CodeOf<'evidence'>>;
/** Verdict over evidence. */
export type AppraisalResult =
  | { readonly ok: true; readonly appraisal: Appraisal }
  | { readonly ok: false; readonly refusal: EvidenceRefusal };

/**
 * Appraises evidence of a node. Never throws for what the evidence or the policy says.
 *
 * The refusal carries facts for the operator of this node; to a peer that is not authenticated only its code may go.
 */
export function appraise(
  evidence: Evidence,
  policy: AppraisalPolicy,
  options: {
    /** Unix milliseconds. */
    readonly now: number;
    readonly expected: Expected;
    /** Verified authorities; a cache shared by the process unless given. */
    readonly cache?: AuthorityCache;
    /** Opens keys faster than node:crypto, which does it unless told; changes no verdict. */
    readonly openKey?: OpenEs384Key | undefined;
  },
): AppraisalResult {
  try {
    return { ok: true, appraisal: appraiseOrThrow(evidence, policy, options) };
  } catch (error) {
    return refused(error);
  }
}

function appraiseOrThrow(
  evidence: Evidence,
  policy: AppraisalPolicy,
  options: Parameters<typeof appraise>[2],
): Appraisal {
  const { now, expected } = options;
  checkQuestion(evidence, policy, expected);
  const statement = verifyStatement(evidence, { ...options, roots: policy.roots });
  const bound = readClaims(statement);
  const { boot, boots, since, mark, witnessed } = checkClaims(bound.claims, expected);
  checkNonce(statement.nonce, expected.nonce);
  checkAge({ statement, now }, policy.maxAgeMs);
  const image = checkPolicy(policy, { statement, now });
  return {
    node: policy.node,
    platform: policy.platform,
    boot,
    identity: bound.identity,
    marks: { boots, since, mark, witnessed },
    measurement: image.name,
    notAfter: Math.min(statement.notAfter, image.notAfter),
    madeAt: statement.madeAt,
    pcrs: statement.pcrs,
    machine: statement.machine,
    tpm: statement.tpm,
  };
}

/** What evidence is verified against before anybody asks whose it is. */
interface Verification {
  /** SHA-256 of the DER of each accepted root, 32 bytes. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  readonly cache?: AuthorityCache;
  readonly openKey?: OpenEs384Key | undefined;
}

/** Form, chain and signature, by platform. */
function verifyStatement({ platform, document }: Evidence, verification: Verification): Statement {
  switch (platform) {
    case 'nitro':
    case 'nitro-tpm':
    case 'dev':
      return nitroStatement(platform, document, verification);
    case 'tpm2':
      return tpm2Statement(document);
  }
}

/** Platform and question must fit the policy before a byte of the document is read. */
function checkQuestion(evidence: Evidence, policy: AppraisalPolicy, expected: Expected): void {
  const { node } = policy;
  if (!isComplete(policy)) {
    throw new SymbolonError('evidence/no-policy', {
      node,
      reason: 'the policy was not made from a manifest',
    });
  }
  if (evidence.platform !== policy.platform) {
    throw new SymbolonError('evidence/wrong-platform', {
      node,
      wanted: policy.platform,
      got: evidence.platform,
    });
  }
  if (expected.node !== node) {
    throw new SymbolonError('evidence/no-policy', {
      node: expected.node,
      reason: 'the policy is for another node',
    });
  }
  checkNonceSize(node, expected.nonce);
}

/** RFC 9711 section 4.1 allows 8 to 64 bytes; below 16 a nonce can be guessed or met by chance. */
function checkNonceSize(node: string, nonce: Uint8Array): void {
  if (nonce.length < 16 || nonce.length > 64) {
    throw new SymbolonError('evidence/no-policy', {
      node,
      reason: 'the expected nonce is not 16 to 64 bytes',
    });
  }
}

/** What a person with a document in hand wants to know. Every expectation is given, or waived by its name. */
export interface DocumentQuestion {
  readonly platform: Platform;
  /** SHA-256 of the DER of each accepted root, 32 bytes. */
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: number;
  /** The expected nonce in bytes, or `any` to look only. */
  readonly nonce: Uint8Array | 'any';
  /** Expected registers, 48 bytes each (of a TPM 2.0 also 32), at least one; or `any` to look only. */
  readonly pcrs: ReadonlyMap<number, Uint8Array> | 'any';
  readonly debug: 'refuse' | 'allow';
  /**
   * What the statement must say of its machine: module id, or the Name of a TPM's attestation key in hexadecimal; or `any` to
   * look only. On platform `tpm2` nothing else says that a TPM made it: `roots` are of documents that carry a chain.
   */
  readonly machine: string;
  readonly cache?: AuthorityCache;
  readonly openKey?: OpenEs384Key | undefined;
}

/** Verdict over a document by itself. */
export type DocumentResult =
  | { readonly ok: true; readonly statement: Statement }
  | { readonly ok: false; readonly refusal: EvidenceRefusal };

/**
 * Verifies a document outside any cluster: chain, signature, and the expectations given. For tools; nodes use
 * {@link appraise}, which leaves nothing out.
 */
export function appraiseDocument(bytes: Uint8Array, question: DocumentQuestion): DocumentResult {
  try {
    return { ok: true, statement: verifyAsked(bytes, question) };
  } catch (error) {
    return refused(error);
  }
}

function verifyAsked(document: Uint8Array, question: DocumentQuestion): Statement {
  const { platform, nonce, pcrs, debug, machine } = question;
  if (pcrs !== 'any' && pcrs.size === 0) {
    throw new SymbolonError('evidence/no-policy', { node: '-', reason: 'no PCR is expected' });
  }
  if (pcrs !== 'any' && debug === 'refuse') {
    refuseZeros('expected PCRs', pcrs);
  }
  const statement = verifyStatement({ platform, document }, question);
  if (nonce !== 'any') {
    checkNonce(statement.nonce, nonce);
  }
  if (debug === 'refuse') {
    const refuse = platform === 'nitro' || platform === 'dev' ? refuseDebug : refuseUnmeasured;
    refuse(statement);
  }
  if (machine !== 'any' && machine !== statement.machine) {
    throw new SymbolonError('evidence/other-machine', { node: '-', wanted: machine, got: statement.machine });
  }
  const difference = pcrs === 'any' ? undefined : firstDifference(pcrs, statement.pcrs);
  if (difference !== undefined) {
    throw new SymbolonError('evidence/measurement-mismatch', {
      node: '-',
      measurement: 'given',
      ...difference,
    });
  }
  return statement;
}

/** Only refusals of this boundary are verdicts; anything else is a defect and is thrown on. */
function refused(error: unknown): { readonly ok: false; readonly refusal: EvidenceRefusal } {
  if (isRefusal(error)) {
    return { ok: false, refusal: error };
  }
  throw error;
}

const isRefusal = (error: unknown): error is EvidenceRefusal =>
  isSymbolonError(error) && error.code.startsWith('evidence/');
