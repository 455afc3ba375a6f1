/**
 * One party's run of a protocol, whatever the protocol: numbered rounds; each takes the messages of the round before and
 * gives the messages of this one. A run has no clock, no storage and no transport, and it knows who sent each message.
 */
import type { KeyPublic, KeyShare } from './keyShare.ts';

/** What a round is given. */
export interface RoundInput {
  /** The others' broadcasts of the round before, by index; empty in round 1. */
  readonly broadcasts: ReadonlyMap<number, Uint8Array>;
  /** What the others sent to this party alone in the round before, by sender. The caller wipes it after the step. */
  readonly pairwise: ReadonlyMap<number, Uint8Array>;
}

/** What a round gives. */
export interface RoundOutput {
  readonly broadcast: Uint8Array;
  /** By receiver's index. The caller encrypts each to its receiver and wipes it. */
  readonly pairwise: ReadonlyMap<number, Uint8Array>;
}

/** A presignature outside its holder: where it goes from a worker to the pool. Every array is secret but `nonce`. */
export interface PresignatureParts {
  /** Encoding of R, 33 bytes. Public. */
  readonly nonce: Uint8Array;
  /** phi_i, u_i and v_i, 32 bytes each: secret scalars. */
  readonly phi: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
}

/** What a run leaves behind, beside its messages. */
export type RunResult =
  | { readonly kind: 'nothing' }
  /** A new share: of a new key, or of the next generation of a key. The receiver owns and wipes it. */
  | { readonly kind: 'key-share'; readonly share: KeyShare; readonly confirmation: Uint8Array }
  /** A dealer of a reshare that holds no share of the next generation. */
  | { readonly kind: 'departed'; readonly public: KeyPublic; readonly confirmation: Uint8Array }
  /** Secrets of new pairings (`pairingBytes` of pairing/), by peer's index. The receiver owns and wipes them. */
  | {
      readonly kind: 'pairings';
      readonly pairings: ReadonlyMap<number, { readonly id: Uint8Array; readonly secret: Uint8Array }>;
      readonly confirmation: Uint8Array;
    }
  | { readonly kind: 'presignature'; readonly presignature: PresignatureParts };

/** A run. Its secrets live in memory only. One that threw is over: it is wiped and every further step throws. */
export interface Run {
  /** Number of its last round. */
  readonly rounds: number;
  /** Whether `from` sends a message to `to` alone in a round. */
  sendsPairwise(round: number, from: number, to: number): boolean;
  /**
   * Takes one step; the caller calls each number once, in order.
   * @throws SymbolonError `threshold/*`, with `facts.party` where a participant is to blame.
   */
  step(round: number, input: RoundInput): RoundOutput;
  /** What came out, after the last step; handed over once. @throws SymbolonError `threshold/state-used`. */
  takeResult(): RunResult;
  /** Overwrites every secret. May be called at any time and more than once. */
  wipe(): void;
}
