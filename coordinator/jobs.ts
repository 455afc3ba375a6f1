/**
 * Jobs: one client request each, kept in the store before anything happens, so that a restart takes up what was
 * running. The request id makes a job unique: the same request again gets the same result, and is never done twice.
 */
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, toHex } from '../wire/ids.ts';
import type { VerifiedRequest } from '../manifest/index.ts';
import type { Log } from './log.ts';
import type { Job, JobKind, Store } from './store/store.ts';

/** How a job ended or stands: `done` with its result, `failed` with its error, or `running`. */
export type JobView =
  | { readonly status: 'done'; readonly result: unknown }
  | { readonly status: 'failed'; readonly error: StoredError }
  | { readonly status: 'running' };

/** An error as it is kept. */
export interface StoredError {
  readonly code: string;
  readonly detail: string;
  readonly todo: string;
}

/** Does the work of a job; what it resolves to is kept as JSON. */
export type JobWork = (job: Job) => Promise<unknown>;

/** What jobs work with. */
export interface JobsModules {
  readonly store: Store;
  readonly now: () => number;
  readonly log: Log;
  readonly work: Readonly<Record<JobKind, JobWork>>;
}

/** The jobs of this process. */
export class Jobs {
  readonly #modules: JobsModules;
  readonly #limit: number;
  readonly #running = new Map<string, { readonly hash: Uint8Array; readonly ended: Promise<unknown> }>();
  #stopping = false;

  /** @param limit - jobs at once; one more is refused with `coordinator/busy`. */
  constructor(limit: number, modules: JobsModules) {
    this.#limit = limit;
    this.#modules = modules;
  }

  /** Jobs at work now. */
  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs a request, or joins it where it runs, or gives its result where it is done.
   * @throws SymbolonError `coordinator/request-conflict`, `coordinator/busy`, `coordinator/stopping`, and what the work
   * throws.
   */
  async submit(kind: JobKind, signed: Uint8Array, verified: VerifiedRequest): Promise<unknown> {
    const id = toHex(verified.request.id);
    const running = this.#running.get(id);
    if (running !== undefined) {
      sameRequest(id, running.hash, verified.hash);
      return running.ended;
    }
    if (this.#stopping) {
      throw new SymbolonError('coordinator/stopping', {});
    }
    if (this.#running.size >= this.#limit) {
      throw new SymbolonError('coordinator/busy', { limit: this.#limit });
    }
    const ended = this.#begin(kind, id, signed, verified);
    return this.#track(id, verified.hash, ended);
  }

  /** How a job stands, or `undefined` where there is none. */
  async view(id: string): Promise<{ readonly job: Job; readonly view: JobView } | undefined> {
    const job = await this.#modules.store.job(id);
    return job === undefined ? undefined : { job, view: viewOf(job) };
  }

  /** Takes up the jobs that were running when the last process ended. Their callers ask again, or read the job. */
  async resume(): Promise<void> {
    const { store, log, now } = this.#modules;
    for (const job of await store.runningJobs()) {
      if (job.expiresAt <= now()) {
        const error = new SymbolonError('coordinator/request-expired', {
          expiresAt: job.expiresAt,
          now: now(),
        });
        await store.finishJob(job.id, 'failed', JSON.stringify(storedError(error)), now());
        continue;
      }
      log('info', 'job-resumed', { id: job.id, kind: job.kind });
      void this.#track(job.id, job.hash, this.#run(job)).catch(() => undefined);
    }
  }

  /** Takes no more jobs, and waits for those at work, at most `ms`. */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([Promise.allSettled([...this.#running.values()].map(({ ended }) => ended)), limit]);
    clearTimeout(timer);
  }

  #track(id: string, hash: Uint8Array, ended: Promise<unknown>): Promise<unknown> {
    const tracked = ended.finally(() => {
      this.#running.delete(id);
    });
    this.#running.set(id, { hash, ended: tracked });
    return tracked;
  }

  async #begin(
    kind: JobKind,
    id: string,
    signed: Uint8Array,
    { request, hash }: VerifiedRequest,
  ): Promise<unknown> {
    const { store, now } = this.#modules;
    const { job, added } = await store.addJob({
      id,
      kind,
      request: signed,
      hash,
      key: request.action === 'sign' ? request.key : undefined,
      createdAt: now(),
      expiresAt: request.expiresAt,
    });
    if (!added) {
      sameRequest(id, job.hash, hash);
      const view = viewOf(job);
      if (view.status === 'done') {
        return view.result;
      }
      // A failure is not a result: the same request may be tried again while it is valid.
      await store.restartJob(id);
    }
    return this.#run(job);
  }

  async #run(job: Job): Promise<unknown> {
    const { store, now, work, log } = this.#modules;
    const finish = async (state: 'done' | 'failed', outcome: unknown): Promise<void> => {
      await store.finishJob(job.id, state, JSON.stringify(outcome), now());
    };
    let result: unknown;
    try {
      result = await work[job.kind](job);
    } catch (error) {
      const named = isSymbolonError(error)
        ? error
        : new SymbolonError('coordinator/internal', {}, { cause: error });
      // The job stays `running` in the store: the next process takes it up.
      if (this.#stopping) {
        throw new SymbolonError('coordinator/stopping', {}, { cause: error });
      }
      if (named.code === 'coordinator/store-broken') {
        throw error;
      }
      log('warn', 'job-failed', { id: job.id, kind: job.kind, code: named.code, detail: named.message });
      await finish('failed', storedError(named));
      throw error;
    }
    await finish('done', result);
    return result;
  }
}

const storedError = (error: SymbolonError): StoredError => ({
  code: error.code,
  detail: error.message,
  todo: error.todo,
});

function sameRequest(id: string, known: Uint8Array, given: Uint8Array): void {
  if (!equalBytes(known, given)) {
    throw new SymbolonError('coordinator/request-conflict', { id });
  }
}

/** How a stored job stands. */
export function viewOf(job: Job): JobView {
  if (job.state === 'running' || job.outcome === undefined) {
    return { status: 'running' };
  }
  const outcome: unknown = JSON.parse(job.outcome);
  return job.state === 'done'
    ? { status: 'done', result: outcome }
    : { status: 'failed', error: outcome as StoredError };
}
