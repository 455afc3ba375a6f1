/**
 * Evidence that may be taken once more, where the manifest allows it an age: what this node accepted of others, and what it
 * made itself. In memory of one boot, so that a restart of either side ends it.
 */
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxNodes, maxSessionMs } from '../../wire/limits.ts';
import { evidenceNameOf, type Challenge } from '../../wire/messages/session.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';

/** A moment by two clocks. The wall clock may be the parent's, and can be held back; the other one only runs (T37). */
export interface Moment {
  /** Unix milliseconds. */
  readonly at: number;
  /** Milliseconds since the process began, of the monotonic clock. */
  readonly tick: number;
}

/** Evidence that was accepted in a session of this boot. */
export interface Accepted {
  /** {@link evidenceNameOf} its bytes. */
  readonly name: Uint8Array;
  readonly appraisal: Appraisal;
  /** Hash of the manifest that it was judged under. */
  readonly manifest: Uint8Array;
  /** When this node made the nonce that went into it: from then on its age counts (T02). */
  readonly nonce: Moment;
}

/** How long `accepted` counts from `now` on, in milliseconds; not above 0 where its time is over by either clock. */
export const leftOf = (
  { appraisal, nonce }: Accepted,
  { manifest: { evidenceMaxAgeMs } }: VerifiedManifest,
  { at, tick }: Moment,
): number => Math.min(appraisal.notAfter - at, evidenceMaxAgeMs - Math.max(at - nonce.at, tick - nonce.tick));

/** The latest accepted evidence of each other node. */
export class AcceptedEvidence {
  readonly #byNode = new Map<string, Accepted>();

  /** Keeps the latest of a node: at most as many as a manifest has nodes, since another manifest ends all. */
  remember(accepted: Accepted): void {
    this.#byNode.delete(accepted.appraisal.node);
    this.#byNode.set(accepted.appraisal.node, accepted);
    const oldest = this.#byNode.keys().next();
    if (this.#byNode.size > maxNodes && oldest.done !== true) {
      this.#byNode.delete(oldest.value);
    }
  }

  /**
   * What this node takes once more in a session that begins `now`: accepted under the very manifest, and with so much time
   * left that it does not end in the middle of the session, where the age allows that.
   */
  offers(nodes: readonly string[], manifest: VerifiedManifest, now: Moment): ReadonlyMap<string, Accepted> {
    const { evidenceMaxAgeMs } = manifest.manifest;
    const margin = Math.min(maxSessionMs, evidenceMaxAgeMs / 2);
    const out = new Map<string, Accepted>();
    for (const node of evidenceMaxAgeMs === 0 ? [] : nodes) {
      const found = this.#byNode.get(node);
      if (
        found !== undefined &&
        equalBytes(found.manifest, manifest.hash) &&
        now.at >= found.nonce.at &&
        leftOf(found, manifest, now) >= margin
      ) {
        out.set(node, found);
      }
    }
    return out;
  }

  /** Evidence of these nodes is asked for anew. */
  forget(nodes: readonly string[]): void {
    for (const node of nodes) {
      this.#byNode.delete(node);
    }
  }

  /** Evidence of all is asked for anew. */
  clear(): void {
    this.#byNode.clear();
  }
}

/** Own evidence that others may know. */
const maxOwn = 64;

/** Evidence that this node made for a session. */
interface Own {
  readonly name: Uint8Array;
  /** Names of the other participants: nobody else can know it. */
  readonly others: readonly string[];
}

/** Names of the evidence that this node made for sessions. */
export class OwnEvidence {
  readonly #made = new Map<string, Own>();

  /** Notes evidence that was made for a session with these others. */
  add(evidence: Uint8Array, others: readonly string[]): void {
    const name = evidenceNameOf(evidence);
    this.#made.set(toHex(name), { name, others });
    const oldest = this.#made.keys().next();
    if (this.#made.size > maxOwn && oldest.done !== true) {
      this.#made.delete(oldest.value);
    }
  }

  /** Own evidence that every one of these challenges names as known; each has room for one of this node. */
  knownToAll(challenges: readonly Pick<Challenge, 'known'>[]): Uint8Array | undefined {
    const [first, ...rest] = challenges.map(({ known = [] }) => new Set(known.map(toHex)));
    for (const key of first ?? []) {
      const own = this.#made.get(key);
      if (own !== undefined && rest.every((known) => known.has(key))) {
        return own.name;
      }
    }
    return undefined;
  }

  /** What one of these nodes may know is not shown again. */
  forget(nodes: readonly string[]): void {
    for (const [key, { others }] of this.#made) {
      if (others.some((name) => nodes.includes(name))) {
        this.#made.delete(key);
      }
    }
  }

  /** Nothing made so far is shown again. */
  clear(): void {
    this.#made.clear();
  }
}
