/** What the key store promises to the rest of the node. keystore.ts keeps it. */
import type { HsmLink } from '../../hsm/index.ts';
import type { KeyPublic, KeyShare, Random } from '../../threshold/index.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import type { Files } from '../files/atomic.ts';
import type { Holder, KeyFacts, KeyRecord } from './records.ts';
import type { MakeMemory } from './secretMemory.ts';

/** What a generation of a key is stored from, whether this node holds a share of it or not. */
interface PendingGeneration {
  readonly purpose: string;
  readonly label: string;
  /** All holders of the generation, in any order. Their round-4 envelopes activate it, and nobody else's. */
  readonly holders: readonly Holder[];
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /**
   * `issuedAt` of the request that the session carries out, in Unix milliseconds: the same on all nodes, so that the
   * candidates of a generation stand in one order everywhere, the later ones after those that were given up.
   */
  readonly requestedAt: number;
  /** `t_4`, 32 bytes: the transcript that every round-4 envelope of the session carries. */
  readonly transcript: Uint8Array;
}

/** What a new key, or the next generation of a key, is stored from. This node is one of the holders. */
export interface PendingKey extends PendingGeneration {
  /** Stays the caller's: the store seals it and keeps a copy of its own. The caller wipes it. */
  readonly share: KeyShare;
}

/** What a departure is stored from: a dealer of a reshare that is no holder of the next generation. */
export interface PendingDeparture extends PendingGeneration {
  /** Public data of the next generation. This node is none of its holders. */
  readonly public: KeyPublic;
}

/** What an activation gave: the generation that counts now. */
export type ActivatedKey = KeyFacts & { readonly state: 'active' | 'departed' };

/** What the store has under a key id. */
export type FoundKey =
  /**
   * `share` is lent: the store owns it, and wipes it when a later generation of the key is activated and in
   * {@link Keystore.close}. Never wipe or keep it: hand it to a run, which copies it. A run that begins with a wiped
   * share refuses it.
   */
  | { readonly kind: 'active'; readonly info: KeyInfo; readonly record: KeyRecord; readonly share: KeyShare }
  /** Stored and not confirmed by all holders: it signs nothing. */
  | { readonly kind: 'pending'; readonly info: KeyInfo; readonly record: KeyRecord }
  /** This node held a share until the generation of `info`, which others hold; its own share is gone. */
  | { readonly kind: 'departed'; readonly info: KeyFacts }
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

/** A key as a listing of changes has it. */
export interface ListedChange {
  /** Number of the last change of the key in this run of the store; 0 where there never was such a key. */
  readonly number: number;
  readonly id: string;
  /** Absent where there is no such key, its share was given up, or nothing can be said of it. */
  readonly key: KeyInfo | undefined;
}

/** How {@link Keystore.scrub} goes about its work. */
export interface ScrubOptions {
  /** Waits between two keys; resolves early where the node stops. */
  readonly pause: () => Promise<unknown>;
  /** Told of each file that the scrub found broken. */
  readonly found: (file: BrokenFile) => void;
}

/** The open key store. Calls that change it are queued: one writer. */
export interface Keystore {
  /**
   * At most `limit` keys (256 unless told) with ids after `after`, sorted by id. For a key that {@link Keystore.open} has
   * not opened, what the unauthenticated header of its file and the names of its files say: for people and for choosing
   * nodes, never for a decision. A broken key is in it where its header can be read; {@link Keystore.broken} has all. A
   * departed key is not in it.
   */
  list(after?: string, limit?: number): Promise<KeyInfo[]>;
  /** Number of the last change of what {@link Keystore.list} says; it starts anew with the store. */
  lastChange(): number;
  /**
   * At most `limit` keys that changed after number `since`, in the order of their last changes, each as
   * {@link Keystore.list} has it. From 0 these are all keys.
   */
  changes(since: number, limit: number): Promise<ListedChange[]>;
  /** The same of these keys, in their order. */
  describe(ids: readonly string[]): Promise<ListedChange[]>;
  /**
   * The key as it counts now: its newest generation that is not pending; where all are pending, the newest. The first call
   * reads, unseals and verifies the files, later ones give what was opened. Concurrent calls for one key unseal once.
   * @throws SymbolonError `hsm/*` where the token or its link fails, `native/*` where there is no memory for secrets; the
   * next call tries again. `store/closed`.
   */
  open(id: string): Promise<FoundKey>;
  /**
   * Seals a new share, writes it, reads it back, opens it again, and keeps it as `pending`, beside an active older
   * generation and beside pending ones of other sessions. Once this resolves the record is on the disk.
   * @throws SymbolonError `store/key-exists` where this generation or a later one is active, or the session's share is
   * stored already; `store/later-candidate` where one waits that comes after it, `store/candidates-full`, `store/record-mismatch`, `store/write-failed`, `store/full`, `store/closed`,
   * `threshold/*` where the share does not fit its commitments, `hsm/*`.
   */
  putPending(key: PendingKey): Promise<KeyInfo>;
  /**
   * As {@link Keystore.putPending} for a node that deals to the next generation and holds no share of it: the own share
   * stays until {@link Keystore.activate} is given the confirmations of all new holders.
   * @throws SymbolonError as {@link Keystore.putPending}; `store/unknown-key` where this node has no share to give up.
   */
  putDeparture(departure: PendingDeparture): Promise<KeyFacts>;
  /**
   * Makes a pending generation active, or a pending departure final: `confirmations` are the round-4 envelopes of all
   * holders of that generation and tell by their session which candidate is meant. Once the proof is on the disk and was
   * read back, what it supersedes is removed: see SPEC.md. Calling it again with good confirmations changes nothing.
   * @throws SymbolonError `store/activation-refused`, `store/unknown-key` where there is no record that opens,
   * `store/write-failed`, `store/closed`, `hsm/*`.
   */
  activate(id: string, confirmations: readonly Envelope[]): Promise<ActivatedKey>;
  /**
   * The envelopes that activated a generation here, verified again, so that another holder can be helped. `undefined`
   * where this generation is not the one that is active, or departed, here.
   * @throws SymbolonError as {@link Keystore.open}.
   */
  confirmations(id: string, generation: number): Promise<Envelope[] | undefined>;
  /**
   * Keys by state: each key id once, and each file without one as broken. A key that was not opened yet counts as the
   * names of its files say. Departed keys are not counted.
   */
  counts(): { readonly active: number; readonly pending: number; readonly broken: number };
  /** Keys that neither {@link Keystore.open} nor {@link Keystore.scrub} has looked at since the start. */
  unchecked(): number;
  /** Every file that is known not to be usable: all of them once {@link Keystore.scrub} has ended. */
  broken(): readonly BrokenFile[];
  /**
   * Opens and verifies one after the other every key that was not opened, and wipes its share again, so that a broken
   * record is found before its first signature. To be called once, when the node is ready. Where the token fails it waits
   * and tries again. Resolves when all are checked or the store is closed.
   */
  scrub(options: ScrubOptions): Promise<void>;
  /** What was repaired, one sentence each: rests of interrupted writes, generations that a newer active one supersedes. */
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
