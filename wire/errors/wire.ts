import { facts, type Entry } from './catalogue.ts';

/** Refusals of bytes and shapes, on every boundary. */
export const wireErrors = {
  'wire/oversize': {
    http: 413,
    what: 'The input is larger than this place accepts; it was not parsed.',
    todo: 'Send less; docs/limits.md lists every cap.',
    facts: facts<{ what: string; size: number; limit: number }>(),
  },
  'wire/malformed-cbor': {
    http: 400,
    what: 'The bytes are not strict deterministic CBOR (RFC 8949 section 4.2.1).',
    todo: 'Check that both ends run versions that belong together; the offset says where it broke.',
    facts: facts<{ reason: string; offset: number }>(),
  },
  'wire/unexpected-shape': {
    http: 400,
    what: 'A field is missing, unknown, or not of the wanted type or size.',
    todo: 'Check that both ends run versions that belong together; the path says which field.',
    facts: facts<{ path: string; wanted: string }>(),
  },
} as const satisfies Record<string, Entry>;
