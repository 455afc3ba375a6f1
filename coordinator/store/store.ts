/**
 * What the coordinator keeps. Nothing in here is secret: shares live on the nodes only. An operation that returned is
 * kept through a kill of the process and through a power failure. Absent is `undefined`; a store that can't be read throws
 * `coordinator/store-broken`.
 */
import type { Scheme } from '../../wire/ids.ts';

/** States of a key here: all nodes hold it (`active`), or its activation is on the way (`pending`). */
export type StoredKeyState = 'pending' | 'active';

/** A key, public data only. */
export interface StoredKey {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly label: string;
  readonly threshold: number;
  /** Names of the nodes that hold a share, sorted. */
  readonly nodes: readonly string[];
  readonly generation: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** `encodeKeyPublic` bytes. */
  readonly public: Uint8Array;
  readonly state: StoredKeyState;
}

/** Round-4 confirmations of a new key, and who has taken them. */
export interface StoredActivation {
  readonly key: string;
  /** `keyActivate` bytes. */
  readonly confirmations: Uint8Array;
  /** Nodes that answered that the key is active. */
  readonly done: readonly string[];
}

/** The next generation of an active key: stored by all nodes of a ceremony, and not active on all of them yet. */
export interface StoredRenewal {
  readonly key: string;
  /** One above the generation of the key. */
  readonly generation: number;
  readonly threshold: number;
  /** Names of the holders of this generation, sorted. */
  readonly nodes: readonly string[];
  /** `keyActivate` bytes. */
  readonly confirmations: Uint8Array;
  /** Names of the nodes that must take the confirmations: the holders, and the dealers that hold no share any more. */
  readonly told: readonly string[];
  /** Those that have taken them. */
  readonly done: readonly string[];
}

/** Kinds of jobs. */
export const jobKinds = ['sign', 'key.create', 'key.refresh', 'key.reshare', 'pair'] as const;
/** A kind of {@link jobKinds}. */
export type JobKind = (typeof jobKinds)[number];
/** States of a job. A `failed` one may be run again with the same request until that expires. */
export type JobState = 'running' | 'done' | 'failed';

/** One client request and what became of it. */
export interface Job {
  /** The request id as 32 hexadecimal digits. */
  readonly id: string;
  readonly kind: JobKind;
  /** `signedRequest` bytes as they came. */
  readonly request: Uint8Array;
  /** `requestHash`, 32 bytes. */
  readonly hash: Uint8Array;
  /** Key of a job about a key that exists. */
  readonly key: string | undefined;
  readonly state: JobState;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly finishedAt: number | undefined;
  /** JSON text of the result of a `done` job, or of the error of a `failed` one. */
  readonly outcome: string | undefined;
}

/** How a job ended well. */
export interface FinishedJob {
  readonly id: string;
  /** JSON text of the result. */
  readonly outcome: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** What an idempotency key was first used for. */
export interface IdempotencyRecord {
  /** Name of the API key that used it. */
  readonly caller: string;
  readonly key: string;
  readonly route: string;
  /** SHA-256 of the body, 32 bytes. */
  readonly bodyHash: Uint8Array;
  /** Unix milliseconds. */
  readonly createdAt: number;
}

/** An API key: its name and the SHA-256 of its 32 bytes. The key itself is nowhere. */
export interface ApiKeyRecord {
  readonly name: string;
  readonly hash: Uint8Array;
  /** Unix milliseconds. */
  readonly createdAt: number;
}

/** The store. Every method may throw `coordinator/store-broken`. */
export interface Store {
  /** Puts keys that are not there yet, all or none; existing ones stay as they are. */
  addKeys(keys: readonly StoredKey[]): Promise<void>;
  /**
   * Puts a key as pending together with its confirmations, and the job that made it as done, in one transaction: a
   * process that ends here makes no second key for the request. One that is there under this id is put anew: all nodes of
   * the ceremony just said what the key is, and nothing may be stored beside that.
   */
  addPendingKey(key: StoredKey, confirmations: Uint8Array, made: FinishedJob): Promise<void>;
  keys(): Promise<StoredKey[]>;
  /** Activations of all keys that are not active yet. */
  activations(): Promise<StoredActivation[]>;
  /** Notes that a node has activated a key. */
  activatedBy(key: string, node: string): Promise<void>;
  /** Marks a key as active and drops its confirmations. */
  activate(key: string): Promise<void>;

  /** Puts the next generation of a key beside the present one, and the job that made it as done, in one transaction. */
  addRenewal(renewal: Omit<StoredRenewal, 'done'>, made: FinishedJob): Promise<void>;
  renewals(): Promise<StoredRenewal[]>;
  /** Notes that a node has taken the confirmations of a renewal. */
  renewedBy(key: string, node: string): Promise<void>;
  /** Puts a generation of a key in the place of an older one, and drops the renewal that led to it. */
  replaceKey(key: StoredKey): Promise<void>;

  /** Puts a job unless one with this id is there, and returns the one that is there afterwards. */
  addJob(
    job: Omit<Job, 'state' | 'finishedAt' | 'outcome'>,
  ): Promise<{ readonly job: Job; readonly added: boolean }>;
  /** Sets the state of a failed job again to `running`; any other stays as it is. */
  restartJob(id: string): Promise<void>;
  /** Keeps how a job ended; one that is done stays as it is. */
  finishJob(id: string, state: 'done' | 'failed', outcome: string, at: number): Promise<void>;
  job(id: string): Promise<Job | undefined>;
  /** Jobs that were running when the process ended. */
  runningJobs(): Promise<Job[]>;

  /** Puts the record unless the caller has used this key, and returns the one that is there afterwards. */
  claimIdempotency(record: IdempotencyRecord): Promise<IdempotencyRecord>;
  /** Drops idempotency records made before `before`, and jobs that ended before it with a failure. */
  prune(before: number): Promise<void>;

  addApiKey(key: ApiKeyRecord): Promise<void>;
  apiKeys(): Promise<ApiKeyRecord[]>;
  /** Removes an API key; returns whether there was one. */
  removeApiKey(name: string): Promise<boolean>;

  /** Ends the store cleanly and gives its folder free. */
  close(): Promise<void>;
}
