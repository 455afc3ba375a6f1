/**
 * Jobs: one client request each, kept in the store before anybody is told of it, so that a restart takes up what was
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

/** What the work of a job gives. */
export interface JobDone {
  /** Kept as JSON; the answer to the request. */
  readonly result: unknown;
  /** Called once the result is in the store: what must not be said before a restart would find the result. */
  readonly kept?: () => void;
}

/** Does the work of a job. `verified` is absent where the job is taken up after a restart: then it is checked anew. */
export type JobWork = (job: Job, verified: VerifiedRequest | undefined) => Promise<JobDone>;

interface Running {
  readonly hash: Uint8Array;
  /** Resolves once the store has the job. */
  readonly stored: Promise<unknown>;
  readonly ended: Promise<unknown>;
}

/** What jobs work with. */
export interface JobsModules {
  readonly store: Store;
  readonly now: () => number;
  readonly log: Log;
  readonly work: JobWork;
}

/** The jobs of this process. */
export class Jobs {
  readonly #modules: JobsModules;
  readonly #limit: number;
  readonly #running = new Map<string, Running>();
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
    const { request, hash } = verified;
    const entered = this.#enter(
      {
        id,
        kind,
        request: signed,
        hash,
        key: 'key' in request ? request.key : undefined,
        state: 'running',
        createdAt: this.#modules.now(),
        expiresAt: request.expiresAt,
        finishedAt: undefined,
        outcome: undefined,
      },
      verified,
    );
    const stored = entered.then((job) => job.stored);
    // Its failure is the failure of the job too.
    stored.catch(() => undefined);
    return this.#track(id, { hash, stored, ended: entered.then((job) => job.ended) });
  }

  /**
   * Resolves once the store has a job that was handed in: before that, nobody may be told that it runs.
   * @throws SymbolonError as {@link Jobs.submit} does where the store did not take it.
   */
  async stored(id: string): Promise<void> {
    await this.#running.get(id)?.stored;
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
      // Its caller asked again before this process came to it.
      if (this.#running.has(job.id)) {
        continue;
      }
      if (job.expiresAt <= now()) {
        const error = new SymbolonError('coordinator/request-expired', {
          expiresAt: job.expiresAt,
          now: now(),
        });
        await store.finishJob(job.id, 'failed', JSON.stringify(storedError(error)), now());
        continue;
      }
      log('info', 'job-resumed', { id: job.id, kind: job.kind });
      const stored = Promise.resolve();
      const ended = this.#run(job, undefined, stored);
      void this.#track(job.id, { hash: job.hash, stored, ended }).catch(() => undefined);
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

  #track(id: string, running: Running): Promise<unknown> {
    const ended = running.ended.finally(() => {
      this.#running.delete(id);
    });
    this.#running.set(id, { ...running, ended });
    return ended;
  }

  /** Finds out whether the request is known, then begins its work: anew, or again, or not at all where it is done. */
  async #enter(job: Job, verified: VerifiedRequest): Promise<Pick<Running, 'stored' | 'ended'>> {
    const { store } = this.#modules;
    const known = await store.job(job.id);
    if (known === undefined) {
      // The nodes work while the disk does: the first calls leave in this turn, the store is written in the next.
      const stored = nextTurn().then(() => store.addJob(job));
      return { stored, ended: this.#run(job, verified, stored) };
    }
    sameRequest(job.id, known.hash, job.hash);
    const stored = Promise.resolve();
    const view = viewOf(known);
    if (view.status === 'done') {
      return { stored, ended: Promise.resolve(view.result) };
    }
    // A failure is not a result: the same request may be tried again while it is valid.
    await store.restartJob(job.id);
    return { stored, ended: this.#run(known, verified, stored) };
  }

  /** @param stored - resolves once the store has the job: before that no end of it is kept, told to a node, or answered. */
  async #run(job: Job, verified: VerifiedRequest | undefined, stored: Promise<unknown>): Promise<unknown> {
    const { store, now, work, log } = this.#modules;
    const finish = async (state: 'done' | 'failed', outcome: unknown): Promise<void> => {
      await store.finishJob(job.id, state, JSON.stringify(outcome), now());
    };
    let done: JobDone;
    try {
      [done] = await Promise.all([work(job, verified), stored]);
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
      await stored;
      log('warn', 'job-failed', { id: job.id, kind: job.kind, code: named.code, detail: named.message });
      await finish('failed', storedError(named));
      throw error;
    }
    await finish('done', done.result);
    done.kept?.();
    return done.result;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
