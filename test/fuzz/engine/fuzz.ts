/**
 * The loop: change an input of the corpus, run it, keep it where it reached code that no input reached before, or was refused
 * for a new reason.
 *
 * Asking V8 for its coverage costs more than most inputs, so it is asked once for a batch; where a batch reached something
 * new, its halves are run again until the inputs are found that did. Batches grow while nothing new shows up.
 */
import { mutate, type Material } from '../mutate/index.ts';
import { Seen, type Coverage } from './coverage.ts';
import {
  judge,
  leastCpuMs,
  memoryInUse,
  usualBounds,
  type Bounds,
  type Fault,
  type Verdict,
} from './judge.ts';
import { minimise } from './minimise.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';

/** What a run is given. */
export interface FuzzOptions {
  readonly target: Target;
  /** The same seed gives the same inputs. */
  readonly seed: string;
  /** How many inputs are run at most, seeds and searches for what is new included. */
  readonly executions: number;
  /** Ends the run early; asked between batches. */
  readonly enough?: () => boolean;
  /** Inputs beside the seeds of the target, from earlier runs. */
  readonly corpus?: readonly Uint8Array[];
  /** `undefined`: blind. Nothing joins the corpus then. */
  readonly coverage: Coverage | undefined;
  /** Called before each run of an input, so that one that never ends or takes all memory is known. */
  readonly before?: (input: Uint8Array) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly onFinding?: (finding: Finding) => void;
  /** Other bounds than the usual ones. */
  readonly bounds?: Bounds;
  /** Ends at the first finding. */
  readonly stopAtFinding?: boolean;
}

/** Where a run is. */
export interface Progress {
  readonly executions: number;
  /** Pieces of code reached. */
  readonly blocks: number;
  /** Inputs in the corpus. */
  readonly corpus: number;
  readonly findings: number;
  readonly accepted: number;
}

/** An input that something is wrong with, as small as it could be made. */
export interface Finding {
  readonly target: string;
  readonly verdict: Verdict & { readonly kind: 'finding' };
  readonly input: Uint8Array;
}

/** What a run gave. */
export interface FuzzResult extends Progress {
  readonly found: readonly Finding[];
  /** Inputs that joined the corpus, seeds left out. */
  readonly joined: readonly Uint8Array[];
  /** Processor time of the input that took longest, in milliseconds, and its size in bytes. */
  readonly slowest: { readonly ms: number; readonly bytes: number };
}

const largestBatch = 256;
/** Kinds of refusals that are told apart, at most. */
const mostRefusals = 500;

/** Runs one target. */
export function fuzz(options: FuzzOptions): FuzzResult {
  const run = new Run(options);
  run.seed();
  while (!run.isOver) {
    run.batch();
  }
  return run.result();
}

class Run {
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #seen = new Seen();
  readonly #corpus: Uint8Array[] = [];
  readonly #joined: Uint8Array[] = [];
  readonly #refusals = new Set<string>();
  readonly #found = new Map<string, Finding>();
  readonly #material: Material;
  readonly #bounds: Bounds;
  #executions = 0;
  #accepted = 0;
  #size = 8;
  #slowest: { ms: number; input: Uint8Array } = { ms: 0, input: new Uint8Array() };

  constructor(options: FuzzOptions) {
    const { target, seed } = options;
    this.#options = options;
    this.#bounds = options.bounds ?? usualBounds;
    this.#random = new Random(`${seed}/${target.name}`);
    this.#material = {
      other: () => (this.#corpus.length === 0 ? new Uint8Array() : this.#random.pick(this.#corpus)),
      words: (target.words ?? []).map((word) => new TextEncoder().encode(word)),
    };
  }

  get isOver(): boolean {
    const { executions, enough, stopAtFinding } = this.#options;
    return (
      this.#executions >= executions ||
      enough?.() === true ||
      (stopAtFinding === true && this.#found.size > 0)
    );
  }

  /** Every seed is in the corpus, whether it reaches anything new or not: what it looks like is what is changed. */
  seed(): void {
    const { target, corpus = [] } = this.#options;
    const seeds = target.seeds();
    this.#options.coverage?.take();
    for (const input of [...seeds, new Uint8Array()]) {
      this.#corpus.push(input);
      this.#run([input]);
      this.#reached([input], true);
    }
    this.#joined.length = 0;
    for (const input of corpus) {
      this.#run([input]);
      if (this.#reached([input], true)) {
        this.#corpus.push(input);
      }
    }
  }

  /** One batch of new inputs. */
  batch(): void {
    const { target } = this.#options;
    const inputs = Array.from({ length: this.#size }, () =>
      mutate(this.#choose(), target.form, target.maxBytes, this.#random, this.#material),
    );
    this.#run(inputs);
    const fresh = this.#reached(inputs, false);
    if (fresh) {
      this.#keep(inputs);
    }
    this.#size = fresh ? Math.max(8, this.#size >> 1) : Math.min(largestBatch, this.#size * 2);
    this.#options.onProgress?.(this.#progress());
  }

  result(): FuzzResult {
    return {
      ...this.#progress(),
      found: [...this.#found.values()],
      joined: this.#joined,
      slowest: {
        ms: leastCpuMs(this.#options.target, this.#slowest.input),
        bytes: this.#slowest.input.length,
      },
    };
  }

  /** The newest inputs are where the frontier is. */
  #choose(): Uint8Array {
    const recent = Math.max(1, this.#corpus.length >> 2);
    return this.#random.oneIn(2)
      ? this.#random.pick(this.#corpus)
      : this.#random.pick(this.#corpus.slice(-recent));
  }

  /** Finds the inputs of a batch that reached something new, by halves. */
  #keep(inputs: readonly Uint8Array[]): void {
    if (inputs.length === 1) {
      this.#run(inputs);
      if (this.#reached(inputs, true)) {
        inputs.forEach((input) => {
          this.#join(input);
        });
      }
      return;
    }
    const half = inputs.length >> 1;
    for (const part of [inputs.slice(0, half), inputs.slice(half)]) {
      this.#run(part);
      if (this.#reached(part, false)) {
        this.#keep(part);
      }
    }
  }

  /** Whether the run of `inputs` just now reached something new. */
  #reached(inputs: readonly Uint8Array[], remember: boolean): boolean {
    const reached = this.#options.coverage?.take();
    if (reached === undefined) {
      return false;
    }
    if (reached.work > this.#bounds.work) {
      for (const input of inputs) {
        this.#measure(input, 'too much work', () => this.#workOf(input) > this.#bounds.work);
      }
    }
    return this.#seen.isNew(reached, remember);
  }

  #run(inputs: readonly Uint8Array[]): void {
    const { target } = this.#options;
    const memory = memoryInUse();
    for (const input of inputs) {
      const began = performance.now();
      const verdict = this.#judge(input);
      const took = performance.now() - began;
      this.#executions += 1;
      this.#accepted += verdict.kind === 'accepted' ? 1 : 0;
      if (took > this.#slowest.ms) {
        this.#slowest = { ms: took, input };
      }
      if (verdict.kind === 'refused') {
        this.#refused(input, verdict.how);
      }
      if (verdict.kind === 'finding') {
        this.#finding(input, verdict);
      } else if (took > this.#bounds.cpuMs) {
        // Wall time is never less than processor time; the verdict is by the latter.
        this.#measure(input, 'too slow', () => leastCpuMs(target, input) > this.#bounds.cpuMs);
      }
    }
    if (memoryInUse() - memory > this.#bounds.memory) {
      for (const input of inputs) {
        this.#measure(input, 'too much memory', () => this.#memoryOf(input) > this.#bounds.memory);
      }
    }
  }

  /** A refusal for a reason that was not given before is as good as new code: all fields of a format run the same code. */
  #refused(input: Uint8Array, how: string): void {
    const { coverage } = this.#options;
    if (coverage !== undefined && this.#refusals.size < mostRefusals && !this.#refusals.has(how)) {
      this.#refusals.add(how);
      this.#join(input);
    }
  }

  #join(input: Uint8Array): void {
    if (!this.#corpus.includes(input)) {
      this.#corpus.push(input);
      this.#joined.push(input);
    }
  }

  #judge(input: Uint8Array): Verdict {
    this.#options.before?.(input);
    return judge(this.#options.target, input);
  }

  #memoryOf(input: Uint8Array): number {
    const before = memoryInUse();
    this.#judge(input);
    return memoryInUse() - before;
  }

  #workOf(input: Uint8Array): number {
    this.#options.coverage?.take();
    this.#judge(input);
    return this.#options.coverage?.take().work ?? 0;
  }

  #measure(input: Uint8Array, fault: Fault, isTooMuch: () => boolean): void {
    if (isTooMuch()) {
      this.#report(fault, {
        input,
        verdict: { kind: 'finding', fault, said: `${input.length} bytes`, where: this.#options.target.name },
      });
    }
  }

  #finding(input: Uint8Array, verdict: Verdict & { readonly kind: 'finding' }): void {
    const key = keyOf(verdict);
    if (this.#found.has(key)) {
      return;
    }
    const small = minimise(input, (candidate) => {
      const again = this.#judge(candidate);
      return again.kind === 'finding' && keyOf(again) === key;
    });
    const last = this.#judge(small);
    this.#report(key, { input: small, verdict: last.kind === 'finding' ? last : verdict });
  }

  #report(key: string, found: Omit<Finding, 'target'>): void {
    if (!this.#found.has(key)) {
      const finding = { target: this.#options.target.name, ...found };
      this.#found.set(key, finding);
      this.#options.onFinding?.(finding);
    }
  }

  #progress(): Progress {
    return {
      executions: this.#executions,
      blocks: this.#seen.blocks,
      corpus: this.#corpus.length,
      findings: this.#found.size,
      accepted: this.#accepted,
    };
  }
}

/** Two findings of one kind at one place are one. */
const keyOf = ({ fault, where }: Verdict & { readonly kind: 'finding' }): string => `${fault} ${where}`;
