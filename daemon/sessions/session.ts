/**
 * One session of this node: open, attested, its rounds, and its end.
 *
 * A delivery that is not what this step takes is refused and changes nothing; the relay may deliver again. What a
 * participant signed and an honest one would not have signed ends the session and names that participant. A delivery
 * that was accepted is answered again with the same bytes.
 */
import { createHash } from 'node:crypto';
import type { Attester } from '../../enclave/attester/index.ts';
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { isSymbolonError, SymbolonError, type Fact } from '../../wire/errors/index.ts';
import { equalBytes, toHex, type Scheme } from '../../wire/ids.ts';
import {
  claimsBytes,
  sessionEvidence,
  sessionIdOf,
  sessionOutput,
  type Challenge,
  type Identity,
} from '../../wire/messages/session.ts';
import { firstTranscript, nextTranscript } from '../../wire/messages/transcript.ts';
import type { Gate, GateSession } from '../gate.ts';
import type { VerifiedRequest } from '../../manifest/index.ts';
import type { Holder } from '../keystore/keystore.ts';
import { endsSession, peerOf, type Delivery, type SessionOptions, type SessionState } from './contract.ts';
import { findEquivocation, readRound, wipeAll, type ExpectedRound } from './envelopes.ts';
import { judgePeers, readChallenges } from './peers.ts';

/** What a session works with. */
export interface SessionModules {
  readonly gate: Gate;
  readonly attester: Pick<Attester, 'makeEvidence'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Told of each participant whose evidence was refused. */
  readonly refused: (peer: string, error: SymbolonError) => void;
  /** Told once, when the session ends; `failure` is absent where it ended well. */
  readonly ended: (session: Session, failure?: SymbolonError) => void;
}

interface Slot {
  readonly hash: Uint8Array;
  readonly answer: Promise<Uint8Array>;
}
interface Accepted {
  readonly expected: ExpectedRound;
  readonly slots: ReadonlyMap<string, Uint8Array>;
}

const sha256 = (raw: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(raw).digest());

/** A session. */
export class Session implements GateSession {
  readonly #opts: SessionOptions;
  readonly #modules: SessionModules;
  #state: SessionState = 'open';
  #failure: SymbolonError | undefined;
  #id: Uint8Array = new Uint8Array(0);
  #attest: Slot | undefined;
  #challenges: readonly Challenge[] = [];
  #identities: ReadonlyMap<string, Identity> = new Map();
  #appraisals: ReadonlyMap<string, Appraisal> = new Map();
  /** Last round that was answered. */
  #done = 0;
  /** Round at work, or the last one answered. */
  #round = 0;
  #transcript: Uint8Array = new Uint8Array(0);
  #ownBroadcast: Uint8Array = new Uint8Array(0);
  readonly #answers = new Map<number, Slot>();
  readonly #accepted = new Map<number, Accepted>();

  constructor(opts: SessionOptions, modules: SessionModules) {
    this.#opts = opts;
    this.#modules = modules;
  }

  /** Session id, 32 bytes; empty before `attest`. */
  get id(): Uint8Array {
    return this.#id;
  }
  /** Round at work, or the last one answered; 0 before round 1. */
  get round(): number {
    return this.#round;
  }
  /** The protocol's last round. */
  get lastRound(): number {
    return this.#opts.rounds.last;
  }
  /** Transcript before the round at work. */
  get transcript(): Uint8Array {
    return this.#transcript;
  }
  /** Unix milliseconds. An open session has less time: its relay may never come back, and can't name it to end it. */
  get deadline(): number {
    const { attestBy, deadline } = this.#opts;
    return this.#state === 'open' ? Math.min(attestBy, deadline) : deadline;
  }
  /** Hash of the manifest that the session was opened under. */
  get manifest(): Uint8Array {
    return this.#opts.manifest.hash;
  }
  /** The request and its client. */
  get verified(): VerifiedRequest {
    return this.#opts.verified;
  }
  /** The key of a `sign` request. */
  get key(): { readonly id: string; readonly scheme: Scheme; readonly purpose: string } | undefined {
    return this.#opts.key;
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
    const { participants, challenge, manifest, generation, verified } = this.#opts;
    const names = participants.map((one) => one.name);
    this.#identities = readChallenges(challenges, names, challenge);
    this.#challenges = challenges;
    this.#id = sessionIdOf({ requestHash: verified.hash, manifest: manifest.hash, generation, challenges });
    this.#transcript = firstTranscript(this.#id);
    this.#state = 'attested';
    named(this.#id);
    this.#attest = { hash, answer: this.#endingOnError(this.#makeEvidence()) };
    return this.#attest.answer;
  }

  async #makeEvidence(): Promise<Uint8Array> {
    const { manifest, challenge } = this.#opts;
    const { gate, attester } = this.#modules;
    const evidence = await attester.makeEvidence({
      nonce: this.#id,
      publicKey: gate.identityBytes,
      userData: claimsBytes.encode({
        v: 1,
        role: 'session',
        cluster: manifest.manifest.cluster,
        node: challenge.node,
        boot: gate.boot,
        manifest: manifest.hash,
      }),
    });
    return sessionEvidence.encode({ session: this.#id, node: challenge.node, evidence });
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
    const expected = this.#done + 1;
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
    if (this.#done < this.lastRound) {
      throw new SymbolonError('session/wrong-state', { state: this.#state, wanted: 'all rounds done' });
    }
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
    if (!this.ended && this.#modules.now() >= this.deadline) {
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
    try {
      return delivery.round === 1 ? this.#acceptEvidence(delivery) : this.#acceptEnvelopes(delivery);
    } catch (error) {
      if (isSymbolonError(error) && endsSession.includes(error.code)) {
        this.fail(error);
      }
      throw error;
    }
  }

  #acceptEvidence(delivery: Delivery): () => Promise<Uint8Array> {
    if (delivery.envelopes.length > 0) {
      throw new SymbolonError('round/unexpected-input', { reason: 'round 1 takes evidence only' });
    }
    const judged = judgePeers(delivery.evidence, {
      session: this.#id,
      manifest: this.#opts.manifest,
      challenges: this.#challenges.filter((one) => one.node !== this.#self),
      now: this.#modules.now(),
    });
    if (judged.kind === 'refused') {
      for (const { peer, error } of judged.refusals) {
        this.#modules.refused(peer, error);
      }
      const first = judged.refusals[0];
      throw new SymbolonError(
        'gate/peer-refused',
        { peer: first?.peer ?? '', code: first?.error.code ?? '', reason: first?.error.message ?? '' },
        { cause: first?.error },
      );
    }
    return () => {
      this.#appraisals = judged.appraisals;
      this.#state = 'running';
      return this.#step(1, new Map(), new Map());
    };
  }

  #acceptEnvelopes(delivery: Delivery): () => Promise<Uint8Array> {
    if (delivery.evidence.length > 0) {
      throw new SymbolonError('round/unexpected-input', { reason: 'evidence belongs to round 1' });
    }
    const round = delivery.round - 1;
    const expected: ExpectedRound = {
      session: this.#id,
      round,
      transcript: this.#transcript,
      self: this.#self,
      peers: new Map([...this.#appraisals].map(([name, appraisal]) => [name, appraisal.identity])),
      pairwise: this.#opts.rounds.sendsPairwise(round),
    };
    const read = readRound(delivery.envelopes, expected, (envelope, wanted) =>
      this.#modules.gate.open(envelope, wanted),
    );
    return () => {
      this.#accepted.set(delivery.round, { expected, slots: read.slots });
      const all = new Map(read.broadcasts).set(this.#self, this.#ownBroadcast);
      this.#transcript = nextTranscript(this.#transcript, round, all);
      return this.#step(delivery.round, read.broadcasts, read.pairwise);
    };
  }

  async #step(
    round: number,
    broadcasts: ReadonlyMap<string, Uint8Array>,
    pairwise: ReadonlyMap<string, Uint8Array>,
  ): Promise<Uint8Array> {
    const { gate } = this.#modules;
    const { rounds } = this.#opts;
    this.#round = round;
    try {
      const taken = rounds.step(round, {
        broadcasts: this.#byIndex(broadcasts),
        pairwise: this.#byIndex(pairwise),
        session: this.#id,
        transcript: this.#transcript,
        holders: this.#holders(),
      });
      // The share of the last round is computed while the disk takes the mark; the gate lets it out only after both.
      const [outputs] = await Promise.all([taken, round === rounds.last ? gate.burn(this) : undefined]);
      const envelopes = gate.release(this, outputs);
      this.#ownBroadcast = envelopes.find((one) => one.to === undefined)?.payload ?? new Uint8Array(0);
      this.#done = round;
      return sessionOutput.encode({ session: this.#id, round, envelopes });
    } catch (error) {
      throw this.#named(error, round);
    } finally {
      wipeAll(pairwise);
    }
  }

  /** The same step once more with other bytes: a cheater where a participant signed both, else the relay's doing. */
  #secondDelivery(delivery: Delivery): never {
    const accepted = this.#accepted.get(delivery.round);
    const cheater =
      accepted === undefined
        ? undefined
        : findEquivocation(delivery.envelopes, accepted.expected, accepted.slots);
    if (cheater === undefined) {
      // Evidence of one peer has many valid encodings (an ECDSA signature is malleable): it proves nothing here.
      throw new SymbolonError('round/slot-taken', { step: `round ${delivery.round}` });
    }
    const error = new SymbolonError('round/equivocation', { peer: cheater, round: delivery.round - 1 });
    this.fail(error);
    throw error;
  }

  /** Turns the participant index of a protocol's error into a node's name. */
  #named(error: unknown, round: number): unknown {
    if (!isSymbolonError(error) || !error.code.startsWith('threshold/')) {
      return error;
    }
    const facts: Readonly<Record<string, Fact>> = error.facts;
    const party = facts['party'];
    const peer = this.#opts.participants.find((one) => one.index === party)?.name;
    return peer === undefined || peer === this.#self
      ? error
      : new SymbolonError(
          'round/peer-cheated',
          { peer, round: round - 1, code: error.code },
          { cause: error },
        );
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

  #byIndex(byName: ReadonlyMap<string, Uint8Array>): ReadonlyMap<number, Uint8Array> {
    const out = new Map<number, Uint8Array>();
    for (const { name, index } of this.#opts.participants) {
      const payload = byName.get(name);
      if (payload !== undefined) {
        out.set(index, payload);
      }
    }
    return out;
  }

  #holders(): Holder[] {
    const out: Holder[] = [];
    for (const { name, index } of this.#opts.participants) {
      const identity = this.#identities.get(name);
      if (identity !== undefined) {
        out.push({ name, index, identity });
      }
    }
    return out;
  }

  #end(state: 'finished' | 'failed', failure?: SymbolonError): void {
    if (this.ended) {
      return;
    }
    this.#state = state;
    this.#failure = failure;
    this.#opts.rounds.wipe();
    // What is left only has to say how it ended.
    this.#answers.clear();
    this.#accepted.clear();
    this.#challenges = [];
    this.#attest = undefined;
    this.#modules.ended(this, failure);
  }
}
