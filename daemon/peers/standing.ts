/**
 * What one session sees of the memory of peers: which evidence may be taken once more, and whether the peers whose evidence
 * was accepted go on from where they were seen last. What was remembered when the session's nonce was made is kept.
 */
import type { Appraisal, TpmClock } from '../../enclave/evidence/index.ts';
import { isPresent } from '../../enclave/channel/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { evidenceNameOf, identityBytes, readRecalled, type Challenge } from '../../wire/messages/session.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { Witnesses } from '../guard/marks.ts';
import type { GivenEvidence, Judged, JudgeOptions } from '../sessions/peers.ts';
import { leftOf, type Accepted, type Moment } from './accepted.ts';
import { judgeSkew, skewOf } from './clock.ts';
import { judgeMark, tieOf } from './marks.ts';
import type { PeerMemory } from './memory.ts';
import { judgeTpmClock } from './tpmClock.ts';

/** Judges evidence that was made in the session. */
export type Judge = (given: readonly GivenEvidence[], options: JudgeOptions) => Promise<Judged>;

/** An accepted appraisal, and the evidence where it was made in this session. */
interface Taken {
  readonly appraisal: Appraisal;
  readonly fresh: Uint8Array | undefined;
}
type Refusal = Extract<Judged, { kind: 'refused' }>['refusals'][number];

/** The view of one session. */
export class Standing {
  readonly #memory: PeerMemory;
  readonly #manifest: VerifiedManifest;
  readonly #others: readonly string[];
  /** When the session's nonce is made. */
  readonly #nonce: Moment;
  readonly #offers: ReadonlyMap<string, Accepted>;
  readonly #witnesses: Witnesses;
  readonly #clocks: ReadonlyMap<string, TpmClock>;

  constructor(
    memory: PeerMemory,
    session: {
      readonly manifest: VerifiedManifest;
      readonly others: readonly string[];
    },
  ) {
    const { manifest, others } = session;
    this.#memory = memory;
    this.#manifest = manifest;
    this.#others = others;
    this.#nonce = memory.moment();
    this.#offers = memory.accepted.offers(others, manifest, this.#nonce);
    this.#witnesses = memory.modules.marks.witnesses();
    this.#clocks = memory.clocks();
  }

  /** Names of the evidence that is taken once more, for the challenge. */
  get known(): readonly Uint8Array[] {
    return [...this.#offers.values()].map(({ name }) => name);
  }

  /** Own evidence that all others take once more: its name. */
  recalled(others: readonly Challenge[]): Uint8Array | undefined {
    return this.#manifest.manifest.evidenceMaxAgeMs === 0 ? undefined : this.#memory.own.knownToAll(others);
  }

  /**
   * Makes own evidence: claims, and the time in it read back. `refused` is told where this node refuses its own.
   * @throws SymbolonError of the attester; `gate/clock-skew` where the platform's time is not this node's.
   */
  async make(
    from: (userData: Uint8Array) => Promise<Uint8Array>,
    refused: (node: string, error: SymbolonError) => void,
  ): Promise<Uint8Array> {
    const { own, modules, opts } = this.#memory;
    const before = modules.now();
    const evidence = await from(this.#memory.claims('session', this.#manifest));
    const refusal = this.#memory.made(evidence, { from: before, to: modules.now() });
    if (refusal !== undefined) {
      refused(opts.node, refusal);
      throw refusal;
    }
    if (this.#manifest.manifest.evidenceMaxAgeMs > 0) {
      own.add(evidence, this.#others);
    }
    return evidence;
  }

  /**
   * Judges what every other participant shows: evidence of this session beside the main thread, recalled evidence here, then
   * marks and times. Remembers what was shown where all of it is accepted, and nothing where some is not.
   */
  async judge(
    given: readonly GivenEvidence[],
    { session, challenges }: Pick<JudgeOptions, 'session' | 'challenges'>,
    judge: Judge,
  ): Promise<Judged> {
    const taken: Taken[] = [];
    const refusals: Refusal[] = [];
    const fresh: GivenEvidence[] = [];
    for (const one of given) {
      const challenge = challenges.find(({ node }) => node === one.node);
      const result = challenge === undefined ? undefined : this.#recall(one, challenge, session);
      if (result === undefined) {
        fresh.push(one);
      } else if (result instanceof SymbolonError) {
        refusals.push({ peer: one.node, error: result });
      } else {
        taken.push({ appraisal: result, fresh: undefined });
      }
    }
    if (fresh.length > 0) {
      const names = fresh.map(({ node }) => node);
      const judged = await judge(fresh, {
        session,
        challenges: challenges.filter(({ node }) => names.includes(node)),
        manifest: this.#manifest,
        now: this.#memory.modules.now(),
      });
      if (judged.kind === 'refused') {
        refusals.push(...judged.refusals);
      } else {
        for (const { node, evidence } of fresh) {
          const appraisal = judged.appraisals.get(node);
          taken.push(...(appraisal === undefined ? [] : [{ appraisal, fresh: evidence }]));
        }
      }
    }
    refusals.push(...taken.flatMap((one) => this.#refusalsOf(one)));
    if (refusals.length > 0) {
      return { kind: 'refused', refusals };
    }
    this.#remember(taken);
    return {
      kind: 'accepted',
      appraisals: new Map(taken.map(({ appraisal }) => [appraisal.node, appraisal])),
    };
  }

  /** The appraisal of evidence of an earlier session; `undefined` where what was given is no recall. */
  #recall(
    { node, evidence }: GivenEvidence,
    challenge: Challenge,
    session: Uint8Array,
  ): Appraisal | SymbolonError | undefined {
    if (this.#manifest.manifest.evidenceMaxAgeMs === 0) {
      return undefined;
    }
    const recall = readRecalled(evidence);
    if (recall === undefined) {
      return undefined;
    }
    const offer = this.#offers.get(node);
    const refuse = (reason: string): SymbolonError =>
      new SymbolonError('gate/not-recalled', { peer: node, reason });
    // T02: these very bytes were accepted here, over a session id with a nonce of this node in it.
    if (offer === undefined || !equalBytes(offer.name, recall.recalled)) {
      return refuse('this node did not offer to take it again');
    }
    const { appraisal } = offer;
    if (
      !equalBytes(appraisal.boot, challenge.boot) ||
      !equalBytes(identityBytes.encode(appraisal.identity), challenge.identity)
    ) {
      return refuse('it is of another boot or identity than the challenge');
    }
    const now = this.#memory.moment();
    const left = leftOf(offer, this.#manifest, now);
    if (left <= 0) {
      return new SymbolonError('gate/evidence-over', { peer: node });
    }
    // T36: all agree on the session before anything leaves, as they do by the nonce of fresh evidence.
    if (!isPresent(appraisal.identity, session, node, recall.presence)) {
      return refuse('the presence is not signed for this session');
    }
    return { ...appraisal, notAfter: now.at + left };
  }

  #refusalsOf({ appraisal, fresh }: Taken): Refusal[] {
    const { node, madeAt, marks } = appraisal;
    const { manifest } = this.#manifest;
    const { opts, modules } = this.#memory;
    const own = manifest.nodes.find(({ name }) => name === opts.node);
    const entry = manifest.nodes.find(({ name }) => name === node);
    const errors: (SymbolonError | undefined)[] = [];
    const tie = entry === undefined ? undefined : toHex(tieOf(entry));
    if (tie !== undefined) {
      const atNonce = fresh === undefined ? undefined : this.#witnesses.get(tie);
      errors.push(judgeMark(node, appraisal, { now: modules.marks.witnesses().get(tie), atNonce }));
    }
    if (fresh !== undefined) {
      errors.push(judgeSkew(node, skewOf(madeAt, { from: this.#nonce.at, to: modules.now() })));
      // Against what was seen before the nonce was made: evidence of two sessions may arrive in either order.
      errors.push(judgeTpmClock(node, appraisal.tpm, tie === undefined ? undefined : this.#clocks.get(tie)));
    }
    const witnessed = own === undefined ? 0 : (marks.witnessed.get(own.index) ?? 0);
    if (witnessed > this.#memory.shown) {
      errors.push(
        new SymbolonError('gate/behind-itself', { peer: node, mark: modules.marks.mark, witnessed }),
      );
      // What was seen under an entry that is replaced says nothing of the one in force (guard/SPEC.md, "The way back").
      if (this.#memory.isInForce(this.#manifest)) {
        this.#memory.isBehind(node, witnessed);
      }
    }
    return errors.flatMap((error) => (error === undefined ? [] : [{ peer: node, error }]));
  }

  #remember(taken: readonly Taken[]): void {
    const { manifest, hash } = this.#manifest;
    // Of the nodes of a manifest that was replaced while they were judged: nothing of the session leaves any more.
    if (!this.#memory.isInForce(this.#manifest)) {
      return;
    }
    const { accepted, modules } = this.#memory;
    for (const { appraisal, fresh } of taken) {
      const { node, boot, marks, madeAt } = appraisal;
      const entry = manifest.nodes.find(({ name }) => name === node);
      // Judged under this manifest, so it has an entry.
      if (entry === undefined) {
        continue;
      }
      const tie = tieOf(entry);
      modules.marks.witness(tie, { boot, boots: marks.boots, mark: marks.mark });
      if (fresh === undefined) {
        continue;
      }
      this.#memory.saw(toHex(tie), appraisal, skewOf(madeAt, { from: this.#nonce.at, to: modules.now() }));
      if (manifest.evidenceMaxAgeMs > 0) {
        accepted.remember({
          name: evidenceNameOf(fresh),
          appraisal,
          manifest: hash,
          nonce: this.#nonce,
        });
      }
    }
  }
}
