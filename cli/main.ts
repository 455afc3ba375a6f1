/** Entry of `symbolon`: finds the command, parses its words, runs it, and turns errors into messages and exit codes. */
import { isSymbolonError } from '../wire/errors/index.ts';
import { helpOf, parse, usage, type Command } from './command.ts';
import { address } from './commands/address.ts';
import { doctor } from './commands/doctor.ts';
import { evidenceDiff } from './commands/evidenceDiff.ts';
import { evidenceFetch } from './commands/evidenceFetch.ts';
import { evidenceShow } from './commands/evidenceShow.ts';
import { evidenceVerify } from './commands/evidenceVerify.ts';
import { keyCreate } from './commands/keyCreate.ts';
import { keyList } from './commands/keyList.ts';
import { keyRefresh } from './commands/keyRefresh.ts';
import { keyReshare } from './commands/keyReshare.ts';
import { keyShow } from './commands/keyShow.ts';
import { manifestShow } from './commands/manifestShow.ts';
import { manifestVerify } from './commands/manifestVerify.ts';
import { pair } from './commands/pair.ts';
import { sign } from './commands/sign.ts';
import { status } from './commands/status.ts';
import { tpmAccept } from './commands/tpmAccept.ts';
import { tpmActivate } from './commands/tpmActivate.ts';
import { tpmChallenge } from './commands/tpmChallenge.ts';
import { tpmRequest } from './commands/tpmRequest.ts';
import { up } from './commands/up.ts';
import { exitCodes, type ExitCode } from './exitCodes.ts';
import { processIo, type Io } from './io.ts';
import { version } from './version.ts';

/** Every command, in the order of the help text. */
export const commands: readonly Command[] = [
  up,
  status,
  keyCreate,
  keyList,
  keyShow,
  keyRefresh,
  keyReshare,
  address,
  sign,
  pair,
  manifestShow,
  manifestVerify,
  evidenceVerify,
  evidenceShow,
  evidenceFetch,
  evidenceDiff,
  tpmRequest,
  tpmChallenge,
  tpmActivate,
  tpmAccept,
  doctor,
];

const listOf = (some: readonly Command[]): string[] => {
  const width = Math.max(...some.map(({ words }) => words.join(' ').length));
  return some.map(({ words, summary }) => `  ${words.join(' ').padEnd(width)}  ${summary}`);
};

const general = (): string =>
  [
    'symbolon: a threshold signer appliance',
    '',
    'Usage: symbolon COMMAND [options]',
    '',
    'Commands:',
    ...listOf(commands),
    '',
    'Every command has --help, --json and --dir FOLDER.',
    '',
    'Exit codes:',
    '  0  done, or accepted',
    '  1  refused, failed, or not verified',
    '  2  the command line, or a file given to it, was not understood',
    '  3  what the command needs does not run, or can not be reached',
    '',
  ].join('\n');

/** The commands that begin with one word. */
const groupHelp = (first: string, group: readonly Command[]): string =>
  [
    `Usage: symbolon ${first} COMMAND [options]`,
    '',
    'Commands:',
    ...listOf(group),
    '',
    'Each of them has --help.',
    '',
  ].join('\n');

const isHelp = (word: string): boolean => word === '--help' || word === '-h';

/**
 * Runs one command line.
 * @param words - the words after `symbolon`.
 * @returns the exit code.
 */
export async function main(words: readonly string[], io: Io = processIo()): Promise<ExitCode> {
  const json = words.includes('--json');
  try {
    return await dispatch(words, io);
  } catch (error) {
    return report(error, json, io);
  }
}

async function dispatch(words: readonly string[], io: Io): Promise<ExitCode> {
  const [first] = words;
  if (first === undefined || first === 'help' || isHelp(first)) {
    io.out(general());
    return first === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (first === '--version') {
    io.out(version());
    return exitCodes.ok;
  }
  const command = commands.find((one) => one.words.every((word, i) => words[i] === word));
  if (command === undefined) {
    const group = commands.filter((one) => one.words[0] === first && one.words.length > 1);
    if (group.length > 0 && words.slice(1).some(isHelp)) {
      io.out(groupHelp(first, group));
      return exitCodes.ok;
    }
    throw usage(
      group.length === 0
        ? 'there is no such command; symbolon --help lists them'
        : `${first} needs one of: ${group.map((one) => one.words.slice(1).join(' ')).join(', ')}`,
    );
  }
  const args = parse(command, words.slice(command.words.length));
  if (args.flag('help')) {
    io.out(helpOf(command));
    return exitCodes.ok;
  }
  return command.run(args, io);
}

const codesByError: Readonly<Record<string, ExitCode>> = {
  'cli/usage': exitCodes.usage,
  'coordinator/bad-path': exitCodes.usage,
  'cli/unreadable-file': exitCodes.usage,
  'cli/not-evidence': exitCodes.usage,
  'cli/no-cluster': exitCodes.unavailable,
  'cli/not-running': exitCodes.unavailable,
  'cli/already-running': exitCodes.unavailable,
  'cli/port-taken': exitCodes.unavailable,
  'cli/start-timeout': exitCodes.unavailable,
  'attester/no-device': exitCodes.unavailable,
};

/** Says what happened and what to do; a defect of the program keeps its stack. */
function report(error: unknown, json: boolean, io: Io): ExitCode {
  if (!isSymbolonError(error)) {
    io.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return exitCodes.refused;
  }
  const refused = isSymbolonError(error, 'cli/coordinator-refused');
  const code = refused ? error.facts.code : error.code;
  const what = isSymbolonError(error, 'cli/usage')
    ? error.facts.reason
    : refused && error.facts.detail !== ''
      ? error.facts.detail
      : error.message;
  const todo = refused && error.facts.todo !== '' ? error.facts.todo : error.todo;
  if (json) {
    io.out(JSON.stringify({ ok: false, code, what, todo }));
  } else {
    const { bad, dim } = io.errStyle;
    io.err(`${bad('error')} ${what}`);
    io.err(`      ${todo} ${dim(`[${code}]`)}`);
  }
  return codesByError[error.code] ?? exitCodes.refused;
}
