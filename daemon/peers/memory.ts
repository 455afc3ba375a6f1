/**
 * What a node remembers of its peers and of itself between sessions, as far as evidence is about it: marks (T09), accepted
 * evidence where the manifest allows it an age (T02), and times (T37). Each session looks at it through a {@link Standing}.
 */
import { unsafeReadTime, type Appraisal, type TpmClock } from '../../enclave/evidence/index.ts';
import type { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import type { Manifest, Platform } from '../../wire/messages/manifest.ts';
import type { NodeStatus } from '../../wire/messages/node.ts';
import { claimsBytes, type Claims } from '../../wire/messages/session.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { MarkKeeper } from '../guard/marks.ts';
import { AcceptedEvidence, OwnEvidence, type Moment } from './accepted.ts';
import { judgeSkew, skewOf, type Between } from './clock.ts';
import { tieOf } from './marks.ts';
import { laterClock } from './tpmClock.ts';

/** What the status says of evidence, but for the refusals. */
export type EvidenceStatus = Omit<NonNullable<NodeStatus['evidence']>, 'refused'>;
/** That a peer has seen a higher mark of this node than this node ever showed. */
export type Behind = NonNullable<EvidenceStatus['behind']>;

/** Who the memory is of. */
export interface MemoryOptions {
  readonly node: string;
  readonly platform: Platform;
  /** 16 bytes of this boot. */
  readonly boot: Uint8Array;
}
/** What it works with. */
export interface MemoryModules {
  readonly marks: MarkKeeper;
  /** The manifest in force. */
  readonly manifest: () => Pick<VerifiedManifest, 'hash'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of the monotonic clock. */
  readonly ticks: () => number;
  /** Told each time that a peer has seen more of this node than it had said before. */
  readonly behind: (found: Behind) => void;
}

/** Peers of a manifest in the status: the entry of one that left goes with the manifest. */
type SeenPeer = EvidenceStatus['peers'][number];

/** The memory of one boot. */
export class PeerMemory {
  readonly accepted = new AcceptedEvidence();
  readonly own = new OwnEvidence();
  readonly opts: MemoryOptions;
  readonly modules: MemoryModules;
  readonly #seen = new Map<string, SeenPeer>();
  /** The latest clock of each peer's TPM, by the hexadecimal digits of the tie: another machine has another clock. */
  readonly #clocks = new Map<string, TpmClock>();
  /** The highest mark that this node has shown: in this boot, or at most in those before it. */
  #shown: number;
  /** The latest report of each peer; the last one to come is the last here. */
  readonly #behind = new Map<string, Behind>();
  #made: { readonly madeAt: number; readonly skewMs: number | undefined } | undefined;

  constructor(opts: MemoryOptions, modules: MemoryModules) {
    this.opts = opts;
    this.modules = modules;
    this.#shown = modules.marks.since;
  }

  /** The claims that evidence of this node binds now. */
  claims(role: Claims['role'], { manifest, hash }: VerifiedManifest): Uint8Array {
    const { marks } = this.modules;
    const { node, boot } = this.opts;
    const { boots, since, mark } = marks;
    this.#shown = Math.max(this.#shown, mark);
    const common = { v: 2, role, cluster: manifest.cluster, node, boot, manifest: hash } as const;
    return claimsBytes.encode({ ...common, boots, since, mark, witnessed: this.#witnessed(manifest) });
  }

  /**
   * Reads back the time in evidence that this node has just made, for the status.
   * @returns the refusal where the platform's time and this node's clock are too far apart.
   */
  made(evidence: Uint8Array, between: Between): SymbolonError<'gate/clock-skew'> | undefined {
    const { node, platform } = this.opts;
    const told = unsafeReadTime(platform, evidence);
    const skewMs = told === undefined ? undefined : skewOf(told, between);
    this.#made = { madeAt: between.to, skewMs };
    return skewMs === undefined ? undefined : judgeSkew(node, skewMs);
  }

  /** Now, by both clocks. */
  moment(): Moment {
    return { at: this.modules.now(), tick: this.modules.ticks() };
  }

  /** The highest mark that this node has shown. Whoever has seen a higher one has not seen this node. */
  get shown(): number {
    return this.#shown;
  }

  /**
   * A peer has seen a higher mark than {@link PeerMemory.shown}. Told once for each mark and peer: one that lies about a high
   * mark hides nothing of what others report.
   */
  isBehind(peer: string, witnessed: number): void {
    if ((this.#behind.get(peer)?.witnessed ?? 0) >= witnessed) {
      return;
    }
    const { marks, now, behind } = this.modules;
    const found = { peer, mark: marks.mark, witnessed, at: now() };
    this.#behind.delete(peer);
    this.#behind.set(peer, found);
    behind(found);
  }

  /** Whether a manifest is the one in force: what is judged under another one is not remembered. */
  isInForce({ hash }: Pick<VerifiedManifest, 'hash'>): boolean {
    return equalBytes(hash, this.modules.manifest().hash);
  }

  /** Evidence of a peer was accepted. `tie` is its {@link tieOf} in hexadecimal digits. */
  saw(tie: string, { node, madeAt, notAfter, tpm }: Appraisal, skewMs: number): void {
    this.#seen.set(node, { node, acceptedAt: this.modules.now(), madeAt, notAfter, skewMs });
    if (tpm !== undefined) {
      this.#clocks.set(tie, laterClock(tpm, this.#clocks.get(tie)));
    }
  }

  /** The latest clocks of the TPMs of peers, as of now, by the hexadecimal digits of the tie. */
  clocks(): ReadonlyMap<string, TpmClock> {
    return new Map(this.#clocks);
  }

  /** A session with these others failed: their evidence is asked for anew, and they are shown new evidence. */
  failed(others: readonly string[]): void {
    this.accepted.forget(others);
    this.own.forget(others);
  }

  /** Another manifest is in force: nothing that was accepted under the one before counts. */
  manifestChanged(): void {
    this.accepted.clear();
    this.own.clear();
    this.#seen.clear();
    this.#clocks.clear();
    this.#behind.clear();
  }

  /** For the node's status. */
  status(): EvidenceStatus {
    const { madeAt, skewMs } = this.#made ?? {};
    const behind = [...this.#behind.values()].at(-1);
    return {
      mark: this.modules.marks.mark,
      ...(behind === undefined ? {} : { behind }),
      ...(madeAt === undefined ? {} : { madeAt }),
      ...(skewMs === undefined ? {} : { skewMs }),
      peers: [...this.#seen.values()].slice(-maxNodes),
    };
  }

  /** What this node has seen of the others of a manifest, by their index. */
  #witnessed({ nodes }: Manifest): Map<number, number> {
    const witnesses = this.modules.marks.witnesses();
    const out = new Map<number, number>();
    for (const entry of nodes) {
      const found = entry.name === this.opts.node ? undefined : witnesses.get(toHex(tieOf(entry)));
      if (found !== undefined) {
        out.set(entry.index, found.mark);
      }
    }
    return out;
  }
}
