/** `npm run fuzz`: reads the words, runs the targets, prints what was found. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../repoRoot.ts';
import type { Answer } from './contract.ts';
import { fromText, readFinding, saveFinding, toText } from './engine/findings.ts';
import type { Finding } from './engine/fuzz.ts';
import { judge } from './engine/judge.ts';
import type { Target } from './engine/target.ts';
import { help, readOptions, UsageError, type Options } from './options.ts';
import { targets } from './targets/index.ts';
import { watch } from './watch.ts';

// `--list | head -1`: a reader that has seen enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
});
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(words: readonly string[]): Promise<number> {
  const options = readOptions(words);
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  const unknown = options.names.find((name) => !targets.some((target) => target.name === name));
  if (unknown !== undefined) {
    throw new UsageError(`there is no target ${unknown}; --list names them`);
  }
  const chosen =
    options.names.length === 0 ? targets : targets.filter(({ name }) => options.names.includes(name));
  if (options.list) {
    const width = Math.max(...chosen.map(({ name }) => name.length));
    chosen.forEach(({ name, what }) => {
      say(`${name.padEnd(width)}  ${what}`);
    });
    return 0;
  }
  const [only] = chosen;
  return options.replay !== undefined && only !== undefined
    ? replay(only, options.replay)
    : run(chosen, options);
}

/** Runs one input and says what became of it. */
function replay(target: Target, given: string): number {
  const input = inputOf(target, given);
  const verdict = judge(target, input);
  say(
    `${target.name}: ${input.length} bytes: ${verdict.kind === 'finding' ? `${verdict.fault}: ${verdict.said}` : verdict.kind}`,
  );
  return verdict.kind === 'finding' ? 1 : 0;
}

/** The input of a file or of a text. @throws UsageError where it is neither, or the finding of another target. */
function inputOf({ name }: Target, given: string): Uint8Array {
  const isFile = existsSync(given);
  try {
    const finding = isFile ? readFinding(given) : { target: name, input: given };
    if (finding.target !== name) {
      throw new UsageError(`${given} is a finding of ${finding.target}, not of ${name}`);
    }
    return fromText(finding.input);
  } catch (error) {
    if (error instanceof UsageError) {
      throw error;
    }
    throw new UsageError(
      isFile
        ? `${given} is not the file of a finding`
        : '--replay takes base64 or the file of a finding, and there is no such file',
    );
  }
}

async function run(chosen: readonly Target[], options: Options): Promise<number> {
  const folder = options.findings ?? join(repoRoot, '.build/findings');
  let found = 0;
  let names = chosen.map(({ name }) => name);
  const onFinding = (finding: Finding): void => {
    found += 1;
    const file = saveFinding(folder, finding);
    const { target, verdict, input } = finding;
    say(`FOUND ${target}: ${verdict.fault}: ${verdict.said}`);
    say(`  at ${verdict.where}`);
    say(
      `  ${input.length} bytes, kept in ${file}; again: npm run fuzz -- ${target} --replay ${toText(input)}`,
    );
  };
  while (names.length > 0) {
    const left = new Set(names);
    const stopped = await watch({ ...options, names }, (answer) => {
      if (answer.kind === 'finding') {
        onFinding(answer.finding);
      } else {
        report(answer);
        // What has begun is not run again, even where it ended the thread.
        left.delete(answer.target);
      }
    });
    if (stopped !== undefined) {
      onFinding(stopped);
    }
    names = names.filter((name) => left.has(name));
  }
  say(found === 0 ? `nothing found in ${chosen.length} targets` : `${found} findings`);
  return found === 0 ? 0 : 1;
}

function report(answer: Exclude<Answer, { kind: 'finding' }>): void {
  if (answer.kind === 'begin') {
    return;
  }
  const { target, ms } = answer;
  const { executions, blocks, corpus, accepted } = answer.kind === 'end' ? answer.result : answer.progress;
  const parts = [
    `${target}:`,
    `${executions} inputs in ${(ms / 1_000).toFixed(1)} s (${Math.round((executions * 1_000) / ms)} a second),`,
    `${blocks} pieces of code, corpus ${corpus}, ${Math.round((accepted * 100) / executions)} % accepted`,
  ];
  if (answer.kind === 'end') {
    const { ms: slowest, bytes } = answer.result.slowest;
    parts.push(`; slowest ${slowest.toFixed(1)} ms of ${bytes} bytes`);
  }
  say(parts.join(' ').replace(' ;', ';'));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
