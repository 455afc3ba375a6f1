/** Judging the other participants: their challenges at `attest`, their evidence in round 1. */
import { appraise, policyFor, type Appraisal, type AppraisalPolicy } from '../../enclave/evidence/index.ts';
import { nativeEs384 } from '../../native/es384.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import { challengeBytes, identityBytes, type Challenge, type Identity } from '../../wire/messages/session.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';

/** Evidence of one node as the relay hands it over. */
export interface GivenEvidence {
  readonly node: string;
  readonly evidence: Uint8Array;
}

/** A refusal of a peer, kept for the status and the log. */
export interface Refusal {
  /** Unix milliseconds. */
  readonly at: number;
  readonly peer: string;
  /** The code of what was refused, for example `evidence/measurement`. */
  readonly code: string;
  /** The sentence with its facts; at most 1024 characters. */
  readonly detail: string;
}

const refuse = (reason: string): never => {
  throw new SymbolonError('session/bad-challenges', { reason });
};

/**
 * Checks the challenges of a session and decodes their identities.
 * @throws SymbolonError `session/bad-challenges`, `wire/*` where an identity is malformed.
 */
export function readChallenges(
  challenges: readonly Challenge[],
  participants: readonly string[],
  own: Challenge,
): ReadonlyMap<string, Identity> {
  if (challenges.length !== participants.length) {
    return refuse('not one challenge for each participant');
  }
  const identities = new Map<string, Identity>();
  const seen = new Set<string>();
  for (const [i, challenge] of challenges.entries()) {
    // T36: the order is part of the session id, so all nodes are held to the same one.
    if (challenge.node !== participants[i]) {
      return refuse('not in the order of the participants');
    }
    if (challenge.node === own.node && !sameChallenge(challenge, own)) {
      return refuse('the own challenge is not the one that was given');
    }
    const identity = identityBytes.decode(challenge.identity);
    // T09: two names with one identity, boot or nonce are one machine, or a copied message.
    for (const part of [challenge.boot, challenge.nonce, identity.sign, identity.encrypt, identity.tls]) {
      const key = toHex(part);
      if (seen.has(key)) {
        return refuse('two challenges share a boot, a nonce or a key');
      }
      seen.add(key);
    }
    identities.set(challenge.node, identity);
  }
  return identities;
}

const sameChallenge = (a: Challenge, b: Challenge): boolean =>
  equalBytes(challengeBytes.encode(a), challengeBytes.encode(b));

/** What the evidence of a session is judged against. */
export interface JudgeOptions {
  /** Session id, 32 bytes: the nonce that every evidence of the session must carry. */
  readonly session: Uint8Array;
  readonly manifest: VerifiedManifest;
  /** Challenges of the others. */
  readonly challenges: readonly Challenge[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** How judging ended: appraisals of all, or what was wrong with whom. */
export type Judged =
  | { readonly kind: 'accepted'; readonly appraisals: ReadonlyMap<string, Appraisal> }
  | {
      readonly kind: 'refused';
      readonly refusals: readonly { readonly peer: string; readonly error: SymbolonError }[];
    };

/**
 * Makes sure that there is exactly one evidence for each challenge, without a look into it.
 * @throws SymbolonError `round/unexpected-input`.
 */
export function checkGiven(given: readonly GivenEvidence[], challenges: readonly Challenge[]): void {
  evidenceOf(given, challenges);
}

function evidenceOf(
  given: readonly GivenEvidence[],
  challenges: readonly Challenge[],
): readonly (readonly [challenge: Challenge, evidence: Uint8Array])[] {
  const byNode = new Map(given.map(({ node, evidence }) => [node, evidence]));
  if (byNode.size !== given.length || given.length !== challenges.length) {
    throw new SymbolonError('round/unexpected-input', {
      reason: 'not one evidence for each other participant',
    });
  }
  return challenges.map((challenge) => {
    const evidence = byNode.get(challenge.node);
    if (evidence === undefined) {
      throw new SymbolonError('round/unexpected-input', {
        reason: 'the evidence is missing',
        peer: challenge.node,
      });
    }
    return [challenge, evidence];
  });
}

/**
 * Appraises the evidence of every other participant. All of it is judged even where one is refused, so that an operator
 * sees every node that differs. Pure: a worker thread does it.
 * @throws SymbolonError `round/unexpected-input` as {@link checkGiven}.
 */
export function judgePeers(given: readonly GivenEvidence[], opts: JudgeOptions): Judged {
  const appraisals = new Map<string, Appraisal>();
  const refusals: { peer: string; error: SymbolonError }[] = [];
  for (const [challenge, evidence] of evidenceOf(given, opts.challenges)) {
    const judged = judgeOne(challenge, evidence, opts);
    if (judged instanceof SymbolonError) {
      refusals.push({ peer: challenge.node, error: judged });
    } else {
      appraisals.set(challenge.node, judged);
    }
  }
  return refusals.length === 0 ? { kind: 'accepted', appraisals } : { kind: 'refused', refusals };
}

function judgeOne(challenge: Challenge, document: Uint8Array, opts: JudgeOptions): Appraisal | SymbolonError {
  const { manifest, hash } = opts.manifest;
  const { node } = challenge;
  const platform = manifest.nodes.find((one) => one.name === node)?.platform;
  if (platform === undefined) {
    return new SymbolonError('node/not-in-manifest', { field: 'node', wanted: node, got: 'absent' });
  }
  const policy = policyOf(manifest, node);
  if (policy instanceof SymbolonError) {
    return policy;
  }
  const result = appraise({ platform, document }, policy, {
    now: opts.now,
    openKey: nativeEs384(),
    // T02: the session id is the nonce, and this node's own 32 random bytes are hashed into it.
    expected: { nonce: opts.session, role: 'session', cluster: manifest.cluster, node, manifest: hash },
  });
  if (!result.ok) {
    return result.refusal;
  }
  const { appraisal } = result;
  if (!equalBytes(identityBytes.encode(appraisal.identity), challenge.identity)) {
    return new SymbolonError('gate/other-identity', { peer: node, field: 'identity' });
  }
  if (!equalBytes(appraisal.boot, challenge.boot)) {
    return new SymbolonError('gate/other-identity', { peer: node, field: 'boot' });
  }
  return appraisal;
}

/** A manifest that gives no policy for a node is a refusal of that node (T01). */
function policyOf(manifest: Manifest, node: string): AppraisalPolicy | SymbolonError {
  try {
    return policyFor(manifest, node);
  } catch (error) {
    if (isSymbolonError(error)) {
      return error;
    }
    throw error;
  }
}
