/** What a command of `symbolon` is: its words, options and examples as data, and one function that runs it. */
import { parseArgs } from 'node:util';
import { SymbolonError } from '../wire/errors/index.ts';
import type { ExitCode } from './exitCodes.ts';
import type { Io } from './io.ts';

/** An option of a command. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** Name of the value in the help text, for options that take one. */
  readonly value?: string;
  readonly help: string;
  readonly multiple?: boolean;
  /** One letter that stands for it. */
  readonly short?: string;
}
/** An operand: a word without dashes. */
export interface OperandSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** The last operand may be given any number of times. */
  readonly many?: boolean;
}
/** A command. */
export interface Command {
  /** The words that name it: `['key', 'create']`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly operands: readonly OperandSpec[];
  readonly examples: readonly string[];
  readonly run: (args: Arguments, io: Io) => Promise<ExitCode>;
}

/** A mistake in the command line. */
export const usage = (reason: string): SymbolonError<'cli/usage'> =>
  new SymbolonError('cli/usage', { reason });

/** Options that every command has. */
export const commonOptions: Readonly<Record<string, OptionSpec>> = {
  dir: {
    type: 'string',
    value: 'FOLDER',
    help: 'the cluster folder (default: $SYMBOLON_DIR, or .symbolon in the current folder)',
  },
  json: { type: 'boolean', help: 'one JSON object on stdout instead of text' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
};

/** The parsed words of one call. Asking for a value that the command does not declare is a mistake of the program. */
export class Arguments {
  readonly #values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly #operands: readonly string[];

  constructor(
    values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>,
    operands: readonly string[],
  ) {
    this.#values = values;
    this.#operands = operands;
  }

  /** Whether a switch is given. */
  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Value of an option, or `undefined` where it is not given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Value of an option that must be given. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      throw usage(`--${name} is needed`);
    }
    return value;
  }

  /** Values of an option that may be given several times. */
  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  }

  /** Value of an option as a whole number from `min` to `max`. */
  integer(name: string, min: number, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) {
      return undefined;
    }
    const number = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) {
      throw usage(`--${name} must be a whole number from ${min} to ${max}`);
    }
    return number;
  }

  /** The operand at a place, or `undefined` where it is optional and not given. */
  operand(at: number): string | undefined {
    return this.#operands[at];
  }

  /** All operands from a place on. */
  operandsFrom(at: number): readonly string[] {
    return this.#operands.slice(at);
  }

  /** The operand at a place, which the command declares as needed. */
  needed(at: number): string {
    const value = this.#operands[at];
    if (value === undefined) {
      throw usage('an operand is missing');
    }
    return value;
  }
}

/**
 * Parses the words after the command's name, strictly: unknown options, missing and surplus operands are refused.
 * @throws SymbolonError `cli/usage`.
 */
export function parse(command: Command, words: readonly string[]): Arguments {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...commonOptions }).map(([name, { type, multiple, short }]) => [
      name,
      { type, ...(multiple === true ? { multiple } : {}), ...(short === undefined ? {} : { short }) },
    ]),
  );
  let parsed;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    // node:util's message names the option and never repeats a value.
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw usage(reason);
  }
  const args = new Arguments(parsed.values, parsed.positionals);
  if (args.flag('help')) {
    return args;
  }
  const missing = command.operands.find((one, i) => one.optional !== true && i >= parsed.positionals.length);
  if (missing !== undefined) {
    throw usage(`${missing.name} is needed`);
  }
  const isOpen = command.operands.at(-1)?.many === true;
  if (!isOpen && parsed.positionals.length > command.operands.length) {
    const names = command.operands.map(({ name }) => name).join(' ');
    throw usage(`${command.words.join(' ')} takes ${names === '' ? 'no operand' : `no more than ${names}`}`);
  }
  return args;
}

/** The help text of one command. */
export function helpOf(command: Command): string {
  const operands = command.operands
    .map((one) => (one.many === true ? `${one.name}...` : one.name))
    .map((name, i) => (command.operands[i]?.optional === true ? `[${name}]` : name));
  const all = Object.entries({ ...command.options, ...commonOptions }).map(
    ([name, spec]) => [`  --${name}${spec.value === undefined ? '' : ` ${spec.value}`}`, spec.help] as const,
  );
  const named = command.operands.map((one) => [`  ${one.name}`, one.help] as const);
  const width = Math.max(...[...all, ...named].map(([left]) => left.length));
  const lines = (rows: readonly (readonly [string, string])[]): string[] =>
    rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
  return [
    command.summary,
    '',
    `Usage: symbolon ${[...command.words, ...operands].join(' ')} [options]`,
    ...(named.length === 0 ? [] : ['', ...lines(named)]),
    '',
    'Options:',
    ...lines(all),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
