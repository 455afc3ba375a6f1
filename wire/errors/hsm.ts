import { facts, type Entry } from './catalogue.ts';

/** Refusals of the token, the HSM process and the sealed records. */
export const hsmErrors = {
  'hsm/unavailable': {
    http: 503,
    what: 'The HSM process does not answer.',
    todo: 'See the log of the HSM process; it is restarted with back-off, and the node goes on when it answers.',
    facts: facts<{ reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
