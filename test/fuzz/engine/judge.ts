/** Runs one input and says what became of it. */
import { getHeapStatistics } from 'node:v8';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { isRefusal, type Target } from './target.ts';

/** What no input may pass. */
export interface Bounds {
  /** Processor time of one input in milliseconds, the least of three runs. */
  readonly cpuMs: number;
  /** Blocks of code that one input runs. */
  readonly work: number;
  /** Memory in bytes that one input leaves behind, garbage included. */
  readonly memory: number;
}

/** Generous: they are for what grows faster than its input, not for what is slow. 65,536 items of CBOR run 600,000 blocks. */
export const usualBounds: Bounds = { cpuMs: 2_000, work: 20_000_000, memory: 268_435_456 };

/** What was wrong with an input. */
export type Fault =
  'error' | 'promise' | 'input changed' | 'too slow' | 'too much work' | 'too much memory' | 'did not end';

/** What became of an input. */
export type Verdict =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused';
      /** Code, place and rule, without numbers. */
      readonly how: string;
    }
  | { readonly kind: 'finding'; readonly fault: Fault; readonly said: string; readonly where: string };

/** Runs the target on a copy of `input`. */
export function judge(target: Target, input: Uint8Array): Verdict {
  const { error, given } = attempt(target, input, 0);
  if (error === undefined || isRefusal(target, error)) {
    if (target.wipes !== true && Buffer.compare(given, input) !== 0) {
      const said = 'the parser wrote into its input';
      return { kind: 'finding', fault: 'input changed', said, where: target.name };
    }
    return error === undefined ? { kind: 'accepted' } : { kind: 'refused', how: howOf(error) };
  }
  // Refusals are many, and their stacks cost more than the parsers: only what is a finding is run for its stack.
  return findingOf(attempt(target, input, 30).error ?? error);
}

/** Facts that say which rule was broken, and nothing of the input. */
const tellingFacts = [
  'path',
  'wanted',
  'reason',
  'rule',
  'part',
  'field',
  'what',
  'holder',
  'signer',
] as const;

function howOf(error: unknown): string {
  if (!isSymbolonError(error)) {
    return 'refused';
  }
  const facts: Readonly<Record<string, unknown>> = error.facts;
  const telling = tellingFacts.map((name) => {
    const fact = facts[name];
    return typeof fact === 'string' ? fact.slice(0, 120) : '';
  });
  return [error.code, ...telling].join(' ').replace(/\d+/g, '#');
}

function attempt(
  target: Target,
  input: Uint8Array,
  stack: number,
): { readonly error: unknown; readonly given: Uint8Array } {
  const given = input.slice();
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = stack;
  try {
    target.run(given);
    return { error: undefined, given };
  } catch (error) {
    return { error: error ?? new TypeError('threw nothing'), given };
  } finally {
    Error.stackTraceLimit = before;
  }
}

function findingOf(error: unknown): Verdict {
  if (!(error instanceof Error)) {
    return { kind: 'finding', fault: 'error', said: `threw ${typeof error}`, where: 'unknown' };
  }
  const promise = error.name === 'BrokenPromise';
  return {
    kind: 'finding',
    fault: promise ? 'promise' : 'error',
    said: `${error.name}: ${error.message}`,
    where: promise ? error.message : placeOf(error),
  };
}

/** The first line of the stack that is not of Node itself. */
function placeOf(error: Error): string {
  const line = (error.stack ?? '')
    .split('\n')
    .find((one) => /^\s+at .*(?:file:|\/)/.test(one) && !one.includes('node:'));
  return (
    line
      ?.trim()
      .replace(/^at /, '')
      .replace(/\(?file:\/\/.*\/dist\//, '(')
      .replace(/:\d+\)?$/, '') ?? error.name
  );
}

/** Processor time of this process in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Memory in use, garbage included, in bytes. */
export function memoryInUse(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** The least processor time of three runs, in milliseconds. */
export function leastCpuMs(target: Target, input: Uint8Array): number {
  const times = [1, 2, 3].map(() => {
    const began = cpuMs();
    judge(target, input);
    return cpuMs() - began;
  });
  return Math.min(...times);
}
