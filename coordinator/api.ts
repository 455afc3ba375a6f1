/**
 * The JSON bodies of the HTTP API, shared by server and client. Bytes that a person compares (keys, signatures, hashes,
 * ids) are lower-case hexadecimal; documents that programs pass on (requests, evidence, manifests) are base64.
 */
import type { Scheme } from '../wire/ids.ts';
import type { FailedAttempt } from './signing/contract.ts';
import type { PairState } from './nodes/pairState.ts';
import type { StepTime } from './rounds.ts';

/** Body of every refusal, `application/problem+json` (RFC 9457). */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Code of the catalogue. */
  readonly code: string;
  readonly detail: string;
  /** What the operator does next. */
  readonly todo: string;
}

/** A key. */
export interface KeyBody {
  readonly id: string;
  readonly state: 'pending' | 'active';
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly label: string;
  readonly threshold: number;
  readonly nodes: readonly string[];
  readonly generation: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** The group key: 32 bytes (Ed25519) or 33 bytes (secp256k1 and P-256, compressed). */
  readonly publicKey: string;
  /** `encodeKeyPublic` bytes, base64: what a reshare request carries, and what derivation starts from. */
  readonly public: string;
  /** The address on the chain that the scheme is for (Bitcoin: mainnet; ECDSA over secp256k1: EVM); null where there is none. */
  readonly address: string | null;
  /** The next generation, while it is on its way to its holders. */
  readonly next: RenewalBody | null;
  /** Nodes that have not activated the key, or its next generation, yet. */
  readonly waitingFor: readonly string[];
}

/** A generation of a key that has not reached all that must have it. */
export interface RenewalBody {
  readonly generation: number;
  readonly threshold: number;
  readonly nodes: readonly string[];
}

/** Answer of `GET /v1/keys?after=ID&limit=N`: keys sorted by id. */
export interface KeysBody {
  readonly keys: readonly KeyBody[];
  /** The `after` of the next page; null where this was the last one. */
  readonly next: string | null;
}

/** Answer of `POST /v1/keys`. */
export interface CreateKeyBody {
  /** The request id. */
  readonly id: string;
  readonly status: 'done' | 'running';
  /** Absent while the ceremony runs. */
  readonly key?: KeyBody;
  readonly rounds?: readonly StepTime[];
  readonly ms?: number;
}

/** Answer of `POST /v1/keys/:id/refresh` and `POST /v1/keys/:id/reshare`. */
export type RenewKeyBody = CreateKeyBody;

/** How two nodes are paired. */
export interface PairingBody {
  readonly nodes: readonly [string, string];
  readonly state: PairState;
  readonly id: string | null;
  readonly generation: number | null;
  /** Unix milliseconds when it was made, or poisoned. */
  readonly at: number | null;
  /** What to do, in a sentence; empty where nothing is. */
  readonly note: string;
}

/** Answer of `POST /v1/pairings`. */
export interface PairBody {
  /** The request id. */
  readonly id: string;
  readonly status: 'done' | 'running';
  /** The pairings between the named nodes afterwards; absent while the ceremony runs. */
  readonly pairings?: readonly PairingBody[];
  readonly rounds?: readonly StepTime[];
  readonly ms?: number;
}

/** Answer of `POST /v1/signatures` and `GET /v1/signatures/:id`. */
export interface SignatureBody {
  /** The request id. */
  readonly id: string;
  readonly status: 'done' | 'running' | 'failed';
  readonly key: string;
  readonly scheme?: Scheme;
  /** 64 bytes. */
  readonly signature?: string;
  /** ECDSA: 0 to 3, which of the points with this r is R (SEC 1 section 4.1.6); null for FROST. */
  readonly recovery?: number | null;
  /** The key that the signature verifies under: 32 bytes for FROST, 33 for ECDSA. */
  readonly publicKey?: string;
  /** Derivation path of that key, `m` for the key itself. */
  readonly path?: string;
  /** Whether a presignature was used, so that one round was enough. */
  readonly presigned?: boolean;
  readonly participants?: readonly string[];
  readonly ms?: number;
  readonly rounds?: readonly StepTime[];
  /** Sessions that failed before the one that ended in the signature. */
  readonly failed?: readonly FailedAttempt[];
  /** Why, where `status` is `failed`. */
  readonly error?: { readonly code: string; readonly detail: string; readonly todo: string };
}

/** How near an end is; `ended` is refused by every node. */
export type ExpiryLevel = 'ok' | 'warning' | 'urgent' | 'ended';

/** What expires, when, and whether anybody has to do something. */
export interface ExpiryBody {
  readonly what: 'evidence' | 'measurement' | 'client';
  /** Name of the node, measurement or client. */
  readonly subject: string;
  /** Names of the nodes that it stops; none for a client. */
  readonly nodes: readonly string[];
  /** Unix milliseconds. */
  readonly at: number;
  /** `warning` from 7 days before the end, `urgent` from 1 day before; `ok` while it is renewed by itself. */
  readonly level: ExpiryLevel;
  /** Whether it is renewed without anybody doing anything. */
  readonly renewsItself: boolean;
  /** What to do, in a sentence. */
  readonly note: string;
}

/** Whether a key can sign now. */
export interface KeyStatusBody {
  readonly id: string;
  readonly label: string;
  readonly purpose: string;
  readonly scheme: Scheme;
  readonly state: 'pending' | 'active';
  readonly threshold: number;
  readonly canSign: boolean;
  /** Nodes that can take part now. */
  readonly with: readonly string[];
  readonly without: readonly { readonly node: string; readonly code: string; readonly reason: string }[];
  /** When fewer than `threshold` of the nodes that can take part now are left, Unix milliseconds; null where never known. */
  readonly until: number | null;
  readonly generation: number;
  /** Generation that is on its way to its holders, and who has not taken it; null where none is. */
  readonly next: number | null;
  readonly waitingFor: readonly string[];
  /** ECDSA: presignatures that are ready, by set of nodes. */
  readonly presignatures: readonly { readonly nodes: readonly string[]; readonly count: number }[];
}

/** The keys as a whole. */
export interface KeysStatusBody {
  readonly total: number;
  readonly active: number;
  /** Made, and not active on all nodes yet. */
  readonly pending: number;
  /** Active ones that can sign now. */
  readonly canSign: number;
  /** Active ones with new shares on the way. */
  readonly renewing: number;
  /** At most 100 of them in full, those first that can't sign. `GET /v1/keys` has all. */
  readonly first: readonly KeyStatusBody[];
}

/** A node. */
export interface NodeStatusBody {
  readonly name: string;
  readonly index: number | null;
  readonly address: string | null;
  readonly state: 'unknown' | 'up' | 'down' | 'refused';
  readonly ready: boolean;
  readonly phase: string | null;
  readonly code: string | null;
  /** Why it can't take part, with the differing measurement where that is why. */
  readonly reason: string | null;
  readonly since: number;
  readonly lastSeenAt: number | null;
  readonly platform: string | null;
  readonly version: string | null;
  readonly boot: string | null;
  readonly measurement: string | null;
  /** When its present evidence stops being accepted, Unix milliseconds. */
  readonly evidenceUntil: number | null;
  readonly latencyMs: number | null;
  readonly clockSkewMs: number | null;
  readonly manifestVersion: number | null;
  readonly keys: { readonly active: number; readonly pending: number; readonly broken: number } | null;
  /** Whether its whole list of keys was read since it started. Until then it counts as holding what the store says. */
  readonly keysRead: boolean;
  readonly sessions: { readonly open: number; readonly finished: number; readonly failed: number } | null;
  /** The arithmetic that runs on this node, by scheme. */
  readonly backends: Readonly<Record<string, string>>;
  /** Presignatures that the node holds for all keys. */
  readonly presignatures: number | null;
  /**
   * Set where a peer has seen a higher mark of this node than the node itself knows: its files were put back to an older
   * state, or it was started twice (T09).
   */
  readonly behind: {
    readonly peer: string;
    readonly mark: number;
    readonly witnessed: number;
    /** Unix milliseconds. */
    readonly at: number;
  } | null;
  /** What this node's gate refused of others, newest first. */
  readonly refusals: readonly {
    readonly at: number;
    readonly peer: string;
    readonly code: string;
    readonly detail: string;
  }[];
}

/** Answer of `GET /v1/status`. */
export interface StatusBody {
  readonly cluster: {
    readonly id: string;
    readonly label: string;
    readonly mode: string;
    readonly manifest: { readonly hash: string; readonly version: number };
  };
  readonly now: number;
  /** `yes`: every key can sign with a node to spare. `degraded`: all can, but one has none to spare. `no` otherwise. */
  readonly canSign: 'yes' | 'degraded' | 'no';
  readonly sentence: string;
  readonly with: readonly string[];
  readonly until: number | null;
  readonly next: ExpiryBody | null;
  readonly expiries: readonly ExpiryBody[];
  readonly keys: KeysStatusBody;
  readonly nodes: readonly NodeStatusBody[];
  /** Every pair of nodes. ECDSA keys need pairings that are `ready`. */
  readonly pairings: readonly PairingBody[];
  /** Whether the manifest lets the coordinator make absent pairings by itself. */
  readonly pairsItself: boolean;
  readonly jobs: { readonly running: number };
}

/** Answer of `GET /v1/health`. */
export interface HealthBody {
  readonly canSign: 'yes' | 'degraded' | 'no';
  readonly until: number | null;
}

/** Answer of `GET /v1/evidence/:node`. */
export interface EvidenceBody {
  readonly node: string;
  readonly platform: string;
  /** The nonce that the coordinator chose, 32 bytes. */
  readonly nonce: string;
  /** Unix milliseconds of the appraisal. */
  readonly at: number;
  /** The document, base64. */
  readonly document: string;
  /** Hash of the manifest that it was appraised against. */
  readonly manifest: string;
  readonly appraisal: {
    readonly boot: string;
    readonly measurement: string;
    readonly machine: string;
    readonly madeAt: number;
    readonly notAfter: number;
    readonly identity: { readonly sign: string; readonly encrypt: string; readonly tls: string };
    readonly pcrs: Readonly<Record<string, string>>;
  };
}

/** Answer of `PUT /v1/manifest`. */
export interface ManifestPutBody {
  readonly hash: string;
  readonly version: number;
  readonly nodes: readonly { readonly node: string; readonly ok: boolean; readonly reason: string | null }[];
}

/** Answer of `GET /v1/manifest`. */
export interface ManifestBody {
  readonly hash: string;
  readonly version: number;
  /** The signed manifest, base64. */
  readonly manifest: string;
}
