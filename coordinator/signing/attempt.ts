/** One session that signs: FROST in two rounds, ECDSA in three, or in one with a presignature. */
import { aggregate, combineEcdsa, digestOf, publicKeyOf } from '../../threshold/index.ts';
import { isSymbolonError, type SymbolonError } from '../../wire/errors/index.ts';
import type { KeyGeneration } from '../keyFacts.ts';
import {
  cheated,
  demand,
  endSession,
  round1,
  Session,
  SessionFailure,
  type SessionLimits,
  type SessionModules,
  type StepTime,
} from '../rounds.ts';
import type { Choice, SignOrder, Target } from './contract.ts';

/** A signature that was verified. */
export interface Signed {
  readonly signature: Uint8Array;
  readonly recovery: number | undefined;
  readonly publicKey: Uint8Array;
  /** Id of the session. */
  readonly session: Uint8Array;
}

type Broadcasts = ReadonlyMap<string, Uint8Array>;

/** What the nodes of a set sent does not fit together, and who of them is to blame can't be told. */
export class SpoiledSet extends Error {
  override readonly name = 'SpoiledSet';
  readonly step: string;
  readonly code: string;

  constructor(step: string, code: string, cause: Error) {
    super(cause.message, { cause });
    this.step = step;
    this.code = code;
  }
}

/** What a node refuses with where one of its peers lied and it can't tell which; it may be the liar itself. */
export const unattributed: readonly string[] = [
  'threshold/wrong-key-sum',
  'threshold/degenerate-value',
  'threshold/bad-signature',
];

/** The code that a node refused with, or the code of what went wrong here. */
export const codeOf = (error: SymbolonError): string =>
  isSymbolonError(error, 'coordinator/node-refused') ? error.facts.code : error.code;

/** How many rounds a signature takes. */
const roundsOf = (target: Target, { presignature }: Choice): number =>
  target.kind === 'frost' ? 2 : presignature === undefined ? 3 : 1;

/**
 * Runs the session and puts the signature together.
 * @throws SessionFailure with the node that failed; SpoiledSet where it can't be told; SymbolonError of threshold/.
 */
export async function attempt(
  choice: Choice,
  target: Target,
  order: SignOrder,
  modules: SessionModules,
  limits: SessionLimits,
  times: StepTime[],
): Promise<Signed> {
  const participants = [...choice.participants].sort();
  let session: Session | undefined;
  try {
    session = await Session.open(
      {
        signed: order.signed,
        requestHash: order.requestHash,
        participants,
        manifest: order.manifest,
        generation: choice.generation.generation,
        presignature: choice.presignature,
      },
      modules,
      limits,
    );
    const broadcasts: Broadcasts[] = [];
    for (let round = roundsOf(target, choice); round > 0; round -= 1) {
      broadcasts.push(await session.round());
    }
    times.push(...session.times);
    const started = performance.now();
    const made = put(choice.generation, target, broadcasts);
    times.push({ step: 'aggregate', ms: round1(performance.now() - started) });
    return { ...made, session: session.id };
  } catch (error) {
    if (session !== undefined) {
      endSession(participants, { outcome: 'aborted', session: session.id, code: endOf(error) }, modules);
      if (error instanceof SessionFailure) {
        throw refereed(session, error);
      }
    }
    throw error;
  }
}

/** The code that the nodes are told. */
function endOf(error: unknown): string {
  if (error instanceof SessionFailure) {
    return error.fault.error.code;
  }
  return error instanceof SpoiledSet ? error.code : 'coordinator/internal';
}

/**
 * Who failed, as far as it can be told. An accused peer whose evidence is really not acceptable is at fault itself, and no
 * quarrel remains.
 */
function refereed(session: Session, failure: SessionFailure): SessionFailure | SpoiledSet {
  const { accused, error } = failure.fault;
  const code = codeOf(error);
  if (accused === undefined && unattributed.includes(code)) {
    return new SpoiledSet(failure.step, code, error);
  }
  const refusal = accused === undefined ? undefined : session.judge(accused);
  return accused === undefined || refusal === undefined
    ? failure
    : new SessionFailure(failure.step, { node: accused, error: refusal, accused: undefined });
}

/** The signature of the broadcasts of all rounds, verified. */
function put(key: KeyGeneration, target: Target, broadcasts: readonly Broadcasts[]): Omit<Signed, 'session'> {
  const byIndex = (of: Broadcasts = new Map()): Map<number, Uint8Array> =>
    new Map(
      [...key.names].filter(([, name]) => of.has(name)).map(([index, name]) => [index, demand(of, name)]),
    );
  const shares = byIndex(broadcasts.at(-1));
  const { decoded } = key;
  const { path, message } = target;
  try {
    if (target.kind === 'frost') {
      const { tweak } = target;
      const commitments = byIndex(broadcasts[0]);
      return {
        signature: aggregate({ public: decoded, commitments, shares, message, tweak, path }),
        recovery: undefined,
        publicKey: publicKeyOf(decoded, tweak, path),
      };
    }
    const digest = digestOf(target.hash, message);
    const { signature, recovery } = combineEcdsa({ public: decoded, path, digest, shares });
    return { signature, recovery, publicKey: publicKeyOf(decoded, 'none', path) };
  } catch (error) {
    throw blamed(error, key);
  }
}

/** The error of a signature that could not be put together, with the name of the node that is to blame. */
function blamed(error: unknown, key: KeyGeneration): unknown {
  const [cheater] = culprits(error).map((index) => key.names.get(index));
  if (cheater !== undefined) {
    const what = isSymbolonError(error) ? error.code : 'message';
    return new SessionFailure('aggregate', {
      node: cheater,
      error: cheated(cheater, what, error),
      accused: undefined,
    });
  }
  return isSymbolonError(error) && unattributed.includes(error.code)
    ? new SpoiledSet('aggregate', error.code, error)
    : error;
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
