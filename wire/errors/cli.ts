import { facts, type Entry } from './catalogue.ts';

/** Refusals of the command line and of the local cluster that `symbolon up` runs. */
export const cliErrors = {
  'cli/usage': {
    http: 400,
    what: 'The command line was not understood.',
    todo: 'Run the command with --help.',
    facts: facts<{ reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
