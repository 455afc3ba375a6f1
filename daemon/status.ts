/** What the node says of itself: the status for its operator, the health for everyone. */
import type { Attester } from '../enclave/attester/index.ts';
import type { SymbolonError } from '../wire/errors/index.ts';
import { backends } from '../threshold/index.ts';
import { nodeStatus, type NodeStatus } from '../wire/messages/node.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import type { Keystore } from './keystore/keystore.ts';
import type { PairingInfo } from './pairings/contract.ts';
import type { EvidenceStatus } from './peers/memory.ts';
import type { PhaseView } from './phase.ts';
import type { PoolCount } from './presignatures/pool.ts';
import type { Refusal } from './sessions/peers.ts';
import type { SessionTable } from './sessions/table.ts';

/** Version of the software that a status names. */
export const softwareVersion = '0.1.0';
/** Refusals of peers that a node remembers. */
const maxRefusals = 16;
/** Pools of presignatures that a status shows: at most so many, and at most so many bytes of them. */
const maxPools = { count: 256, bytes: 24_576 };

/** Codes that refusals are counted by. The catalogue has fewer that a peer can be refused with. */
const maxCodes = 64;

/** The last refusals of peers, newest first, and how many there were of each code. */
export class RefusalLog {
  #entries: readonly Refusal[] = [];
  readonly #counts = new Map<string, number>();

  /** Adds one; the oldest goes where there are more than 16. */
  add(at: number, peer: string, error: Pick<SymbolonError, 'message'> & { readonly code: string }): Refusal {
    const entry = { at, peer, code: error.code, detail: error.message.slice(0, 1_024) };
    this.#entries = [entry, ...this.#entries].slice(0, maxRefusals);
    if (this.#counts.has(entry.code) || this.#counts.size < maxCodes) {
      this.#counts.set(entry.code, (this.#counts.get(entry.code) ?? 0) + 1);
    }
    return entry;
  }

  /** Newest first. */
  get entries(): readonly Refusal[] {
    return this.#entries;
  }

  /** Refusals since the start, by code. */
  get counts(): readonly { readonly code: string; readonly count: number }[] {
    return [...this.#counts].map(([code, count]) => ({ code, count }));
  }
}

/** What a status is made of. */
export interface StatusModules {
  readonly node: string;
  /** 16 bytes. */
  readonly boot: Uint8Array;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly phase: PhaseView;
  readonly attester: Pick<Attester, 'platform' | 'notAfter'>;
  readonly manifest: VerifiedManifest;
  readonly keys: ReturnType<Keystore['counts']>;
  readonly keyChange: number;
  readonly sessions: ReturnType<SessionTable['counts']>;
  readonly pairings: readonly PairingInfo[];
  readonly presignatures: { readonly total: number; readonly pools: readonly PoolCount[] };
  /** Absent before the replay guard is open. */
  readonly evidence: EvidenceStatus | undefined;
  readonly refusals: RefusalLog;
  readonly now: () => number;
}

/** When evidence made now ends to be accepted: with its certificate, or with the last window of its platform. */
export function evidenceUntil({ attester, manifest, now }: StatusModules): number {
  const at = now();
  const windows = manifest.manifest.measurements
    .filter((one) => one.platform === attester.platform && one.notBefore <= at)
    .map((one) => one.notAfter);
  return Math.max(0, Math.min(attester.notAfter(), Math.max(0, ...windows)));
}

/** The pools that fit, the fullest first: names of nodes may be long, and a status that can't be sent helps nobody. */
function shownPools(pools: readonly PoolCount[]): PoolCount[] {
  let bytes = 0;
  return pools.slice(0, maxPools.count).filter(({ key, nodes }) => {
    bytes += nodes.reduce((sum, name) => sum + name.length + 2, key.length + 40);
    return bytes <= maxPools.bytes;
  });
}

/** Bytes of a {@link nodeStatus}. */
export function statusBytes(modules: StatusModules): Uint8Array {
  const { phase, manifest, refusals } = modules;
  const status: NodeStatus = {
    node: modules.node,
    boot: modules.boot,
    version: softwareVersion,
    phase: phase.phase,
    ...(phase.reason === undefined ? {} : { reason: phase.reason.code, detail: phase.reason.detail }),
    now: modules.now(),
    startedAt: modules.startedAt,
    platform: modules.attester.platform,
    manifest: { hash: manifest.hash, version: manifest.version },
    keys: modules.keys,
    keyChange: modules.keyChange,
    sessions: modules.sessions,
    backends: [...backends].map(([scheme, backend]) => ({ scheme, backend })),
    pairings: [...modules.pairings],
    presignatures: {
      total: modules.presignatures.total,
      pools: shownPools(modules.presignatures.pools),
    },
    evidenceUntil: evidenceUntil(modules),
    ...(modules.evidence === undefined
      ? {}
      : {
          evidence: {
            ...modules.evidence,
            peers: [...modules.evidence.peers],
            refused: [...refusals.counts],
          },
        }),
    refusals: [...refusals.entries],
  };
  return nodeStatus.encode(status);
}

/**
 * T32: the node can serve when its keys are loaded, nothing froze it, and its evidence would be accepted now. Whether
 * enough other nodes can as well is the coordinator's to say.
 */
export const canServe = (phase: PhaseView, modules: Pick<StatusModules, 'attester' | 'now'>): boolean =>
  phase.phase === 'ready' && modules.attester.notAfter() > modules.now();
