/** What the store of pairings promises to the rest of the node. pairings.ts keeps it. */
import type { HsmLink } from '../../hsm/index.ts';
import type { Random } from '../../threshold/index.ts';
import type { Files } from '../files/atomic.ts';
import type { BrokenFile } from '../keystore/contract.ts';
import type { MakeMemory } from '../keystore/secretMemory.ts';

/** What the store has for a peer. */
export type FoundPairing =
  | {
      readonly kind: 'ready';
      /** 16 bytes. */
      readonly id: Uint8Array;
      readonly generation: number;
      /** The peer's participant index. */
      readonly index: number;
      /** Lent: the store owns it and wipes it. Hand it to a run, which copies it; never wipe or keep it. */
      readonly secret: Uint8Array;
      /** When it was made, in Unix milliseconds. */
      readonly at: number;
    }
  | { readonly kind: 'absent' }
  /** Never used again: a check failed (T15). */
  | {
      readonly kind: 'poisoned';
      readonly id: Uint8Array;
      readonly generation: number;
      /** When it was poisoned, in Unix milliseconds. */
      readonly at: number;
    }
  /** There and not usable. A new pairing replaces it. */
  | { readonly kind: 'broken'; readonly code: string; readonly detail: string };

/** A pairing as the status shows it. */
export interface PairingInfo {
  readonly peer: string;
  readonly state: 'ready' | 'poisoned' | 'broken';
  /** 16 bytes; zeros where it is broken. */
  readonly id: Uint8Array;
  readonly generation: number;
  /** Unix milliseconds when it was made or poisoned; 0 where it is broken. */
  readonly at: number;
}

/** The open store of pairings. Calls that change it are queued: one writer. */
export interface Pairings {
  /** The pairing with a peer. @throws SymbolonError `store/closed`. */
  find(peer: string): FoundPairing;
  /**
   * To be awaited before the first use of a pairing in each session; the first call of a boot makes a note durable, the
   * others cost nothing. A start that finds the note knows that the node ended while pairings were in use.
   * @throws SymbolonError `store/write-failed`, `store/closed`: then no pairing may be used.
   */
  beginUse(): Promise<void>;
  /**
   * Stores a new pairing as the next generation: sealed, flushed, read back and opened again, before the older one and
   * its poison go. `secret` (1 to 16,384 bytes) stays the caller's, who wipes it. `index` is the peer's participant index.
   * @throws SymbolonError `store/write-failed`, `store/record-mismatch`, `store/full`, `store/closed`, `hsm/*`, `native/*`;
   * the older pairing then stays as it is.
   */
  put(peer: string, index: number, id: Uint8Array, secret: Uint8Array): Promise<void>;
  /**
   * Ends a pairing for ever (T15). Already when this returns its promise, {@link Pairings.find} says `poisoned` and the
   * secret in memory is wiped; when it resolves, a mark is durable and the sealed secret is removed. A pairing with
   * another `id` than the present one is left alone: it is gone already. Nothing about the failed check may be told to
   * the peer, and no message of a run that holds a copy of the pairing may leave, before this resolves. Works after
   * {@link Pairings.close} too: a check that failed while the node stops counts.
   * @throws SymbolonError `store/write-failed`: the mark may not be durable, the node must not go on.
   */
  poison(peer: string, id: Uint8Array): Promise<void>;
  /** All pairings, sorted by peer. */
  list(): readonly PairingInfo[];
  /** Every file that can't be used. */
  broken(): readonly BrokenFile[];
  /** Starts so far that found the node to have ended while pairings were in use. */
  readonly uncleanStarts: number;
  /** What the start repaired, one sentence each. */
  readonly recovered: readonly string[];
  /** Waits for the writer, wipes every secret, takes the note of {@link Pairings.beginUse} back, refuses further calls. */
  close(): Promise<void>;
}

/** Where the pairings lie and whose they are. */
export interface PairingsOptions {
  /** Folder of the records; made (0700) where it is absent. */
  readonly folder: string;
  /** Cluster id, 16 bytes. */
  readonly cluster: Uint8Array;
  /** This node's name. */
  readonly node: string;
}
/** What the store works with. */
export interface PairingsModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly random: Random;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Memory for the secrets; plain memory unless told. A node passes `secureBuffer` of native/. */
  readonly secretMemory?: MakeMemory;
}
