/** What the key store promises to the rest of the node. keystore.ts keeps it. */
import type { HsmLink } from '../../hsm/index.ts';
import type { KeyShare, Random } from '../../threshold/index.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import type { Files } from '../files/atomic.ts';
import type { Holder, KeyRecord } from './records.ts';
import type { MakeMemory } from './secretMemory.ts';

/** What a new key is stored from. */
export interface PendingKey {
  /** Stays the caller's: the store seals it and keeps a copy of its own. The caller wipes it. */
  readonly share: KeyShare;
  readonly purpose: string;
  readonly label: string;
  /** All holders, this node included, in any order. */
  readonly holders: readonly Holder[];
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /** `t_4`, 32 bytes: the transcript that every round-4 envelope of the session carries. */
  readonly transcript: Uint8Array;
}

/** What the store has under a key id. */
export type FoundKey =
  /** `share` is lent: the store owns it and wipes it in {@link Keystore.close}. Never wipe or keep it. */
  | { readonly kind: 'active'; readonly info: KeyInfo; readonly record: KeyRecord; readonly share: KeyShare }
  /** Stored and not confirmed by all holders: it signs nothing. */
  | { readonly kind: 'pending'; readonly info: KeyInfo; readonly record: KeyRecord }
  /** There and not usable; `info` is absent where not even the unauthenticated header could be read. */
  | {
      readonly kind: 'broken';
      readonly info: KeyInfo | undefined;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly kind: 'absent' };

/** A file of the store that can't be used, and why. */
export interface BrokenFile {
  /** Name in the store's folder, at most 80 printable characters. */
  readonly file: string;
  /** Error code of the refusal. */
  readonly code: string;
  /** The sentence of the refusal with its facts. */
  readonly detail: string;
}

/** The open key store. Calls that change it are queued: one writer. */
export interface Keystore {
  /**
   * At most `limit` keys (256 unless told) with ids after `after`, sorted by id. A broken key is in it where its header
   * can be read; {@link Keystore.broken} has all.
   */
  list(after?: string, limit?: number): KeyInfo[];
  /** The newest generation of a key that is not pending; where all are pending, the newest. */
  find(id: string): FoundKey;
  /**
   * Seals a new share, writes it, reads it back, opens it again, and keeps it as `pending`. Once this resolves the
   * record is on the disk.
   * @throws SymbolonError `store/key-exists`, `store/record-mismatch`, `store/write-failed`, `store/full`, `store/closed`,
   * `threshold/*` where the share does not fit its commitments, `hsm/*`.
   */
  putPending(key: PendingKey): Promise<KeyInfo>;
  /**
   * Makes a pending key active: `confirmations` are the round-4 envelopes of all holders, own one included. Calling it
   * again with good confirmations changes nothing.
   * @throws SymbolonError `store/activation-refused`, `store/unknown-key` where there is no record that opens,
   * `store/write-failed`, `store/closed`.
   */
  activate(id: string, confirmations: readonly Envelope[]): Promise<KeyInfo>;
  /** Keys by state: each key id once, and each file without one as broken. */
  counts(): { readonly active: number; readonly pending: number; readonly broken: number };
  /** Every file that can't be used. */
  broken(): readonly BrokenFile[];
  /** What the start repaired, one sentence each (temporary files of an interrupted write removed). */
  readonly recovered: readonly string[];
  /** True where there was no store and an empty one was made. */
  readonly firstStart: boolean;
  /** Waits for the writer, wipes every share and refuses all further calls. */
  close(): Promise<void>;
}

/** Where the store lies and whose it is. */
export interface KeystoreOptions {
  /** Folder of the records; made (0700) where it is absent. */
  readonly folder: string;
  /** Cluster id, 16 bytes. */
  readonly cluster: Uint8Array;
  /** This node's name. */
  readonly node: string;
}
/** What the store works with. */
export interface KeystoreModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly random: Random;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Memory for the shares; plain memory unless told. A node passes `secureBuffer` of native/. */
  readonly secretMemory?: MakeMemory;
}
