/**
 * One session of this node: open, attested, its rounds, and its end.
 *
 * A delivery that is not what this step takes is refused and changes nothing; the relay may deliver again. What a
 * participant signed and an honest one would not have signed ends the session and names that participant. A delivery
 * that was accepted is answered again with the same bytes. How the protocol itself goes on is in progress.ts.
 */
import { createHash } from 'node:crypto';
import type { Attester } from '../../enclave/attester/index.ts';
import type { Appraisal } from '../../enclave/evidence/index.ts';
import type { KeyPublic } from '../../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import {
  recalledEvidence,
  sessionEvidence,
  sessionIdOf,
  sessionOutput,
  type Challenge,
  type Envelope,
  type Identity,
} from '../../wire/messages/session.ts';
import type { Gate, GateSession } from '../gate.ts';
import type { VerifiedRequest } from '../../manifest/index.ts';
import type { Standing } from '../peers/standing.ts';
import type { Runner } from '../work/runner.ts';
import { endsSession, peerOf, type Delivery, type SessionOptions, type SessionState } from './contract.ts';
import { checkGiven, readChallenges, type GivenEvidence } from './peers.ts';
import { Progress, type Reading } from './progress.ts';

/** What a session works with. */
export interface SessionModules {
  readonly gate: Gate;
  readonly attester: Pick<Attester, 'makeEvidence'>;
  /** What this session sees of the memory of peers. */
  readonly standing: Standing;
  /** Judges evidence beside the main thread. */
  readonly judge: Runner['judge'];
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of the monotonic clock. */
  readonly ticks: () => number;
  /** Told of each participant whose evidence was refused. */
  readonly refused: (peer: string, error: SymbolonError) => void;
  /** Told once, when the session ends; `failure` is absent where it ended well. */
  readonly ended: (session: Session, failure?: SymbolonError) => void;
}

/** A step that was taken: what was delivered, and the answer that the same bytes get again. */
interface Slot {
  readonly hash: Uint8Array;
  readonly answer: Promise<Uint8Array>;
}

const sha256 = (raw: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(raw).digest());

/** A session. */
export class Session implements GateSession {
  readonly #opts: SessionOptions;
  readonly #modules: SessionModules;
  readonly #progress: Progress;
  #state: SessionState = 'open';
  #failure: SymbolonError | undefined;
  #id: Uint8Array = new Uint8Array(0);
  #attest: Slot | undefined;
  #challenges: readonly Challenge[] = [];
  #appraisals: ReadonlyMap<string, Appraisal> = new Map();
  readonly #answers = new Map<number, Slot>();

  constructor(opts: SessionOptions, modules: SessionModules) {
    this.#opts = opts;
    this.#modules = modules;
    const { participants, rounds, challenge } = opts;
    this.#progress = new Progress({ self: challenge.node, participants, rounds }, modules);
  }

  /** Session id, 32 bytes; empty before `attest`. */
  get id(): Uint8Array {
    return this.#id;
  }
  /** Round at work, or the last one answered; 0 before round 1. */
  get round(): number {
    return this.#progress.round;
  }
  /** The protocol's last round. */
  get lastRound(): number {
    return this.#progress.last;
  }
  /** Transcript before the round at work. */
  get transcript(): Uint8Array {
    return this.#progress.transcript;
  }
  /** Unix milliseconds. An open session has less time: its relay may never come back, and can't name it to end it. */
  get deadline(): number {
    const { attestBy, deadline } = this.#opts;
    return this.#state === 'open' ? Math.min(attestBy, deadline) : deadline;
  }
  /** The deadline by the monotonic clock, in milliseconds: as far from the opening as by the other one (T37). */
  get endTick(): number {
    const { at, tick } = this.#opts.opened;
    return tick + (this.deadline - at);
  }
  /** Whether its time is over, by one of the two clocks. */
  get over(): boolean {
    const { now, ticks } = this.#modules;
    return now() >= this.deadline || ticks() >= this.endTick;
  }
  /** Hash of the manifest that the session was opened under. */
  get manifest(): Uint8Array {
    return this.#opts.manifest.hash;
  }
  /** The request and its client. */
  get verified(): VerifiedRequest {
    return this.#opts.verified;
  }
  /** The key of a request that is about one. */
  get key(): GateSession['key'] {
    return this.#opts.key;
  }
  /** Public data of the key of a `sign` request. */
  get public(): KeyPublic | undefined {
    return this.#opts.public;
  }
  /** Names this node's shares of that key; `undefined` where it has none. */
  get shares(): string | undefined {
    return this.#opts.shares;
  }
  /** Ids of the pairings that it uses, by peer. */
  get pairings(): GateSession['pairings'] {
    return this.#opts.pairings;
  }
  /** Names of the other participants. */
  get others(): readonly string[] {
    return this.#opts.participants.map((one) => one.name).filter((name) => name !== this.#self);
  }
  /** What the evidence of the others showed. */
  get appraisals(): ReadonlyMap<string, Appraisal> {
    return this.#appraisals;
  }
  /** State now. */
  get state(): SessionState {
    return this.#state;
  }
  /** Whether the session finished or failed. */
  get ended(): boolean {
    return this.#state === 'finished' || this.#state === 'failed';
  }
  /** Whether its last round left: nothing more of it does, and what is left is to hear how it came out. */
  get released(): boolean {
    return this.#progress.done >= this.lastRound;
  }
  /** Why it failed. */
  get failure(): SymbolonError | undefined {
    return this.#failure;
  }
  /** Name of the client that carries it. */
  get relay(): string {
    return this.#opts.relay;
  }
  /** This node's challenge. */
  get challenge(): Challenge {
    return this.#opts.challenge;
  }
  get #self(): string {
    return this.#opts.challenge.node;
  }

  /**
   * Takes all challenges, forms the session id and makes this node's evidence over it: `sessionEvidence` bytes.
   * @param body - the bytes of the call: the same bytes get the same answer.
   * @param named - told the id before evidence is made.
   * @throws SymbolonError `session/*`, `round/slot-taken`, `wire/*`; what the attester throws ends the session.
   */
  async attest(
    challenges: readonly Challenge[],
    body: Uint8Array,
    named: (id: Uint8Array) => void,
  ): Promise<Uint8Array> {
    this.#requireLive();
    const hash = sha256(body);
    if (this.#attest !== undefined) {
      // One session makes one evidence (T02). Challenges are not signed, so nobody can be named for a second set.
      if (!equalBytes(this.#attest.hash, hash)) {
        throw new SymbolonError('round/slot-taken', { step: 'attest' });
      }
      return this.#attest.answer;
    }
    const { participants, challenge, manifest, generation, presignature, verified } = this.#opts;
    const names = participants.map((one) => one.name);
    const identities = readChallenges(challenges, names, challenge);
    this.#challenges = challenges;
    this.#id = sessionIdOf({
      requestHash: verified.hash,
      manifest: manifest.hash,
      generation,
      challenges,
      presignature,
    });
    this.#progress.start(this.#id, identities);
    this.#state = 'attested';
    named(this.#id);
    this.#attest = { hash, answer: this.#endingOnError(this.#makeEvidence()) };
    return this.#attest.answer;
  }

  /** Fresh evidence over the session id; or, where all others take it again, the name of evidence that they know. */
  async #makeEvidence(): Promise<Uint8Array> {
    const { node } = this.#opts.challenge;
    const { gate, attester, standing, refused } = this.#modules;
    const recalled = standing.recalled(this.#challenges.filter((one) => one.node !== this.#self));
    const evidence =
      recalled === undefined
        ? await standing.make(
            (userData) =>
              attester.makeEvidence({
                nonce: this.#id,
                publicKey: gate.identityBytes,
                userData,
                role: 'session',
              }),
            refused,
          )
        : recalledEvidence.encode({ recalled, presence: gate.presence(this.#id) });
    return sessionEvidence.encode({ session: this.#id, node, evidence });
  }

  /**
   * Takes the delivery of one round: `sessionOutput` bytes.
   * @param body - the bytes of the call: the same bytes get the same answer.
   * @throws SymbolonError `session/*`, `round/*`, `gate/*`, `channel/envelope-*`, `guard/*`, `threshold/*`.
   */
  async deliver(delivery: Delivery, body: Uint8Array): Promise<Uint8Array> {
    this.#requireLive();
    const hash = sha256(body);
    const before = this.#answers.get(delivery.round);
    if (before !== undefined) {
      if (!equalBytes(before.hash, hash)) {
        this.#secondDelivery(delivery);
      }
      return before.answer;
    }
    const expected = this.#progress.done + 1;
    const started = this.#state === 'attested' || this.#state === 'running';
    if (!started || delivery.round !== expected || this.#answers.has(expected) || expected > this.lastRound) {
      throw new SymbolonError('round/out-of-order', { expected, got: delivery.round });
    }
    const work = this.#accept(delivery);
    // From here on the protocol's state moves: every error ends the session.
    const answer = this.#endingOnError(work());
    this.#answers.set(delivery.round, { hash, answer });
    return answer;
  }

  /**
   * Says that the last round went out of a session that lives.
   * @throws SymbolonError `session/failed`, `session/finished`, `session/expired`, `session/wrong-state`.
   */
  requireReleased(): void {
    this.#requireLive();
    if (!this.released) {
      throw new SymbolonError('session/wrong-state', { state: this.#state, wanted: 'all rounds done' });
    }
  }

  /**
   * Compares the others' last messages with the own ones.
   * @throws SymbolonError as {@link Session.requireReleased}; `round/*` and `channel/envelope-*` as a delivery;
   * `session/bad-outcome` where the protocol ends in another way.
   */
  confirm(envelopes: readonly Envelope[]): void {
    this.requireReleased();
    this.#endingWhereItMust(() => {
      this.#progress.confirm(envelopes, this.#peers());
    });
  }

  /**
   * Ends the session because its relay says so; one that failed stays as it failed.
   * @throws SymbolonError `session/finished`.
   */
  abort(reason: string): void {
    if (this.#state === 'finished') {
      throw new SymbolonError('session/finished', { session: toHex(this.#id) });
    }
    this.fail(new SymbolonError('session/aborted', { reason }));
  }

  /** Ends the session well. */
  finish(): void {
    this.#end('finished');
  }

  /** Ends the session badly; a session that ended before stays as it is. */
  fail(error: SymbolonError): void {
    this.#end('failed', error);
  }

  /** @throws SymbolonError `session/failed`, `session/finished`, `session/expired`. */
  #requireLive(): void {
    if (!this.ended && this.over) {
      this.fail(new SymbolonError('session/expired', { session: toHex(this.#id) }));
    }
    const session = toHex(this.#id);
    if (this.#failure !== undefined) {
      const peer = peerOf(this.#failure);
      throw new SymbolonError('session/failed', {
        session,
        code: this.#failure.code,
        ...(peer === undefined ? {} : { peer }),
      });
    }
    if (this.#state === 'finished') {
      throw new SymbolonError('session/finished', { session });
    }
  }

  /** Checks a delivery completely; gives the work that then changes state. Nothing has changed where it throws. */
  #accept(delivery: Delivery): () => Promise<Uint8Array> {
    return this.#endingWhereItMust(() =>
      delivery.round === 1 ? this.#acceptEvidence(delivery) : this.#acceptEnvelopes(delivery),
    );
  }

  /**
   * Evidence is judged beside the main thread. What is refused here, before, changes nothing; evidence that was looked
   * into either lets the session go on or ends it, so the step is taken as soon as it is judged.
   */
  #acceptEvidence({ envelopes, evidence }: Delivery): () => Promise<Uint8Array> {
    if (envelopes.length > 0) {
      throw new SymbolonError('round/unexpected-input', { reason: 'round 1 takes evidence only' });
    }
    const challenges = this.#challenges.filter((one) => one.node !== this.#self);
    checkGiven(evidence, challenges);
    return async () => {
      this.#appraisals = await this.#judged(evidence, challenges);
      this.#requireLive();
      this.#state = 'running';
      return this.#step(1);
    };
  }

  async #judged(
    evidence: readonly GivenEvidence[],
    challenges: readonly Challenge[],
  ): Promise<ReadonlyMap<string, Appraisal>> {
    const { judge, standing, refused } = this.#modules;
    const judged = await standing.judge(evidence, { session: this.#id, challenges }, judge);
    if (judged.kind === 'accepted') {
      return judged.appraisals;
    }
    for (const { peer, error } of judged.refusals) {
      refused(peer, error);
    }
    const first = judged.refusals[0];
    throw new SymbolonError(
      'gate/peer-refused',
      { peer: first?.peer ?? '', code: first?.error.code ?? '', reason: first?.error.message ?? '' },
      { cause: first?.error },
    );
  }

  #acceptEnvelopes({ round, envelopes, evidence }: Delivery): () => Promise<Uint8Array> {
    if (evidence.length > 0) {
      throw new SymbolonError('round/unexpected-input', { reason: 'evidence belongs to round 1' });
    }
    const reading = this.#progress.read(envelopes, this.#peers());
    return () => this.#step(round, reading);
  }

  async #step(round: number, reading?: Reading): Promise<Uint8Array> {
    const envelopes = await this.#progress.take(this, reading);
    return sessionOutput.encode({ session: this.#id, round, envelopes: [...envelopes] });
  }

  /** The attested identities of the others. */
  #peers(): ReadonlyMap<string, Identity> {
    return new Map([...this.#appraisals].map(([name, appraisal]) => [name, appraisal.identity]));
  }

  /** The same step once more with other bytes: a cheater where a participant signed both, else the relay's doing. */
  #secondDelivery(delivery: Delivery): never {
    const cheater = this.#progress.equivocator(delivery.round, delivery.envelopes);
    if (cheater === undefined) {
      // Evidence of one peer has many valid encodings (an ECDSA signature is malleable): it proves nothing here.
      throw new SymbolonError('round/slot-taken', { step: `round ${delivery.round}` });
    }
    const error = new SymbolonError('round/equivocation', { peer: cheater, round: delivery.round - 1 });
    this.fail(error);
    throw error;
  }

  /** Runs a check; what it refuses ends the session only where a participant is to blame. */
  #endingWhereItMust<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (isSymbolonError(error) && endsSession.includes(error.code)) {
        this.fail(error);
      }
      throw error;
    }
  }

  async #endingOnError(work: Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      return await work;
    } catch (error) {
      this.fail(
        isSymbolonError(error)
          ? error
          : new SymbolonError('node/internal', { id: toHex(this.#id).slice(0, 16) }, { cause: error }),
      );
      throw error;
    }
  }

  #end(state: 'finished' | 'failed', failure?: SymbolonError): void {
    if (this.ended) {
      return;
    }
    this.#state = state;
    this.#failure = failure;
    this.#progress.wipe();
    // What is left only has to say how it ended.
    this.#answers.clear();
    this.#challenges = [];
    this.#attest = undefined;
    this.#modules.ended(this, failure);
  }
}
