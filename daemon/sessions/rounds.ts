/**
 * What a protocol is to a session: numbered steps that take the messages of the round before and give the messages of
 * this one. Envelopes, transcripts, evidence and deadlines are the session's business, not the protocol's.
 */
import type { Holder } from '../keystore/keystore.ts';

/** A message to be sent, before its envelope. The gate wipes the payload of a pairwise one after sealing it. */
export interface Outgoing {
  /** Receiver of a pairwise message; absent on a broadcast. */
  readonly to?: string;
  readonly payload: Uint8Array;
}

/** What a step is given. */
export interface RoundInput {
  /** Payloads of the others' broadcasts of the round before, by participant index. Empty in round 1. */
  readonly broadcasts: ReadonlyMap<number, Uint8Array>;
  /** Decrypted payloads addressed to this node, by sender's index. The session wipes them after the step. */
  readonly pairwise: ReadonlyMap<number, Uint8Array>;
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /** Transcript that this round's messages are sent under, 32 bytes. */
  readonly transcript: Uint8Array;
  /** All participants with their attested identities, this node included. */
  readonly holders: readonly Holder[];
}

/** One run of a protocol. Its secrets live in memory only and end with the session (T12). */
export interface Rounds {
  /** Number of the last round: its output is what the request is about. */
  readonly last: number;
  /** Whether a participant sends one to another alone in a round, by index. */
  readonly sendsPairwise: (round: number, from: number, to: number) => boolean;
  /**
   * Whether the last step leaves something behind that outlives the session: a record, a pairing, a presignature. Then the
   * request is burned before that step; otherwise beside it, and the gate waits for both.
   */
  readonly lasting: boolean;
  /**
   * Takes one step; the session calls each number once, in order.
   * @throws SymbolonError; `threshold/*` with `party` where a participant is to blame.
   */
  readonly step: (round: number, input: RoundInput) => Promise<readonly Outgoing[]>;
  /**
   * Compares what the others said last, by index, with what this node said last. Absent where something else proves that a
   * session of this protocol came to a good end.
   * @throws SymbolonError `round/split-view`, which names who disagrees.
   */
  readonly confirm?: (broadcasts: ReadonlyMap<number, Uint8Array>, holders: readonly Holder[]) => void;
  /** Wipes every secret. May be called at any time and more than once. */
  readonly wipe: () => void;
}

/** Name of the participant with this index. */
export const nameOf = (holders: readonly Holder[], index: number): string =>
  holders.find((holder) => holder.index === index)?.name ?? '';
