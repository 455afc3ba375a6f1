/** What a session is opened with and is delivered, and which refusals end it. The session itself is in session.ts. */
import type { ErrorCode, Fact, SymbolonError } from '../../wire/errors/index.ts';
import type { Challenge, Envelope } from '../../wire/messages/session.ts';
import type { KeyPublic } from '../../threshold/index.ts';
import type { GateSession } from '../gate.ts';
import type { VerifiedManifest, VerifiedRequest } from '../../manifest/index.ts';
import type { Moment } from '../peers/accepted.ts';
import type { GivenEvidence } from './peers.ts';
import type { Rounds } from './rounds.ts';

/** States of a session, in order. A finished or failed one stays so. */
export const sessionStates = ['open', 'attested', 'running', 'finished', 'failed'] as const;
/** A state of {@link sessionStates}. */
export type SessionState = (typeof sessionStates)[number];

/**
 * Refusals of a delivery after which the session can't go on: what they say is signed by the participant, or is about
 * evidence, which is made once. All other refusals of a delivery leave the session as it was.
 */
export const endsSession: readonly ErrorCode[] = [
  'gate/peer-refused',
  'round/equivocation',
  'round/split-view',
  'round/peer-cheated',
];

/** A participant: its name, and its index in every key of the cluster. */
export interface Participant {
  readonly name: string;
  readonly index: number;
}

/** What a session is opened with, all of it checked. */
export interface SessionOptions {
  /** Name of the client that carries the session: nobody else can touch it. */
  readonly relay: string;
  readonly verified: VerifiedRequest;
  readonly key: GateSession['key'];
  /** Generation of the key, 0 where there is none yet. */
  readonly generation: number;
  /** Names this node's shares of the key: the session that made them, in hexadecimal. Absent where it has none. */
  readonly shares?: string | undefined;
  /** Public data of the key of a `sign` request: what a signature is verified under. */
  readonly public?: KeyPublic | undefined;
  /** Id of the presignature that is used, 32 bytes. */
  readonly presignature?: Uint8Array | undefined;
  /** Ids of the pairings that are used, by peer. */
  readonly pairings: GateSession['pairings'];
  readonly manifest: VerifiedManifest;
  /** Sorted by name, this node included. */
  readonly participants: readonly Participant[];
  /** This node's challenge. */
  readonly challenge: Challenge;
  /** When it was opened, by both clocks. */
  readonly opened: Moment;
  /** Until when the challenges of all must have come, in Unix milliseconds. */
  readonly attestBy: number;
  /** Unix milliseconds. */
  readonly deadline: number;
  readonly rounds: Rounds;
}
/** A round as the relay delivers it. */
export interface Delivery {
  readonly round: number;
  readonly evidence: readonly GivenEvidence[];
  readonly envelopes: readonly Envelope[];
}

/** The participant that an error names. */
export function peerOf(error: SymbolonError): string | undefined {
  const facts: Readonly<Record<string, Fact>> = error.facts;
  const peer = facts['peer'];
  return typeof peer === 'string' && peer !== '' ? peer : undefined;
}
