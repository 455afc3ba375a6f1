/** The words of `npm run fuzz`. */
import { parseArgs } from 'node:util';

/** What was asked for. */
export interface Options {
  readonly help: boolean;
  readonly list: boolean;
  readonly all: boolean;
  /** Names of targets. */
  readonly names: readonly string[];
  /** Seconds for each target; no bound by time where absent. */
  readonly seconds: number | undefined;
  /** Inputs for each target, divided by its weight; no bound where absent. */
  readonly executions: number | undefined;
  readonly seed: string;
  /** Folder of corpora, one folder a target inside of it. */
  readonly corpus: string | undefined;
  /** Folder that findings are written to. */
  readonly findings: string | undefined;
  /** An input in base64 or the file of a finding. */
  readonly replay: string | undefined;
  /** Without coverage, to compare. */
  readonly blind: boolean;
}

/** A mistake in the words. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `--help` prints. */
export const help = `Coverage-guided fuzzing of the parsers. test/fuzz/README.md says how it works.

Usage: npm run fuzz -- TARGET ... [options]
       npm run fuzz -- --all [options]
       npm run fuzz -- --list
       npm run fuzz -- TARGET --replay BASE64|FILE

Options:
  --seconds N          time for each target (default: 60, where --executions is not given)
  --executions N       inputs for each target; targets that are slow by nature run a part of them
  --seed N             another stream of inputs (default: 1); the same seed gives the same inputs
  --corpus FOLDER      begins with the inputs of FOLDER/TARGET and adds what reaches new code to it
  --findings FOLDER    where findings are written (default: .build/findings)
  --replay BASE64|FILE runs one input, or the file of a finding
  --blind              without coverage, to compare
  --list               the targets
  --help               this text

Exit code: 0 nothing was found, 1 something was, 2 the words were wrong.
`;

const whole = (name: string, value: string | undefined): number | undefined => {
  if (value === undefined) {
    return undefined;
  }
  if (!/^[1-9]\d{0,9}$/.test(value)) {
    throw new UsageError(`--${name} takes a whole number above 0`);
  }
  return Number(value);
};

/** Reads the words. @throws UsageError. */
export function readOptions(words: readonly string[]): Options {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...words],
      allowPositionals: true,
      strict: true,
      options: {
        help: { type: 'boolean' },
        list: { type: 'boolean' },
        all: { type: 'boolean' },
        blind: { type: 'boolean' },
        seconds: { type: 'string' },
        executions: { type: 'string' },
        seed: { type: 'string' },
        corpus: { type: 'string' },
        findings: { type: 'string' },
        replay: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the words can not be read');
  }
  const { values, positionals } = parsed;
  const {
    help: wantsHelp = false,
    list = false,
    all = false,
    blind = false,
    corpus,
    findings,
    replay,
  } = values;
  if (!wantsHelp && !list && !all && positionals.length === 0) {
    throw new UsageError('name a target, or --all, or --list');
  }
  if (all && positionals.length > 0) {
    throw new UsageError('--all and names of targets exclude each other');
  }
  if (replay !== undefined && positionals.length !== 1) {
    throw new UsageError('--replay takes exactly one target');
  }
  const executions = whole('executions', values.executions);
  const seconds = whole('seconds', values.seconds) ?? (executions === undefined ? 60 : undefined);
  return {
    help: wantsHelp,
    list,
    all,
    blind,
    names: positionals,
    seconds,
    executions,
    seed: String(whole('seed', values.seed) ?? 1),
    corpus,
    findings,
    replay,
  };
}
