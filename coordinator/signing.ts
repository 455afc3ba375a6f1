/**
 * Signing with any t of the nodes that hold a key. A node that fails in any step is left out and the same signed request
 * goes to another set, until a verified signature is there or the deadline has passed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { aggregate, type KeyPublic } from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { maxAttempts } from '../wire/limits.ts';
import { signedMessage, type SignRequest } from '../wire/messages/request.ts';
import type { NodeSet, WantedKey } from './nodes/nodeSet.ts';
import {
  cheated,
  demand,
  endSession,
  round1,
  Session,
  SessionFailure,
  type SessionLimits,
  type SessionModules,
  type SessionPlan,
  type StepTime,
} from './rounds.ts';

/** A session that did not end in a signature. */
export interface FailedAttempt {
  readonly participants: readonly string[];
  /** The step that failed: `open`, `attest`, `round 1`, `round 2`, `aggregate`. */
  readonly step: string;
  /** The node that failed or lied. */
  readonly node: string;
  /** The peer that this node blames, or an empty text. */
  readonly accused: string;
  readonly code: string;
  readonly detail: string;
}

/** A signature, and how it came about. */
export interface SignResult {
  /** 64 bytes, verified under the key. */
  readonly signature: Uint8Array;
  readonly participants: readonly string[];
  readonly ms: number;
  readonly rounds: readonly StepTime[];
  readonly failed: readonly FailedAttempt[];
  /** Tells the nodes that the request is done: from then on they refuse it. Not before the signature is kept. */
  readonly finish: () => void;
}

/** What is to be signed, with what. */
export interface SignOrder {
  /** The client's signed request, as it came. */
  readonly signed: Uint8Array;
  readonly request: SignRequest;
  readonly requestHash: Uint8Array;
  readonly key: WantedKey;
  readonly public: KeyPublic;
  /** The node's name of each participant index. */
  readonly names: ReadonlyMap<number, string>;
  readonly manifest: Uint8Array;
}

/** What signing needs. */
export interface SigningModules extends SessionModules {
  readonly nodes: Pick<NodeSet, 'usableFor' | 'markDown' | 'blame' | 'whyNot' | 'refresh'>;
  /** Told of every session that ended, for metrics and the log. */
  readonly onAttempt?: ((outcome: 'signed' | 'failed', failure?: FailedAttempt) => void) | undefined;
}

/** Longest look at all nodes before a request is given up, in milliseconds. */
const lastLookMs = 500;

/**
 * Gets a signature.
 * @throws SymbolonError `coordinator/not-enough-nodes`, `coordinator/request-refused` where the nodes agree on why,
 * `coordinator/deadline`.
 */
export async function sign(
  order: SignOrder,
  modules: SigningModules,
  limits: SessionLimits,
): Promise<SignResult> {
  const started = performance.now();
  const failed: FailedAttempt[] = [];
  const out = new Map<string, SymbolonError>();
  const quarrels: (readonly [string, string])[] = [];
  const choose = (): string[] | undefined =>
    chooseSet(
      modules.nodes.usableFor(order.key).filter((name) => !out.has(name)),
      order.public.threshold,
      quarrels,
    );
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    if (performance.now() >= limits.deadline) {
      throw deadlinePassed(started, failed);
    }
    let participants = choose();
    if (participants === undefined) {
      // One look at all nodes before giving up: a node may be back, and the answer says what is true now.
      await Promise.race([modules.nodes.refresh(), sleep(lastLookMs, undefined, { ref: false })]);
      participants = choose();
    }
    if (participants === undefined) {
      throw notEnough(order, modules, out);
    }
    const chosen = participants;
    const times: StepTime[] = [];
    try {
      const { signature, session } = await attemptWith(participants, order, modules, limits, times);
      modules.onAttempt?.('signed');
      return {
        signature,
        participants,
        ms: round1(performance.now() - started),
        rounds: times,
        failed,
        finish: () => {
          endSession(chosen, { outcome: 'signed', session, signature }, modules);
        },
      };
    } catch (error) {
      if (!(error instanceof SessionFailure)) {
        throw error;
      }
      const failure = noted(error, participants, out, quarrels, modules);
      failed.push(failure);
      modules.onAttempt?.('failed', failure);
    }
  }
  throw deadlinePassed(started, failed);
}

/** Remembers who failed, so that the next set is another one. */
function noted(
  { step, fault }: SessionFailure,
  participants: readonly string[],
  out: Map<string, SymbolonError>,
  quarrels: (readonly [string, string])[],
  modules: SigningModules,
): FailedAttempt {
  const { node, error, accused } = fault;
  if (accused === undefined) {
    out.set(node, error);
    modules.nodes.blame(node);
    if (isConnectionError(error)) {
      modules.nodes.markDown(node, error);
    }
  } else {
    // Either may be lying: they are kept apart, and whoever is honest signs with others.
    quarrels.push([node, accused]);
  }
  const refused = isSymbolonError(error, 'coordinator/node-refused') ? error.facts.code : error.code;
  return {
    participants,
    step,
    node,
    accused: accused ?? '',
    code: refused,
    detail: error.message,
  };
}

/** Whether an error says that the node itself is not there, rather than what it answered. */
export const isConnectionError = (error: SymbolonError): boolean =>
  error.code === 'coordinator/node-unreachable' ||
  error.code === 'coordinator/node-timeout' ||
  error.code === 'coordinator/node-identity';

async function attemptWith(
  chosen: readonly string[],
  order: SignOrder,
  modules: SigningModules,
  limits: SessionLimits,
  times: StepTime[],
): Promise<{ readonly signature: Uint8Array; readonly session: Uint8Array }> {
  const participants = [...chosen].sort();
  const plan: SessionPlan = {
    signed: order.signed,
    requestHash: order.requestHash,
    participants,
    manifest: order.manifest,
    generation: order.public.generation,
  };
  let session: Session | undefined;
  try {
    session = await Session.open(plan, modules, limits);
    const commitments = await session.round();
    const shares = await session.round();
    times.push(...session.times);
    const started = performance.now();
    const signature = put(order, commitments, shares);
    times.push({ step: 'aggregate', ms: round1(performance.now() - started) });
    return { signature, session: session.id };
  } catch (error) {
    if (session !== undefined) {
      const code = error instanceof SessionFailure ? error.fault.error.code : 'coordinator/internal';
      endSession(participants, { outcome: 'aborted', session: session.id, code }, modules);
      if (error instanceof SessionFailure) {
        throw refereed(session, error);
      }
    }
    throw error;
  }
}

/** An accused peer whose evidence is really not acceptable is at fault itself, and no quarrel remains. */
function refereed(session: Session, failure: SessionFailure): SessionFailure {
  const { accused } = failure.fault;
  const refusal = accused === undefined ? undefined : session.judge(accused);
  return accused === undefined || refusal === undefined
    ? failure
    : new SessionFailure(failure.step, { node: accused, error: refusal, accused: undefined });
}

function put(
  order: SignOrder,
  commitments: ReadonlyMap<string, Uint8Array>,
  shares: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const byIndex = (of: ReadonlyMap<string, Uint8Array>): Map<number, Uint8Array> =>
    new Map(
      [...order.names].filter(([, name]) => of.has(name)).map(([index, name]) => [index, demand(of, name)]),
    );
  try {
    return aggregate({
      public: order.public,
      commitments: byIndex(commitments),
      shares: byIndex(shares),
      ...signedMessage(order.request.payload),
    });
  } catch (error) {
    const [cheater] = culprits(error).map((index) => order.names.get(index));
    if (cheater === undefined) {
      throw error;
    }
    const what = isSymbolonError(error) ? error.code : 'message';
    throw new SessionFailure('aggregate', {
      node: cheater,
      error: cheated(cheater, what, error),
      accused: undefined,
    });
  }
}

/** Participant indices that an error of threshold/ names. */
function culprits(error: unknown): number[] {
  if (!isSymbolonError(error)) {
    return [];
  }
  const facts: Readonly<Record<string, unknown>> = error.facts;
  const { party, parties } = facts;
  const all: readonly unknown[] = Array.isArray(parties) ? parties : [party];
  return all.map(Number).filter((index) => Number.isInteger(index) && index > 0);
}

/** The first `threshold` candidates, in their order, of whom no two are in a quarrel; `undefined` where there are none. */
export function chooseSet(
  candidates: readonly string[],
  threshold: number,
  quarrels: readonly (readonly [string, string])[],
): string[] | undefined {
  const apart = (a: string, b: string): boolean =>
    quarrels.some(([x, y]) => (x === a && y === b) || (x === b && y === a));
  const extend = (chosen: readonly string[], from: number): string[] | undefined => {
    if (chosen.length === threshold) {
      return [...chosen];
    }
    for (let i = from; candidates.length - i >= threshold - chosen.length; i += 1) {
      const next = candidates[i];
      if (next !== undefined && !chosen.some((name) => apart(name, next))) {
        const found = extend([...chosen, next], i + 1);
        if (found !== undefined) {
          return found;
        }
      }
    }
    return undefined;
  };
  return extend([], 0);
}

const deadlinePassed = (started: number, failed: readonly FailedAttempt[]): SymbolonError =>
  new SymbolonError('coordinator/deadline', {
    ms: Math.round(performance.now() - started),
    tried: failed.map(({ node, step, code }) => `${node} ${step} ${code}`),
  });

/** Where every node that was asked refused for one and the same reason, that reason is the answer. */
function notEnough(
  order: SignOrder,
  modules: SigningModules,
  out: ReadonlyMap<string, SymbolonError>,
): SymbolonError {
  const refusals = [...out.values()].map((error) =>
    isSymbolonError(error, 'coordinator/node-refused') ? error.facts : undefined,
  );
  const [first] = refusals;
  if (first !== undefined && refusals.every((refusal) => refusal?.code === first.code)) {
    return new SymbolonError('coordinator/request-refused', {
      code: first.code,
      detail: first.detail,
      nodes: [...out.keys()],
    });
  }
  const usable = modules.nodes.usableFor(order.key).filter((name) => !out.has(name));
  const refused = order.key.nodes
    .filter((name) => !usable.includes(name))
    .map(
      (name) => `${name}: ${out.get(name)?.message ?? modules.nodes.whyNot(name, order.key)?.sentence ?? ''}`,
    );
  return new SymbolonError('coordinator/not-enough-nodes', {
    wanted: order.public.threshold,
    healthy: usable,
    refused,
  });
}
