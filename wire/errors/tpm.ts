import { facts, type Entry } from './catalogue.ts';

/** Refusals of TPM 2.0 structures, and what can go wrong between this process and a TPM. */
export const tpmErrors = {
  'tpm/malformed': {
    http: 400,
    what: 'The bytes are not the TPM 2.0 structure that they should be.',
    todo: 'Check where they come from; the offset says where it broke.',
    facts: facts<{ what: string; reason: string; offset: number }>(),
  },
} as const satisfies Record<string, Entry>;
