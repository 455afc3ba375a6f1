import { facts, type Entry } from './catalogue.ts';

/** Refusals of the coordinator. */
export const coordinatorErrors = {
  'coordinator/not-enough-nodes': {
    http: 503,
    what: 'Fewer nodes than the threshold can take part now.',
    todo: 'See `symbolon status` for which nodes are out and why.',
    facts: facts<{ wanted: number; healthy: readonly string[]; refused: readonly string[] }>(),
  },
} as const satisfies Record<string, Entry>;
