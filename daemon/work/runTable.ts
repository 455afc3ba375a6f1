/** The worker's side: the runs that live in it. Takes orders, gives answers, wipes what it was lent. */
import { beginRun, type Random, type Run, type RunPlan } from '../../threshold/index.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import { judgePeers } from '../sessions/peers.ts';
import type { Answer, JudgedData, Order } from './messages.ts';
import { refusedOf, thrownOf, type Thrown } from './thrown.ts';
import { wipeEach, wipePlan } from './wipe.ts';

type Held =
  { readonly kind: 'run'; readonly run: Run } | { readonly kind: 'refused'; readonly thrown: Thrown };

const over: Thrown = { kind: 'refused', code: 'threshold/state-used', facts: { what: 'run' } };

/** The runs of one thread. */
export class RunTable {
  readonly #random: Random;
  readonly #runs = new Map<number, Held>();
  #manifest: VerifiedManifest | undefined;

  constructor(modules: { readonly random: Random }) {
    this.#random = modules.random;
  }

  /** Runs that are alive. */
  get size(): number {
    return this.#runs.size;
  }

  /** Carries one order out. Never throws: what is wrong is the answer. */
  take(order: Exclude<Order, { kind: 'close' }>): Answer | undefined {
    if (order.kind === 'begin') {
      this.#begin(order.run, order.plan);
      return undefined;
    }
    if (order.kind === 'end') {
      this.#end(order.run);
      return undefined;
    }
    const { call } = order;
    try {
      return { call, ...this.#answer(order) };
    } catch (error) {
      if (order.kind !== 'judge') {
        this.#end(order.run);
      }
      return { call, kind: 'thrown', thrown: thrownOf(error) };
    }
  }

  /** Wipes every run. */
  wipe(): void {
    for (const run of [...this.#runs.keys()]) {
      this.#end(run);
    }
  }

  #begin(run: number, plan: RunPlan): void {
    try {
      this.#runs.set(run, { kind: 'run', run: beginRun(plan, this.#random) });
    } catch (error) {
      this.#runs.set(run, { kind: 'refused', thrown: thrownOf(error) });
    } finally {
      wipePlan(plan);
    }
  }

  #answer(order: Extract<Order, { kind: 'step' | 'result' | 'judge' }>): AnswerBody {
    if (order.kind === 'judge') {
      return { kind: 'judged', judged: this.#judge(order) };
    }
    const held = this.#runs.get(order.run) ?? { kind: 'refused', thrown: over };
    if (held.kind === 'refused') {
      return { kind: 'thrown', thrown: held.thrown };
    }
    if (order.kind === 'result') {
      return { kind: 'result', result: held.run.takeResult() };
    }
    const { round, input } = order;
    try {
      return { kind: 'output', output: held.run.step(round, input) };
    } finally {
      wipeEach(input.pairwise.values());
    }
  }

  #judge({ given, options, manifest }: Extract<Order, { kind: 'judge' }>): JudgedData {
    this.#manifest = manifest ?? this.#manifest;
    if (this.#manifest === undefined) {
      throw new TypeError('no manifest to judge by');
    }
    const judged = judgePeers(given, { ...options, manifest: this.#manifest });
    return judged.kind === 'accepted'
      ? { kind: 'accepted', appraisals: judged.appraisals }
      : {
          kind: 'refused',
          refusals: judged.refusals.map(({ peer, error }) => ({ peer, error: refusedOf(error) })),
        };
  }

  #end(run: number): void {
    const held = this.#runs.get(run);
    this.#runs.delete(run);
    if (held?.kind === 'run') {
      held.run.wipe();
    }
  }
}

type AnswerBody = Answer extends infer A ? (A extends Answer ? Omit<A, 'call'> : never) : never;
