import { facts, type Entry } from './catalogue.ts';

/** Refusals of the command line and of the local cluster that `symbolon up` runs. */
export const cliErrors = {
  'cli/usage': {
    http: 400,
    what: 'The command line was not understood.',
    todo: 'Run the command with --help.',
    facts: facts<{ reason: string }>(),
  },
  'cli/no-cluster': {
    http: 404,
    what: 'There is no cluster in this folder.',
    todo: 'Make one with `symbolon up`, or name its folder with --dir or SYMBOLON_DIR.',
    facts: facts<{ dir: string }>(),
  },
  'cli/half-made-folder': {
    http: 409,
    what: 'The folder holds something that is not a complete cluster; nothing in it was touched.',
    todo: 'Move the folder away, or name another one with --dir.',
    facts: facts<{ dir: string; found: readonly string[]; missing: readonly string[] }>(),
  },
  'cli/unreadable-file': {
    http: 400,
    what: 'A file can not be read, or does not hold what it should.',
    todo: 'Check the path, and that it is the file that the option wants; nothing was changed.',
    facts: facts<{ path: string; reason: string }>(),
  },
  'cli/not-evidence': {
    http: 400,
    what: 'The file does not hold evidence that can be read.',
    todo: 'Give the raw bytes: a document of AWS, evidence or a quote of a TPM, or the event log of a boot; not base64 or JSON.',
    facts: facts<{ path: string; reason: string }>(),
  },
  'cli/exposed-secret': {
    http: 403,
    what: 'A file with a secret can be read by others than its owner; it was not used.',
    todo: 'Find out who could have read it; then `chmod 600` the file, or make a new cluster.',
    facts: facts<{ path: string; mode: string }>(),
  },
  'cli/port-taken': {
    http: 409,
    what: 'A port that the cluster needs is in use.',
    todo: 'End the program that holds the port, or choose another range with --port.',
    facts: facts<{ port: number; for: string }>(),
  },
  'cli/already-running': {
    http: 409,
    what: 'This cluster runs already.',
    todo: 'Use it (`symbolon status`), or end it with Ctrl-C where it runs; its process id is given.',
    facts: facts<{ dir: string; pid: number }>(),
  },
  'cli/other-shape': {
    http: 409,
    what: 'The cluster in this folder was made with other numbers than the options ask for.',
    todo: 'Leave out --nodes and --threshold to use it, or make another cluster with --dir.',
    facts: facts<{ dir: string; nodes: number; threshold: number }>(),
  },
  'cli/not-running': {
    http: 503,
    what: 'The cluster does not run, or its coordinator does not answer.',
    todo: 'Start it with `symbolon up`; `symbolon doctor` looks for what is in the way.',
    facts: facts<{ dir: string; reason: string }>(),
  },
  'cli/process-failed': {
    http: 503,
    what: 'A process of the cluster ended before it was ready, or could not be kept running.',
    todo: 'The reason is at the end of its log file.',
    facts: facts<{ process: string; code: string; log: string }>(),
  },
  'cli/start-timeout': {
    http: 504,
    what: 'A process of the cluster was not ready in time.',
    todo: 'See the end of its log file; on a loaded machine start again.',
    facts: facts<{ process: string; seconds: number; log: string }>(),
  },
  'cli/coordinator-refused': {
    http: 502,
    what: 'The coordinator refused the call.',
    todo: 'The reason and what to do stand in the answer; `symbolon status` shows the nodes.',
    facts: facts<{ code: string; detail: string; todo: string }>(),
  },
  'cli/wrong-answer': {
    http: 502,
    what: 'The coordinator gave an answer that this client does not accept.',
    todo: 'Check that both are of one version; a coordinator is not trusted, so its answers are checked.',
    facts: facts<{ reason: string }>(),
  },
  'cli/demo-failed': {
    http: 502,
    what: 'The chain library did not accept the transaction of the demonstration.',
    todo: 'Keep the folder and the output: this is a defect.',
    facts: facts<{ chain: string; reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
