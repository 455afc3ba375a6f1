/** What signing is asked, what it works with, and what it gives. */
import type { Signable, SignRequest } from '../../wire/messages/request.ts';
import type { KeyGeneration } from '../keyFacts.ts';
import type { NodeSet } from '../nodes/nodeSet.ts';
import type { SessionModules, StepTime } from '../rounds.ts';

/** A session that did not end in a signature. */
export interface FailedAttempt {
  readonly participants: readonly string[];
  /** The step that failed: `open`, `attest`, `round 1`, ..., `aggregate`. */
  readonly step: string;
  /** The node that failed or lied; an empty text where one of the set did and which can't be told. */
  readonly node: string;
  /** The peer that this node blames, or an empty text. */
  readonly accused: string;
  readonly code: string;
  readonly detail: string;
}

/** A signature, and how it came about. */
export interface SignResult {
  /** 64 bytes, verified under the key. */
  readonly signature: Uint8Array;
  /** ECDSA: which of the points with this r is R (SEC 1 section 4.1.6). */
  readonly recovery: number | undefined;
  /** The key that it verifies under: 32 bytes, or 33 for ECDSA. */
  readonly publicKey: Uint8Array;
  /** Derivation path of that key. */
  readonly path: readonly number[];
  /** Whether a presignature was used. */
  readonly presigned: boolean;
  readonly participants: readonly string[];
  readonly ms: number;
  readonly rounds: readonly StepTime[];
  readonly failed: readonly FailedAttempt[];
  /** Tells the nodes that the request is done: from then on they refuse it. Not before the signature is kept. */
  readonly finish: () => void;
}

/** What is to be signed, with what. */
export interface SignOrder {
  /** The client's signed request, as it came. */
  readonly signed: Uint8Array;
  readonly request: SignRequest;
  readonly requestHash: Uint8Array;
  readonly manifest: Uint8Array;
  /** The generations of the key that can sign, the newest first. Asked anew for each attempt. */
  readonly generations: () => readonly KeyGeneration[];
}

/** A presignature that was taken out of the pool for one session. */
export interface Presigned {
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** The nodes that hold it. */
  readonly nodes: readonly string[];
}

/** Presignatures for signing. */
export interface PresignatureSource {
  /** Takes one whose nodes `fits`; the same is never given twice. */
  readonly take: (
    generation: KeyGeneration,
    fits: (nodes: readonly string[]) => boolean,
  ) => Presigned | undefined;
  /** The nodes do not have what is believed here: what they have is asked again. */
  readonly doubt: (generation: KeyGeneration, nodes: readonly string[]) => void;
}

/** What signing needs. */
export interface SigningModules extends SessionModules {
  readonly nodes: Pick<
    NodeSet,
    'usableFor' | 'markDown' | 'blame' | 'absolve' | 'isBlamed' | 'whyNot' | 'refresh' | 'ask' | 'view'
  >;
  /** Why two nodes can't multiply together now, in words; `undefined` where they can. For ECDSA keys. */
  readonly whyApart: (a: string, b: string) => string | undefined;
  readonly presignatures: PresignatureSource;
  /** Tries to bring about what is missing for a set of these nodes: pairings, confirmations of a new generation. */
  readonly help: (generation: KeyGeneration, nodes: readonly string[]) => Promise<void>;
  /** A node said something about its pairings that was not known. */
  readonly pairingTrouble: (node: string) => void;
  /** Told of every session that ended, for metrics and the log. */
  readonly onAttempt?: ((outcome: 'signed' | 'failed', failure?: FailedAttempt) => void) | undefined;
}

/** The nodes of one attempt, and what they sign with. */
export interface Choice {
  readonly generation: KeyGeneration;
  readonly participants: readonly string[];
  readonly presignature: Uint8Array | undefined;
}

/** What is signed, with the derivation path. */
export type Target = Signable & { readonly path: readonly number[] };
