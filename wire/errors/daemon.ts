import { facts, type Entry } from './catalogue.ts';

/** Refusals of the signer node. */
export const daemonErrors = {
  'node/wrong-phase': {
    http: 503,
    what: 'The node does not answer this request in its present phase.',
    todo: 'See `symbolon status` for what the node is waiting for.',
    facts: facts<{ phase: string; wanted: readonly string[] }>(),
  },
} as const satisfies Record<string, Entry>;
