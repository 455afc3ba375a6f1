/**
 * Runs the processes of a cluster: starts them in stages, starts a crashed one again with back-off, and ends them all.
 * It knows its children by id and start time and touches no other process.
 */
import { statSync } from 'node:fs';
import { SymbolonError } from '../../wire/errors/index.ts';
import {
  rotateLog,
  startProcess,
  waitReady,
  type Ending,
  type ProcessSpec,
  type Started,
} from './childProcess.ts';
import { writeJson } from './files.ts';
import { endAll } from './processTable.ts';

/** First and longest wait before a crashed process is started again, in milliseconds. */
const backOff = { firstMs: 250, longestMs: 30_000, calmMs: 10_000 };
const readyTimeoutMs = 30_000;
const endTimeoutMs = 2_500;

/** What the supervisor tells: for the screen, and for `symbolon status` on this machine. */
export type SupervisorEvent =
  | { readonly kind: 'ready'; readonly process: string; readonly ms: number }
  | {
      readonly kind: 'ended';
      readonly process: string;
      readonly how: string;
      readonly restartMs: number | undefined;
    }
  | { readonly kind: 'restarted'; readonly process: string };

interface Child {
  readonly spec: ProcessSpec;
  started: Started | undefined;
  waitMs: number;
  since: number;
  timer: NodeJS.Timeout | undefined;
}

/** The supervisor of one cluster. */
export class Supervisor {
  readonly #children: Child[] = [];
  readonly #launches = new Set<Promise<Started>>();
  readonly #noteFile: string;
  readonly #tell: (event: SupervisorEvent) => void;
  #ending = false;

  /**
   * @param noteFile - where the running processes are noted, for the next start after a crash.
   * @param tell - hears what happens.
   */
  constructor(noteFile: string, tell: (event: SupervisorEvent) => void) {
    this.#noteFile = noteFile;
    this.#tell = tell;
  }

  /**
   * Starts a process and waits for its ready line. A process that ends before is started again with back-off where it
   * may be; the caller hears of the first end all the same.
   * @throws SymbolonError `cli/process-failed`, `cli/start-timeout`.
   */
  async start(spec: ProcessSpec): Promise<void> {
    const began = Date.now();
    if (this.#ending) {
      throw new SymbolonError('cli/process-failed', {
        process: spec.name,
        code: 'the end was asked for',
        log: spec.log,
      });
    }
    rotateLog(spec.log);
    const child: Child = {
      spec,
      started: undefined,
      waitMs: backOff.firstMs,
      since: began,
      timer: undefined,
    };
    this.#children.push(child);
    const started = await this.#launch(child);
    this.#watch(child, started);
    await waitReady(spec, started, 0, readyTimeoutMs);
    this.#tell({ kind: 'ready', process: spec.name, ms: Date.now() - began });
  }

  /** Names and process ids of what runs now. */
  running(): { readonly name: string; readonly pid: number }[] {
    return this.#children.flatMap(({ spec, started }) =>
      started === undefined ? [] : [{ name: spec.name, pid: started.ref.pid }],
    );
  }

  /**
   * Ends all processes: first those that use others (all but the HSM processes), then the rest. Takes at most 5 s.
   * @returns names of the processes that had to be killed.
   */
  async end(): Promise<readonly string[]> {
    this.#ending = true;
    for (const { timer } of this.#children) {
      clearTimeout(timer);
    }
    // What is just being started gets its id first, and is then ended like the rest.
    await Promise.allSettled(this.#launches);
    const alive = this.#children.flatMap(({ spec, started }) =>
      started === undefined ? [] : [{ name: spec.name, ref: started.ref }],
    );
    const last = alive.filter(({ name }) => name.endsWith('.hsm'));
    const killed: number[] = [];
    for (const stage of [alive.filter((one) => !last.includes(one)), last]) {
      killed.push(
        ...(await endAll(
          stage.map(({ ref }) => ref),
          endTimeoutMs,
        )),
      );
    }
    writeJson(this.#noteFile, []);
    return alive.filter(({ ref }) => killed.includes(ref.pid)).map(({ name }) => name);
  }

  #hasEnded(): boolean {
    return this.#ending;
  }

  async #launch(child: Child): Promise<Started> {
    const launch = startProcess(child.spec).then((started) => {
      child.started = started;
      child.since = Date.now();
      this.#note();
      return started;
    });
    this.#launches.add(launch);
    try {
      return await launch;
    } finally {
      this.#launches.delete(launch);
    }
  }

  #watch(child: Child, started: Started): void {
    void started.ended.then((ending) => {
      if (child.started === started) {
        child.started = undefined;
      }
      if (!this.#ending) {
        this.#note();
        this.#afterCrash(child, ending);
      }
    });
  }

  #afterCrash(child: Child, ending: Ending): void {
    const how = ending.signal ?? `code ${String(ending.code)}`;
    if (!child.spec.mayRestart(ending.code)) {
      this.#tell({ kind: 'ended', process: child.spec.name, how, restartMs: undefined });
      return;
    }
    if (Date.now() - child.since > backOff.calmMs) {
      child.waitMs = backOff.firstMs;
    }
    const restartMs = child.waitMs;
    child.waitMs = Math.min(child.waitMs * 2, backOff.longestMs);
    this.#tell({ kind: 'ended', process: child.spec.name, how, restartMs });
    child.timer = setTimeout(() => {
      void this.#restart(child);
    }, restartMs);
  }

  async #restart(child: Child): Promise<void> {
    if (this.#ending) {
      return;
    }
    child.timer = undefined;
    const from = statSync(child.spec.log).size;
    const started = await this.#launch(child);
    this.#watch(child, started);
    try {
      await waitReady(child.spec, started, from, readyTimeoutMs);
      this.#tell({ kind: 'restarted', process: child.spec.name });
    } catch (error) {
      // An early end is handled by #watch; a process that is slow to become ready is left to go on. After the end of
      // the cluster nobody waits any more, and its folder may be gone.
      if (!(error instanceof SymbolonError) && !this.#hasEnded()) {
        throw error;
      }
    }
  }

  #note(): void {
    writeJson(
      this.#noteFile,
      this.#children.flatMap(({ spec, started }) =>
        started === undefined ? [] : [{ name: spec.name, ...started.ref }],
      ),
    );
  }
}
