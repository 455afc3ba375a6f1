/**
 * One session over the star: open, attest, then rounds. Shared by everything that the nodes do together.
 *
 * The coordinator is trusted with nothing here and trusts nobody: it forms the session id and the transcripts itself and
 * verifies every envelope before it carries it on, so that a wrong message is blamed on its sender at once.
 */
import { nativeEs384 } from '../native/es384.ts';
import { appraise, type Appraisal } from '../enclave/evidence/index.ts';
import { isPresent, verifyEnvelope } from '../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError, type CodeOf } from '../wire/errors/index.ts';
import { equalBytes, toHex } from '../wire/ids.ts';
import {
  identityBytes,
  readRecalled,
  sessionIdOf,
  type Challenge,
  type Envelope,
  type Identity,
} from '../wire/messages/session.ts';
import { firstTranscript, nextTranscript } from '../wire/messages/transcript.ts';
import type { CallOptions, NodeCalls, NodeExpectation } from './nodes/nodeClient.ts';
import { asSymbolon } from './nodes/nodeSet.ts';

/** One step of a session and how long it took. */
export interface StepTime {
  /** `open`, `attest`, `round 1`, ... */
  readonly step: string;
  readonly ms: number;
}

/** A node that failed in a step, and the peer that it blames where it blames one. */
export interface Fault {
  readonly node: string;
  readonly error: SymbolonError;
  readonly accused: string | undefined;
}

/** A session ended in a step: by whom, and why. */
export class SessionFailure extends Error {
  override readonly name = 'SessionFailure';
  readonly step: string;
  readonly fault: Fault;

  constructor(step: string, fault: Fault) {
    super(`${fault.node} in ${step}: ${fault.error.message}`, { cause: fault.error });
    this.step = step;
    this.fault = fault;
  }
}

/** What a session is about. */
export interface SessionPlan {
  /** The client's signed request, as it came. */
  readonly signed: Uint8Array;
  /** `requestHash`, 32 bytes. */
  readonly requestHash: Uint8Array;
  /** Names of the nodes that take part, sorted. */
  readonly participants: readonly string[];
  /** Hash of the manifest in force. */
  readonly manifest: Uint8Array;
  /** Generation that the key has now; 0 where it is being made, or where the session is about no key. */
  readonly generation: number;
  /** Id of the presignature that is used, 32 bytes. */
  readonly presignature?: Uint8Array | undefined;
}

/** What a session needs of the outside. */
export interface SessionModules {
  readonly client: (name: string) => NodeCalls;
  readonly expectation: (name: string) => NodeExpectation;
  readonly now: () => number;
  /** Takes work that goes on after the answer was given: telling the nodes how a session ended. */
  readonly background: (work: Promise<void>) => void;
  /** Told before each step, for progress and for tests. */
  readonly onStep?: ((step: string, participants: readonly string[]) => void) | undefined;
}

/** Bounds of a session. */
export interface SessionLimits {
  /** Longest time for one step in milliseconds: a silent node holds up its own session only (T35). */
  readonly stepMs: number;
  /** `performance.now()` at which the whole request must be done. */
  readonly deadline: number;
}

/** An open, attested session. Rounds are run in order; after a failure the session is not used again. */
export class Session {
  readonly id: Uint8Array;
  readonly times: StepTime[];
  readonly #plan: SessionPlan;
  readonly #modules: SessionModules;
  readonly #limits: SessionLimits;
  readonly #challenges: readonly Challenge[];
  readonly #identities: ReadonlyMap<string, Identity>;
  readonly #evidence: ReadonlyMap<string, Uint8Array>;
  #transcript: Uint8Array;
  #round = 0;
  #envelopes: readonly Envelope[] = [];

  private constructor(
    plan: SessionPlan,
    modules: SessionModules,
    limits: SessionLimits,
    opened: {
      readonly id: Uint8Array;
      readonly challenges: readonly Challenge[];
      readonly identities: ReadonlyMap<string, Identity>;
      readonly evidence: ReadonlyMap<string, Uint8Array>;
      readonly times: StepTime[];
    },
  ) {
    this.#plan = plan;
    this.#modules = modules;
    this.#limits = limits;
    this.id = opened.id;
    this.times = opened.times;
    this.#challenges = opened.challenges;
    this.#identities = opened.identities;
    this.#evidence = opened.evidence;
    this.#transcript = firstTranscript(opened.id);
  }

  /**
   * Opens a session with all participants and collects their evidence.
   * @throws SessionFailure with the node that failed.
   */
  static async open(plan: SessionPlan, modules: SessionModules, limits: SessionLimits): Promise<Session> {
    const times: StepTime[] = [];
    const { participants, manifest, signed, presignature } = plan;
    const challenges = await runStep('open', plan, modules, limits, times, async (client, options) => {
      const challenge = await client.open(
        {
          request: signed,
          participants: [...participants],
          manifest,
          ...(presignature === undefined ? {} : { presignature }),
        },
        options,
      );
      return { challenge, identity: checkChallenge(client, challenge) };
    });
    refuseSharedParts(challenges);
    const ordered = participants.map((name) => demand(challenges, name).challenge);
    const id = sessionIdOf({
      requestHash: plan.requestHash,
      manifest,
      generation: plan.generation,
      challenges: ordered,
      presignature,
    });
    const evidence = await runStep('attest', plan, modules, limits, times, async (client, options) => {
      const { nonce } = demand(challenges, client.name).challenge;
      const answer = await client.attest({ nonce, challenges: ordered }, options);
      if (answer.node !== client.name || !equalBytes(answer.session, id)) {
        throw wrong(client.name, 'attest', 'evidence for another session');
      }
      return answer.evidence;
    }).catch((error: unknown) => {
      // The others have the session open: told now, they need not hold it until its deadline (T43).
      const code = error instanceof SessionFailure ? error.fault.error.code : 'coordinator/internal';
      endSession(participants, { outcome: 'aborted', session: id, code }, modules);
      throw error;
    });
    const identities = new Map([...challenges].map(([name, { identity }]) => [name, identity]));
    return new Session(plan, modules, limits, { id, challenges: ordered, identities, evidence, times });
  }

  /**
   * Runs the next round with all participants.
   * @returns the broadcast payload of each, by name.
   * @throws SessionFailure with the node that failed, or whose message is wrong.
   */
  async round(): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#round += 1;
    const round = this.#round;
    const before = this.#envelopes;
    const step = `round ${round}`;
    const transcript = this.#transcript;
    const outputs = await runStep(
      step,
      this.#plan,
      this.#modules,
      this.#limits,
      this.times,
      async (client, options) => {
        const self = client.name;
        const answer = await client.round(
          {
            session: this.id,
            round,
            evidence:
              round === 1
                ? this.#peers(self).map((node) => ({ node, evidence: demand(this.#evidence, node) }))
                : [],
            envelopes: before.filter(({ from, to }) => from !== self && (to === undefined || to === self)),
          },
          options,
        );
        if (!equalBytes(answer.session, this.id) || answer.round !== round) {
          throw wrong(self, step, 'output of another session or round');
        }
        return {
          envelopes: answer.envelopes,
          broadcast: this.#checkOutput(self, answer.envelopes, transcript),
        };
      },
    );
    const broadcasts = new Map([...outputs].map(([name, { broadcast }]) => [name, broadcast]));
    this.#envelopes = [...outputs.values()].flatMap(({ envelopes }) => envelopes);
    this.#transcript = nextTranscript(transcript, round, broadcasts);
    return broadcasts;
  }

  /**
   * Hands every node the last broadcasts of the others, which it compares with its own: only then it keeps what the session
   * made (T16).
   * @throws SessionFailure with the node that did not take them.
   */
  async conclude(): Promise<void> {
    await runStep('finish', this.#plan, this.#modules, this.#limits, this.times, async (client, options) => {
      const envelopes = this.#envelopes.filter(({ from, to }) => to === undefined && from !== client.name);
      await client.finish({ outcome: 'done', session: this.id, envelopes }, options);
    });
  }

  /** The envelopes of the last round, as the nodes signed them. */
  envelopes(): readonly Envelope[] {
    return this.#envelopes;
  }

  /**
   * Judges the evidence that a node gave in this session, as its peers must have: to tell an accuser that lies from a
   * node that is rightly accused. Evidence that all others offered to take again was judged in an earlier session.
   */
  judge(node: string): SymbolonError<CodeOf<'evidence'>> | undefined {
    const { policy, cluster, manifest, platform } = this.#modules.expectation(node);
    const expected = { nonce: this.id, role: 'session', cluster, node, manifest } as const;
    const document = demand(this.#evidence, node);
    if (this.#isRecalled(node, document)) {
      return undefined;
    }
    const question = { now: this.#modules.now(), expected, openKey: nativeEs384() };
    const result = appraise({ platform, document }, policy, question);
    return result.ok ? undefined : result.refusal;
  }

  /** Whether a node shows what each of the others offered to take again, and signed that it is present. */
  #isRecalled(node: string, evidence: Uint8Array): boolean {
    const recall = readRecalled(evidence);
    return (
      recall !== undefined &&
      this.#challenges.every(
        (one) => one.node === node || one.known?.some((name) => equalBytes(name, recall.recalled)) === true,
      ) &&
      isPresent(demand(this.#identities, node), this.id, node, recall.presence)
    );
  }

  #peers(self: string): readonly string[] {
    return this.#plan.participants.filter((name) => name !== self);
  }

  /** One broadcast, at most one message for each peer, all signed by the sender's key over this session's transcript. */
  #checkOutput(from: string, envelopes: readonly Envelope[], transcript: Uint8Array): Uint8Array {
    let broadcast: Uint8Array | undefined;
    const receivers = new Set<string>();
    const sender = demand(this.#identities, from);
    for (const envelope of envelopes) {
      const { to } = envelope;
      const expected = { session: this.id, round: this.#round, sender, from, transcript };
      try {
        const payload = verifyEnvelope(envelope, to === undefined ? expected : { ...expected, to });
        if (to === undefined) {
          if (broadcast !== undefined) {
            throw cheated(from, 'two broadcasts in one round');
          }
          broadcast = payload;
        } else if (receivers.has(to) || to === from || !this.#identities.has(to)) {
          throw cheated(from, 'a second message to one receiver, or one to a stranger');
        } else {
          receivers.add(to);
        }
      } catch (error) {
        throw isSymbolonError(error, 'coordinator/node-cheated')
          ? error
          : cheated(from, isSymbolonError(error) ? error.code : 'envelope not verifiable', error);
      }
    }
    if (broadcast === undefined) {
      throw cheated(from, 'no broadcast');
    }
    return broadcast;
  }
}

/** The error for a message that its sender signed and that can't be right. */
export const cheated = (
  node: string,
  what: string,
  cause?: unknown,
): SymbolonError<'coordinator/node-cheated'> =>
  new SymbolonError('coordinator/node-cheated', { node, what }, { cause });

const wrong = (node: string, call: string, reason: string): SymbolonError =>
  new SymbolonError('coordinator/node-answer', { node, call, reason });

/** The value that a map of all participants has for one of them. */
export function demand<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) {
    throw new TypeError(`no entry of ${name}`);
  }
  return value;
}

/** The challenge must be that of the boot and the identity whose evidence the connection rests on. */
function checkChallenge(client: NodeCalls, challenge: Challenge): Identity {
  const verified = client.verified()?.appraisal;
  if (challenge.node !== client.name) {
    throw wrong(client.name, 'open', 'the challenge of another node');
  }
  let identity: Identity;
  try {
    identity = identityBytes.decode(challenge.identity);
  } catch (cause) {
    throw new SymbolonError(
      'coordinator/node-answer',
      { node: client.name, call: 'open', reason: 'malformed identity' },
      { cause },
    );
  }
  if (verified === undefined || !sameIdentity(identity, challenge, verified)) {
    throw wrong(client.name, 'open', 'the identity is not the attested one');
  }
  return identity;
}

/**
 * T09: two nodes with one boot, nonce or key would make every node refuse the session without a name. Which of the two
 * copied from the other can't be told: each is held against the other, and they sign with others.
 */
function refuseSharedParts(
  challenges: ReadonlyMap<string, { readonly challenge: Challenge; readonly identity: Identity }>,
): void {
  const owners = new Map<string, string>();
  for (const [node, { challenge, identity }] of challenges) {
    for (const part of [challenge.boot, challenge.nonce, identity.sign, identity.encrypt, identity.tls]) {
      const accused = owners.get(toHex(part)) ?? node;
      if (accused !== node) {
        const error = wrong(node, 'open', `a boot, a nonce or a key that ${accused} shows too`);
        throw new SessionFailure('open', { node, error, accused });
      }
      owners.set(toHex(part), node);
    }
  }
}

const sameIdentity = (identity: Identity, { boot }: Challenge, appraisal: Appraisal): boolean =>
  equalBytes(boot, appraisal.boot) &&
  equalBytes(identity.sign, appraisal.identity.sign) &&
  equalBytes(identity.encrypt, appraisal.identity.encrypt) &&
  equalBytes(identity.tls, appraisal.identity.tls);

/** Runs one call for every participant at once. The first failure ends the step; answers that come later are dropped. */
async function runStep<T>(
  step: string,
  plan: SessionPlan,
  modules: SessionModules,
  limits: SessionLimits,
  times: StepTime[],
  work: (client: NodeCalls, options: CallOptions) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const started = performance.now();
  const timeoutMs = Math.max(1, Math.min(limits.stepMs, limits.deadline - started));
  modules.onStep?.(step, plan.participants);
  try {
    const results = await Promise.all(
      plan.participants.map(async (name): Promise<[string, T]> => {
        try {
          return [name, await work(modules.client(name), { timeoutMs })];
        } catch (error) {
          throw new SessionFailure(step, faultOf(name, error, plan.participants));
        }
      }),
    );
    return new Map(results);
  } finally {
    times.push({ step, ms: round1(performance.now() - started) });
  }
}

function faultOf(node: string, error: unknown, participants: readonly string[]): Fault {
  const named = asSymbolon(error, node);
  const peer = isSymbolonError(named, 'coordinator/node-refused') ? named.facts.peer : '';
  return {
    node,
    error: named,
    accused: peer !== node && participants.includes(peer) ? peer : undefined,
  };
}

/** Tells the nodes how a session ended, off the path of the answer. What gets lost ends by the nodes' own deadline. */
export function endSession(
  participants: readonly string[],
  ending: Parameters<NodeCalls['finish']>[0],
  { client, background }: Pick<SessionModules, 'client' | 'background'>,
): void {
  for (const name of participants) {
    const told = async (): Promise<void> => {
      try {
        await client(name).finish(ending, { timeoutMs: 2_000 });
      } catch (error) {
        // A node that is gone has lost its session with it.
        if (!isSymbolonError(error)) {
          throw error;
        }
      }
    };
    background(told());
  }
}

/** Whether an error says that the node itself is not there, rather than what it answered. */
export const isConnectionError = (error: SymbolonError): boolean =>
  error.code === 'coordinator/node-unreachable' ||
  error.code === 'coordinator/node-timeout' ||
  error.code === 'coordinator/node-identity';

/** Milliseconds to one tenth. */
export const round1 = (ms: number): number => Math.round(ms * 10) / 10;
