import { facts, type Entry } from './catalogue.ts';

/** Refusals of evidence (RFC 9334). The appraiser gives the detail; an unauthenticated peer sees none of it. */
export const evidenceErrors = {
  'evidence/nonce-mismatch': {
    http: 403,
    what: 'The evidence was not made over the nonce that this verifier chose.',
    todo: 'Evidence was replayed or relayed: find out which machine sent it before trying again.',
    facts: facts<{ wanted: string; got: string }>(),
  },
} as const satisfies Record<string, Entry>;
