/** Key creation: four rounds with every node that the request names, then the confirmations of all of them. */
import { SymbolonError, isSymbolonError } from '../wire/errors/index.ts';
import { keyStored, type Envelope } from '../wire/messages/session.ts';
import type { KeyCreateRequest } from '../wire/messages/request.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import {
  cheated,
  endSession,
  Session,
  SessionFailure,
  type SessionLimits,
  type SessionModules,
  type StepTime,
} from './rounds.ts';
import { isConnectionError } from './signing.ts';

/** A key that all nodes have stored and none has activated yet. */
export interface CreatedKey {
  /** Id of the key, on which all nodes agree. */
  readonly key: string;
  /** Generation of the shares. */
  readonly generation: number;
  /** The round-4 envelopes of all nodes: what makes each of them activate its share. */
  readonly confirmations: readonly Envelope[];
  readonly rounds: readonly StepTime[];
}

/** What is to be created. */
export interface CreateOrder {
  readonly signed: Uint8Array;
  readonly request: KeyCreateRequest;
  readonly requestHash: Uint8Array;
  readonly manifest: Uint8Array;
}

/** What key creation needs. */
export interface CeremonyModules extends SessionModules {
  readonly nodes: Pick<NodeSet, 'whyNotReady' | 'markDown'>;
}

/** Rounds of key creation. */
export const creationRounds = 4;

/**
 * Runs the ceremony.
 * @throws SymbolonError `coordinator/not-enough-nodes` where a named node can't take part; the error of the node that
 * failed, or `coordinator/ceremony-failed` with the peer that it blames.
 */
export async function createKey(
  order: CreateOrder,
  modules: CeremonyModules,
  limits: SessionLimits,
): Promise<CreatedKey> {
  const participants = [...order.request.nodes].sort();
  const out = participants.flatMap((name) => {
    const reason = modules.nodes.whyNotReady(name);
    return reason === undefined ? [] : [{ name, reason }];
  });
  // A key has its shares on all of its nodes from the start: one that is out stops the ceremony before it begins.
  if (out.length > 0) {
    throw new SymbolonError('coordinator/not-enough-nodes', {
      wanted: participants.length,
      healthy: participants.filter((name) => !out.some((one) => one.name === name)),
      refused: out.map(({ name, reason }) => `${name}: ${reason.sentence}`),
    });
  }
  let session: Session | undefined;
  try {
    session = await Session.open(
      {
        signed: order.signed,
        requestHash: order.requestHash,
        participants,
        manifest: order.manifest,
        generation: 0,
      },
      modules,
      limits,
    );
    let broadcasts: ReadonlyMap<string, Uint8Array> = new Map();
    for (let round = 1; round <= creationRounds; round += 1) {
      broadcasts = await session.round();
    }
    return { ...agreed(broadcasts), confirmations: session.envelopes(), rounds: session.times };
  } catch (error) {
    if (session !== undefined) {
      endSession(
        participants,
        { outcome: 'aborted', session: session.id, code: 'coordinator/ceremony-failed' },
        modules,
      );
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

/** All nodes must have stored one and the same key. */
function agreed(broadcasts: ReadonlyMap<string, Uint8Array>): { key: string; generation: number } {
  let first: { readonly stored: string; readonly generation: number } | undefined;
  for (const [name, payload] of broadcasts) {
    let stored: { readonly stored: string; readonly generation: number };
    try {
      stored = keyStored.decode(payload);
    } catch (cause) {
      throw new SessionFailure(`round ${creationRounds}`, {
        node: name,
        error: cheated(name, 'malformed confirmation', cause),
        accused: undefined,
      });
    }
    first ??= stored;
    if (stored.stored !== first.stored || stored.generation !== first.generation) {
      throw new SessionFailure(`round ${creationRounds}`, {
        node: name,
        error: cheated(name, 'it stored another key than its peers'),
        accused: undefined,
      });
    }
  }
  if (first === undefined) {
    throw new TypeError('a ceremony without participants');
  }
  return { key: first.stored, generation: first.generation };
}
