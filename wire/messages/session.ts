/**
 * Sessions: how nodes that do not trust their relay agree on who takes part in what, and then exchange rounds.
 *
 * open:    the relay hands each node the client's request and the participants; each answers with a {@link challenge}.
 * attest:  each node gets all challenges, forms the session id from them, and answers with evidence whose nonce is
 *          that id: fresh for every verifier at once, because every verifier's own random nonce is hashed into it.
 * round r: each node gets the peers' evidence (r = 1) or the envelopes of round r-1, and answers with its envelopes.
 */
import { maxEvidence, maxNodeBody, maxNodes, maxRequest, maxRoundPayload } from '../limits.ts';
import { isSymbolonError } from '../errors/index.ts';
import { hash32, hashOf, keyId, name } from '../ids.ts';
import {
  bytes,
  indexed,
  list,
  message,
  oneOf,
  optional,
  record,
  tagged,
  text,
  uint,
  versions,
  type TypeOf,
} from '../shape.ts';

/** A node's identity, made at boot, never stored, bound in its evidence as `public_key`. */
export const identityShape = record({
  v: oneOf(1),
  /** Ed25519 public key that signs envelopes, 32 bytes. */
  sign: bytes(32),
  /** X25519 public key that pairwise messages are encrypted to, 32 bytes. */
  encrypt: bytes(32),
  /** SHA-256 of the DER SubjectPublicKeyInfo of the key that TLS ends with. */
  tls: hash32,
});
/** A node's public identity. */
export type Identity = TypeOf<typeof identityShape>;
/** Byte format of an identity: the `public_key` of evidence. */
export const identityBytes = message('identity', 256, identityShape);

const commonClaims = {
  /** Domain separation: evidence for a channel is no evidence for a session, and the reverse. */
  role: oneOf('channel', 'session'),
  cluster: bytes(16),
  node: name,
  /** 16 random bytes of this boot. */
  boot: bytes(16),
  /** Hash of the manifest that the node holds, see `manifestHash`. */
  manifest: hash32,
};
/** What evidence says beside its measurements: the `user_data`. */
export const claimsShape = record({
  v: oneOf(2),
  ...commonClaims,
  /** The number of this boot, from 1. 0 where the node can not read what it counted; it then takes part in no session. */
  boots: uint(),
  /** Requests that the node had ever used when this boot began. */
  since: uint(),
  /** The mark of the node: requests that it had ever used, on its disk, when it made the evidence. */
  mark: uint(),
  /** The highest mark that this node has seen of others, by their index in the manifest. */
  witnessed: indexed(uint(), maxNodes),
});
/** Claims of evidence. */
export type Claims = TypeOf<typeof claimsShape>;
/** Claims as they were before there were marks. Read, for documents of that time; no node accepts them from a peer. */
const claimsShape1 = record({ v: oneOf(1), ...commonClaims });
/** Longest claims in bytes. Those of 32 nodes with marks below 2^32 have fewer than 512. */
export const maxClaims = 1_024;
/** Byte format of claims. */
export const claimsBytes = message('claims', maxClaims, claimsShape);
/** Claims of every version. */
export const anyClaimsBytes = message('claims', maxClaims, versions({ 1: claimsShape1, 2: claimsShape }));

/** Body of `POST /v1/sessions/open`. */
export const sessionOpen = message(
  'session-open',
  maxRequest + 4_096,
  record({
    /** A `signedRequest`. */
    request: bytes(1, maxRequest + 256),
    /** Names of the nodes that take part, sorted. */
    participants: list(name, maxNodes, 2),
    manifest: hash32,
    /** Id of the presignature that is to be used, for ECDSA keys: then one round is left. */
    presignature: optional(hash32),
  }),
);
/** A node's answer to `open`: its contribution to the session id. */
export const challengeShape = record({
  node: name,
  boot: bytes(16),
  /** 32 random bytes, used once, never chosen by the relay. */
  nonce: bytes(32),
  identity: bytes(1, 256),
  /** Names ({@link evidenceNameOf}) of evidence that this node accepted lately and takes once more in this session. */
  known: optional(list(bytes(16), maxNodes, 1)),
});
/** A node's challenge. */
export type Challenge = TypeOf<typeof challengeShape>;
/** Byte format of a challenge. */
export const challengeBytes = message('challenge', 1_024, challengeShape);

/** The name of a document between nodes that both have seen these very bytes, 16 bytes. */
export const evidenceNameOf = (evidence: Uint8Array): Uint8Array =>
  hashOf('symbolon/evidence/1', evidence).slice(0, 16);
/**
 * What stands in the place of evidence where all others of a session know this node's evidence from an earlier one and may
 * take it again.
 */
export const recalledEvidence = message(
  'recalled-evidence',
  128,
  record({
    /** {@link evidenceNameOf} the evidence. */
    recalled: bytes(16),
    /** Ed25519 by the identity in that evidence over this session's id: see enclave/channel/SPEC.md. */
    presence: bytes(64),
  }),
);

/** What {@link recalledEvidence} says; `undefined` where the bytes are something else. */
export function readRecalled(evidence: Uint8Array): ReturnType<typeof recalledEvidence.decode> | undefined {
  // A document is longer than that: nothing is parsed twice.
  if (evidence.length > recalledEvidence.maxBytes) {
    return undefined;
  }
  try {
    return recalledEvidence.decode(evidence);
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Body of `POST /v1/sessions/attest`: all challenges, in the order of the participants. */
export const sessionAttest = message(
  'session-attest',
  32_768,
  record({
    /** The asked node's own nonce: names the open session before it has an id. */
    nonce: bytes(32),
    challenges: list(challengeShape, maxNodes, 2),
  }),
);
/** Answer to `attest`. */
export const sessionEvidence = message(
  'session-evidence',
  maxEvidence + 512,
  record({ session: hash32, node: name, evidence: bytes(1, maxEvidence) }),
);

/**
 * The session id: binds the request, the manifest, the ordered participants with their boots and identities, every
 * node's nonce, the generation of the key (0 where there is none yet), and the presignature where one is used.
 */
export const sessionIdOf = (parts: {
  readonly requestHash: Uint8Array;
  readonly manifest: Uint8Array;
  readonly generation: number;
  readonly challenges: readonly Challenge[];
  readonly presignature?: Uint8Array | undefined;
}): Uint8Array =>
  hashOf(
    'symbolon/session/2',
    parts.requestHash,
    parts.manifest,
    parts.generation,
    parts.challenges.map(({ node, boot, nonce, identity, known }) => [
      node,
      boot,
      nonce,
      identity,
      ...(known === undefined ? [] : [known]),
    ]),
    parts.presignature ?? new Uint8Array(0),
  );

/**
 * The id of a presignature, 32 bytes: the session that made it, and the confirmation that all signers broadcast in its last
 * round.
 */
export const presignatureIdOf = (session: Uint8Array, confirmation: Uint8Array): Uint8Array =>
  hashOf('symbolon/presignature/1', session, confirmation);

/** A round message: signed by its sender's attested key; encrypted to its receiver's where it is pairwise. */
export const envelopeShape = record({
  session: hash32,
  round: uint(16, 1),
  from: name,
  /** Receiver of a pairwise message; absent on a broadcast. */
  to: optional(name),
  /** Hash of everything broadcast before this round, as the sender saw it: a split view shows here (T16, T36). */
  transcript: hash32,
  /** The payload of a broadcast, or nonce, ciphertext and tag of a pairwise message. */
  payload: bytes(1, maxRoundPayload + 64),
  /** Ed25519, see enclave/channel/SPEC.md. */
  signature: bytes(64),
});
/** A round message. */
export type Envelope = TypeOf<typeof envelopeShape>;
/** Byte format of a round message. */
export const envelopeBytes = message('envelope', maxRoundPayload + 512, envelopeShape);

/** Body of `POST /v1/sessions/round`. */
export const sessionRound = message(
  'session-round',
  maxNodeBody,
  record({
    session: hash32,
    round: uint(16, 1),
    /** The peers' `sessionEvidence`, in round 1 only. */
    evidence: list(record({ node: name, evidence: bytes(1, maxEvidence) }), maxNodes),
    /** Envelopes of the round before: broadcasts of all others and what is addressed to this node. */
    envelopes: list(envelopeShape, maxNodes * 2),
  }),
);
/** Answer to `round`. */
export const sessionOutput = message(
  'session-output',
  maxNodeBody,
  record({ session: hash32, round: uint(16, 1), envelopes: list(envelopeShape, maxNodes) }),
);

/** Body of `POST /v1/sessions/finish`: how the session ended, as the relay saw it. The node checks what it is told. */
export const sessionFinish = message(
  'session-finish',
  65_536,
  tagged('outcome', {
    /** The signature is verified under the group key; then the request is marked as done. */
    signed: { session: hash32, signature: bytes(64) },
    /**
     * Pairings or a presignature were made: the last round's broadcasts of the other participants. The node compares them
     * with its own; then the request is marked as done.
     */
    done: { session: hash32, envelopes: list(envelopeShape, maxNodes, 1) },
    aborted: { session: hash32, code: text(64) },
  }),
);
/** Payload of the broadcast of round 4 of a key creation: the sender's share of this key is sealed and flushed. */
export const keyStored = message(
  'stored-payload',
  128,
  record({ v: oneOf(1), stored: keyId, generation: uint() }),
);
/** Payload of the broadcast of round 3 of a pairing: what the sender's pairings hash to, once they are sealed and flushed. */
export const pairingStored = message(
  'pairing-stored',
  2_048,
  record({
    v: oneOf(1),
    /** What all parties must find equal: the hash of everything broadcast in this pairing. */
    confirmation: hash32,
    /** Ids of the pairings that the sender has stored, by peer, in the order of the peers' indices. */
    pairings: list(record({ peer: uint(maxNodes, 1), id: bytes(16) }), maxNodes),
  }),
);
/** Answer to `POST /v1/keys/confirmations`: what activated a key, so that another holder can be helped. Body: {@link keyAsk}. */
export const keyConfirmations = message(
  'key-confirmations',
  65_536,
  record({ key: keyId, generation: uint(0xffff_ffff), confirmations: list(envelopeShape, maxNodes, 2) }),
);
/** Body of `POST /v1/keys/confirmations`. */
export const keyAsk = message('key-ask', 128, record({ key: keyId, generation: uint(0xffff_ffff) }));
/** Body of `POST /v1/keys/activate`: the confirmations of all holders of a new key, round 4 of its generation. */
export const keyActivate = message(
  'key-activate',
  65_536,
  record({ key: keyId, confirmations: list(envelopeShape, maxNodes, 2) }),
);
