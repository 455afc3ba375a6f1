/**
 * A ceremony: one session that all of its nodes must come through. There is no other set to go on with; whoever asked for
 * it asks again.
 */
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { keyStored, type Envelope } from '../../wire/messages/session.ts';
import type { NodeSet } from '../nodes/nodeSet.ts';
import {
  cheated,
  endSession,
  isConnectionError,
  Session,
  SessionFailure,
  type SessionLimits,
  type SessionModules,
  type SessionPlan,
  type StepTime,
} from '../rounds.ts';

/** What a ceremony needs. */
export interface CeremonyModules extends SessionModules {
  readonly nodes: Pick<NodeSet, 'whyNotReady' | 'markDown'>;
}

/** What is to be done. */
export interface CeremonyOrder extends Omit<SessionPlan, 'presignature'> {
  /** Rounds of the protocol. */
  readonly rounds: number;
  /** Whether the nodes keep what was made only once each was handed the last broadcasts of the others. */
  readonly concludes: boolean;
}

/** A ceremony that all nodes came through. */
export interface Ceremony {
  /** Id of the session, 32 bytes. */
  readonly session: Uint8Array;
  /** Broadcasts of the last round, by name. */
  readonly broadcasts: ReadonlyMap<string, Uint8Array>;
  /** The envelopes of the last round, as the nodes signed them. */
  readonly envelopes: readonly Envelope[];
  readonly times: readonly StepTime[];
}

/**
 * Runs a ceremony.
 * @param check - looks at the broadcasts of the last round, and throws SessionFailure where they do not fit.
 * @throws SymbolonError `coordinator/not-enough-nodes` where a named node can't take part, `coordinator/ceremony-failed`
 * with the node that failed and the peer that it blames.
 */
export async function runCeremony(
  order: CeremonyOrder,
  modules: CeremonyModules,
  limits: SessionLimits,
  check: (broadcasts: ReadonlyMap<string, Uint8Array>) => unknown = () => undefined,
): Promise<Ceremony> {
  const { participants } = order;
  requireAll(participants, modules);
  let session: Session | undefined;
  try {
    session = await Session.open(order, modules, limits);
    let broadcasts: ReadonlyMap<string, Uint8Array> = new Map();
    for (let round = 1; round <= order.rounds; round += 1) {
      broadcasts = await session.round();
    }
    check(broadcasts);
    if (order.concludes) {
      await session.conclude();
    }
    return { session: session.id, broadcasts, envelopes: session.envelopes(), times: session.times };
  } catch (error) {
    if (session !== undefined) {
      const code = 'coordinator/ceremony-failed';
      endSession(participants, { outcome: 'aborted', session: session.id, code }, modules);
    }
    if (!(error instanceof SessionFailure)) {
      throw error;
    }
    const { fault, step } = error;
    if (isConnectionError(fault.error)) {
      modules.nodes.markDown(fault.node, fault.error);
    }
    throw new SymbolonError(
      'coordinator/ceremony-failed',
      {
        step,
        node: fault.node,
        accused: fault.accused ?? '',
        code: isSymbolonError(fault.error, 'coordinator/node-refused')
          ? fault.error.facts.code
          : fault.error.code,
        detail: fault.error.message,
      },
      { cause: fault.error },
    );
  }
}

/** Nobody can be left out: one that is out stops the ceremony before it begins. */
function requireAll(participants: readonly string[], { nodes }: CeremonyModules): void {
  const out = participants.flatMap((name) => {
    const reason = nodes.whyNotReady(name);
    return reason === undefined ? [] : [{ name, reason }];
  });
  if (out.length > 0) {
    throw new SymbolonError('coordinator/not-enough-nodes', {
      wanted: participants.length,
      healthy: participants.filter((name) => !out.some((one) => one.name === name)),
      refused: out.map(({ name, reason }) => `${name}: ${reason.sentence}`),
    });
  }
}

/**
 * What all nodes say that they have stored, which must be one and the same.
 * @throws SessionFailure with the node that says something else.
 */
export function storedByAll(
  broadcasts: ReadonlyMap<string, Uint8Array>,
  wanted?: { readonly key: string; readonly generation: number },
): { readonly key: string; readonly generation: number } {
  let first = wanted;
  for (const [node, payload] of broadcasts) {
    const refuse = (what: string, cause?: unknown): SessionFailure =>
      new SessionFailure('round 4', { node, error: cheated(node, what, cause), accused: undefined });
    let stored: { readonly stored: string; readonly generation: number };
    try {
      stored = keyStored.decode(payload);
    } catch (cause) {
      throw refuse('malformed confirmation', cause);
    }
    first ??= { key: stored.stored, generation: stored.generation };
    if (stored.stored !== first.key || stored.generation !== first.generation) {
      throw refuse('it stored another key than its peers');
    }
  }
  if (first === undefined) {
    throw new TypeError('a ceremony without participants');
  }
  return first;
}
