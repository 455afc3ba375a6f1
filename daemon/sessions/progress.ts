/**
 * How far the protocol of one session is: which rounds were taken, what was broadcast, what each sender signed. The
 * session asks it to read a delivery, which changes nothing, and then to take the step.
 */
import { SymbolonError, isSymbolonError, type Fact } from '../../wire/errors/index.ts';
import type { Envelope, Identity } from '../../wire/messages/session.ts';
import { firstTranscript, nextTranscript } from '../../wire/messages/transcript.ts';
import type { Gate, GateSession } from '../gate.ts';
import type { Holder } from '../keystore/keystore.ts';
import type { Participant } from './contract.ts';
import { findEquivocation, readRound, wipeAll, type ExpectedRound, type ReadRound } from './envelopes.ts';
import type { Outgoing, Rounds } from './rounds.ts';

/** What a protocol is run with. */
export interface ProgressOptions {
  /** This node's name. */
  readonly self: string;
  /** Sorted by name, this node included. */
  readonly participants: readonly Participant[];
  readonly rounds: Rounds;
}

/** A delivery that was read: its messages, and what they were held against. `read.pairwise` is secret. */
export interface Reading {
  readonly expected: ExpectedRound;
  readonly read: ReadRound;
}

/** Errors of a run that name a participant who did nothing wrong: the two hold different things. */
const honest: readonly string[] = ['threshold/other-pairing', 'threshold/wrong-generation'];

/** The progress of one session. */
export class Progress {
  readonly #opts: ProgressOptions;
  readonly #gate: Gate;
  #id: Uint8Array = new Uint8Array(0);
  #identities: ReadonlyMap<string, Identity> = new Map();
  /** Last round that was answered. */
  #done = 0;
  /** Round at work, or the last one answered. */
  #round = 0;
  #transcript: Uint8Array = new Uint8Array(0);
  #ownBroadcast: Uint8Array = new Uint8Array(0);
  readonly #accepted = new Map<number, { expected: ExpectedRound; slots: ReadRound['slots'] }>();

  constructor(opts: ProgressOptions, modules: { readonly gate: Gate }) {
    this.#opts = opts;
    this.#gate = modules.gate;
  }

  /** Round at work, or the last one answered; 0 before round 1. */
  get round(): number {
    return this.#round;
  }
  /** The protocol's last round. */
  get last(): number {
    return this.#opts.rounds.last;
  }
  /** Last round that was answered. */
  get done(): number {
    return this.#done;
  }
  /** Transcript before the round at work. */
  get transcript(): Uint8Array {
    return this.#transcript;
  }

  /** The session has its id and everybody's identity. */
  start(id: Uint8Array, identities: ReadonlyMap<string, Identity>): void {
    this.#id = id;
    this.#identities = identities;
    this.#transcript = firstTranscript(id);
  }

  /**
   * Reads the messages of the last answered round. Changes nothing.
   * @throws SymbolonError as {@link readRound}.
   */
  read(envelopes: readonly Envelope[], peers: ReadonlyMap<string, Identity>): Reading {
    const expected = this.#expected(this.#done, peers);
    const read = readRound(envelopes, expected, (envelope, wanted) => this.#gate.open(envelope, wanted));
    return { expected, read };
  }

  /**
   * Takes the next step with what was read, nothing in round 1, and gives the sealed envelopes.
   * @throws SymbolonError of the protocol, with names in the place of indices; of the guard; of the gate.
   */
  async take(session: GateSession, reading: Reading | undefined): Promise<readonly Envelope[]> {
    const round = this.#done + 1;
    this.#round = round;
    const { rounds } = this.#opts;
    const pairwise = reading?.read.pairwise ?? new Map<string, Uint8Array>();
    let outputs: readonly Outgoing[] = [];
    try {
      if (reading !== undefined) {
        this.#keep(round, reading);
      }
      const last = round === rounds.last;
      if (last && rounds.lasting) {
        await this.#gate.burn(session);
      }
      const taken = rounds.step(round, {
        broadcasts: this.#byIndex(reading?.read.broadcasts ?? new Map()),
        pairwise: this.#byIndex(pairwise),
        session: this.#id,
        transcript: this.#transcript,
        holders: this.holders(),
      });
      // The share of the last round is computed while the disk takes the mark; the gate lets it out only after both.
      const [made, burned] = await Promise.allSettled([
        taken,
        last && !rounds.lasting ? this.#gate.burn(session) : undefined,
      ]);
      outputs = made.status === 'fulfilled' ? made.value : [];
      for (const one of [made, burned]) {
        if (one.status === 'rejected') {
          throw one.reason;
        }
      }
      const envelopes = this.#gate.release(session, outputs);
      this.#ownBroadcast = envelopes.find((one) => one.to === undefined)?.payload ?? new Uint8Array(0);
      this.#done = round;
      return envelopes;
    } catch (error) {
      throw this.#named(error, round);
    } finally {
      wipeAll(pairwise);
      for (const { to, payload } of outputs) {
        if (to !== undefined) {
          payload.fill(0);
        }
      }
    }
  }

  /** The participant who signed a second, different message for a place of a round that was read before. */
  equivocator(round: number, envelopes: readonly Envelope[]): string | undefined {
    const accepted = this.#accepted.get(round);
    return accepted === undefined
      ? undefined
      : findEquivocation(envelopes, accepted.expected, accepted.slots);
  }

  /**
   * Holds what the others said in the last round against what this node said.
   * @throws SymbolonError as {@link readRound}; `round/split-view` which names who disagrees; `session/bad-outcome` where
   * the protocol has nothing to compare.
   */
  confirm(envelopes: readonly Envelope[], peers: ReadonlyMap<string, Identity>): void {
    const { confirm } = this.#opts.rounds;
    if (confirm === undefined) {
      throw new SymbolonError('session/bad-outcome', { reason: 'not a session that ends this way' });
    }
    const { read } = this.read(envelopes, peers);
    confirm(this.#byIndex(read.broadcasts), this.holders());
  }

  /** All participants with their identities; none before {@link Progress.start}. */
  holders(): Holder[] {
    const out: Holder[] = [];
    for (const { name, index } of this.#opts.participants) {
      const identity = this.#identities.get(name);
      if (identity !== undefined) {
        out.push({ name, index, identity });
      }
    }
    return out;
  }

  /** Wipes the protocol and forgets what was read. */
  wipe(): void {
    this.#opts.rounds.wipe();
    this.#accepted.clear();
  }

  #expected(round: number, peers: ReadonlyMap<string, Identity>): ExpectedRound {
    const { self, participants, rounds } = this.#opts;
    const own = participants.find(({ name }) => name === self)?.index ?? 0;
    const senders = participants.filter(({ index }) => rounds.sendsPairwise(round, index, own));
    return {
      session: this.#id,
      round,
      transcript: this.#transcript,
      self,
      peers,
      pairwiseFrom: new Set(senders.map(({ name }) => name)),
    };
  }

  #keep(round: number, { expected, read }: Reading): void {
    this.#accepted.set(round, { expected, slots: read.slots });
    const all = new Map(read.broadcasts).set(this.#opts.self, this.#ownBroadcast);
    this.#transcript = nextTranscript(this.#transcript, expected.round, all);
  }

  /** Turns the participant index of a protocol's error into a node's name. */
  #named(error: unknown, round: number): unknown {
    if (!isSymbolonError(error) || !error.code.startsWith('threshold/')) {
      return error;
    }
    const facts: Readonly<Record<string, Fact>> = error.facts;
    const party = facts['party'];
    const peer = this.#opts.participants.find((one) => one.index === party)?.name;
    if (peer === undefined || peer === this.#opts.self) {
      return error;
    }
    if (isSymbolonError(error, 'threshold/split-view')) {
      return new SymbolonError('round/split-view', { peer, round: round - 1 }, { cause: error });
    }
    return honest.includes(error.code)
      ? new SymbolonError(error.code, { ...error.facts, peer }, { cause: error })
      : new SymbolonError(
          'round/peer-cheated',
          { peer, round: round - 1, code: error.code },
          { cause: error },
        );
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
}
