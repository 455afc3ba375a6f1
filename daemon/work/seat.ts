/** One place for a worker thread: the worker that sits there, what it was asked, and its replacement when it dies. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RoundOutput, RunPlan, RunResult } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { whereOf, type Log } from '../log.ts';
import type { GivenEvidence, Judged, JudgeOptions } from '../sessions/peers.ts';
import type { Answer, JudgedData, Order } from './messages.ts';
import { packed } from './packed.ts';
import type { RunHandle } from './runner.ts';
import { shapeOf } from './shape.ts';
import { errorOf, symbolonErrorOf } from './thrown.ts';
import { wipeAnswer } from './wipe.ts';

/** Pauses before a worker that died is replaced: doubling from the first to the last, in milliseconds. */
const pauseMs = { first: 50, last: 10_000 };
/** Longest orderly end of a worker in milliseconds; then it is terminated. */
const closeMs = 1_000;
/** Memory of a worker's heap in mebibytes: a leak ends one worker, and not the process with the keys. */
const heapMb = 256;

/** The entry of a worker: the built file beside this one. */
export const workerEntry = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** What a seat works with. */
export interface SeatModules {
  readonly log: Log;
  /** File of the worker's entry. */
  readonly entry: URL;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}
type Asking = Extract<Order, { readonly call: number }>;
const gone = (): SymbolonError => new SymbolonError('node/worker-ended', {});

/** A seat. */
export class Seat {
  readonly #modules: SeatModules;
  #worker: Worker | undefined;
  /** Counts the workers that sat here: a run belongs to one of them. */
  #life = 0;
  #calls = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #runs = new Set<number>();
  /** Hash of the manifest that the worker has. */
  #manifest: Uint8Array = new Uint8Array(0);
  #pause = pauseMs.first;
  #restart: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(modules: SeatModules) {
    this.#modules = modules;
    this.#start();
  }

  /** Runs and questions at work; `undefined` where no worker sits here at this moment. */
  get load(): number | undefined {
    return this.#worker === undefined ? undefined : this.#runs.size + this.#waiting.size;
  }

  /** Begins a run in this worker. */
  begin(run: number, plan: RunPlan): RunHandle {
    const life = this.#life;
    this.#runs.add(run);
    this.#post({ kind: 'begin', run, plan });
    return {
      ...shapeOf(plan),
      step: async (round, input) =>
        outputOf(await this.#ask(life, (call) => ({ kind: 'step', run, call, round, input }))),
      result: async () => resultOf(await this.#ask(life, (call) => ({ kind: 'result', run, call }))),
      end: () => {
        if (life === this.#life && this.#runs.delete(run)) {
          this.#post({ kind: 'end', run });
        }
      },
    };
  }

  /** Judges evidence in this worker. */
  async judge(given: readonly GivenEvidence[], { manifest, ...options }: JudgeOptions): Promise<Judged> {
    const known = equalBytes(this.#manifest, manifest.hash);
    this.#manifest = manifest.hash;
    const answer = await this.#ask(this.#life, (call) => ({
      kind: 'judge',
      call,
      given,
      options,
      manifest: known ? undefined : manifest,
    }));
    return judgedOf(answer);
  }

  /** Wipes what lives in the worker and ends it. No other one comes. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) {
      return;
    }
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        resolve();
      });
    });
    this.#post({ kind: 'close' });
    const timer = setTimeout(() => void worker.terminate(), closeMs);
    await ended;
    clearTimeout(timer);
  }

  #start(): void {
    // Nothing of the environment or the arguments: a worker needs what it is told, and nothing else.
    const worker = new Worker(this.#modules.entry, {
      env: {},
      argv: [],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    this.#worker = worker;
    this.#life += 1;
    this.#manifest = new Uint8Array(0);
    worker.on('message', (answer: Answer) => {
      this.#settle(answer);
    });
    // An error is followed by `exit`.
    worker.on('error', (error) => {
      this.#modules.log('error', 'internal', { where: whereOf(error) });
    });
    worker.on('exit', () => {
      this.#lost();
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.call);
    this.#waiting.delete(answer.call);
    this.#pause = pauseMs.first;
    if (waiting === undefined) {
      wipeAnswer(answer);
      return;
    }
    waiting.resolve(answer);
  }

  #lost(): void {
    this.#worker = undefined;
    this.#life += 1;
    this.#runs.clear();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) {
      reject(gone());
    }
    if (this.#closing) {
      return;
    }
    this.#modules.log('error', 'worker-ended', { count: waiting.length, ms: this.#pause });
    this.#restart = setTimeout(() => {
      this.#start();
    }, this.#pause).unref();
    this.#pause = Math.min(this.#pause * 2, pauseMs.last);
  }

  #ask(life: number, order: (call: number) => Asking): Promise<Answer> {
    if (life !== this.#life || this.#worker === undefined) {
      return Promise.reject(gone());
    }
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#post(order(call));
    });
  }

  #post(order: Order): void {
    const { value, buffers } = packed(order);
    this.#worker?.postMessage(value, buffers);
  }
}

function unexpected(answer: Answer): Error {
  return answer.kind === 'thrown' ? errorOf(answer.thrown) : new TypeError('an answer of another kind');
}
function outputOf(answer: Answer): RoundOutput {
  if (answer.kind !== 'output') {
    throw unexpected(answer);
  }
  return answer.output;
}
function resultOf(answer: Answer): RunResult {
  if (answer.kind !== 'result') {
    throw unexpected(answer);
  }
  return answer.result;
}
function judgedOf(answer: Answer): Judged {
  if (answer.kind !== 'judged') {
    throw unexpected(answer);
  }
  return judgedFrom(answer.judged);
}
const judgedFrom = (judged: JudgedData): Judged =>
  judged.kind === 'accepted'
    ? judged
    : {
        kind: 'refused',
        refusals: judged.refusals.map(({ peer, error }) => ({ peer, error: symbolonErrorOf(error) })),
      };
