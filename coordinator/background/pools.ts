/**
 * Presignatures made ahead for ECDSA keys that are in use: with one a signature takes one round. Here are only their ids,
 * in memory; the secret parts are on the nodes, which give each out once. What is believed here and what the nodes hold
 * may differ: then the nodes are asked, and a session that names one that is gone goes on without.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { isEcdsa, toHex } from '../../wire/ids.ts';
import { presignatureIdOf } from '../../wire/messages/session.ts';
import { runCeremony, type CeremonyModules } from '../ceremonies/ceremony.ts';
import { concludes, participantsOf, roundsOf } from '../ceremonies/kinds.ts';
import type { Key, KeyGeneration } from '../keyFacts.ts';
import type { Log } from '../log.ts';
import type { NodeSet, NodeView } from '../nodes/nodeSet.ts';
import type { OwnClient } from '../ownClient.ts';
import type { SessionLimits } from '../rounds.ts';
import { unattributed } from '../signing/attempt.ts';
import { chooseSet, setName } from '../signing/chooseSet.ts';
import type { Presigned, PresignatureSource } from '../signing/contract.ts';
import { BackOff } from './backOff.ts';
import type { Turn } from './turn.ts';

/** How many presignatures are kept. */
export interface PresignOptions {
  /** For each key that is in use, for one set of its nodes; 0 makes none. */
  readonly perKey: number;
  /** For all keys together. */
  readonly total: number;
  /** Ids of keys that are always in use; others are for a while after a signature. */
  readonly keys: readonly string[];
}

/** What a coordinator keeps unless told. */
export const defaultPresign: PresignOptions = { perKey: 4, total: 64, keys: [] };

/** What pools work with. */
export interface PoolsModules {
  readonly nodes: Pick<NodeSet, 'views' | 'client' | 'usableFor' | 'refresh' | 'blame'>;
  readonly key: (id: string) => Key | undefined;
  readonly own: Pick<OwnClient, 'mayPresign' | 'sign'>;
  /** Why two nodes can't multiply together now; `undefined` where they can. */
  readonly whyApart: (a: string, b: string) => string | undefined;
  /** Hash of the manifest in force, 32 bytes. */
  readonly manifest: () => Uint8Array;
  readonly ceremony: () => { readonly modules: CeremonyModules; readonly limits: SessionLimits };
  readonly turn: Turn;
  /** Whether no request is at work. */
  readonly idle: () => boolean;
  readonly now: () => number;
  readonly log: Log;
  /** Told of every session that ended. */
  readonly onSession: (outcome: 'done' | 'failed', node?: string) => void;
}

/** The pool of one key, generation and set of nodes. */
interface Pool {
  readonly key: string;
  readonly generation: number;
  /** Names, sorted. */
  readonly nodes: readonly string[];
  /** Ids as hexadecimal, with their bytes; the oldest first. */
  readonly ids: Map<string, Uint8Array>;
  /** Unix milliseconds of the last change that was made here: what a node says of before counts for nothing. */
  changedAt: number;
}

/** A pool as the status shows it. */
export interface PoolView {
  readonly key: string;
  readonly nodes: readonly string[];
  readonly count: number;
}

/** A key is in use for so long after a signature, in milliseconds. */
const inUseMs = 900_000;
/** No session is begun within so many milliseconds of the last request. */
const quietMs = 50;
/** Nodes are believed to be right about a pool that nothing was done to for so long, in milliseconds. */
const settledMs = 5_000;
/** Longest answer of a node to what it holds, in milliseconds. */
const askMs = 2_000;
/** Ids that were taken here, remembered so that they are not taken again. */
const maxSpent = 4_096;

/** Keeps the pools. */
export class Pools implements PresignatureSource {
  readonly #options: PresignOptions;
  readonly #modules: PoolsModules;
  readonly #pools = new Map<string, Pool>();
  readonly #spent = new Set<string>();
  readonly #usedAt = new Map<string, number>();
  readonly #backOff: BackOff;
  readonly #doubted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;

  constructor(options: PresignOptions, modules: PoolsModules) {
    this.#options = options;
    this.#modules = modules;
    this.#backOff = new BackOff({ waits: [1_000, 60_000], tries: 1_000, names: 256 }, { now: modules.now });
  }

  /** From here on the background work is done. To be called when all nodes were looked at once. */
  begin(): void {
    this.#stopped = false;
    this.kick();
  }

  take(
    { id: key, generation }: KeyGeneration,
    fits: (nodes: readonly string[]) => boolean,
  ): Presigned | undefined {
    const [fullest] = [...this.#pools.values()]
      .filter((pool) => pool.key === key && pool.generation === generation && pool.ids.size > 0)
      .filter((pool) => fits(pool.nodes))
      .sort((a, b) => b.ids.size - a.ids.size);
    const oldest = fullest?.ids.entries().next();
    if (fullest === undefined || oldest === undefined || oldest.done === true) {
      return undefined;
    }
    const [name, id] = oldest.value;
    // T13: gone here before anybody is told to use it.
    fullest.ids.delete(name);
    fullest.changedAt = this.#modules.now();
    this.#spend(name);
    return { id, nodes: fullest.nodes };
  }

  doubt({ id, generation }: KeyGeneration, nodes: readonly string[]): void {
    const name = nameOf(id, generation, nodes);
    this.#pools.get(name)?.ids.clear();
    this.#doubted.add(name);
    this.kick();
  }

  /** A signature was made with a key: it is in use. */
  used(key: string): void {
    this.#usedAt.set(key, this.#modules.now());
    this.kick();
  }

  /** All pools that are not empty, by key and nodes. */
  list(): PoolView[] {
    this.#dropOld();
    return [...this.#pools.values()]
      .filter(({ ids }) => ids.size > 0)
      .map(({ key, nodes, ids }) => ({ key, nodes, count: ids.size }))
      .sort((a, b) =>
        a.key === b.key ? compare(setName(a.nodes), setName(b.nodes)) : compare(a.key, b.key),
      );
  }

  /** A node was looked at: one that was started again has lost what it held. */
  looked({ name, status }: NodeView): void {
    for (const pool of this.#pools.values()) {
      if (pool.nodes.includes(name) && status !== undefined && status.startedAt > pool.changedAt) {
        pool.ids.clear();
      }
    }
    this.kick();
  }

  /** Does what is to be done, in the background and off the path of requests. */
  kick(): void {
    if (this.#stopped || this.#timer !== undefined || this.#running !== undefined) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#work().finally(() => {
        this.#running = undefined;
      });
    }, quietMs);
    this.#timer.unref();
  }

  /** Ends the background work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** One step, then away again: a request that comes meanwhile is not crowded. */
  async #work(): Promise<void> {
    const { idle, turn } = this.#modules;
    if (!idle()) {
      return;
    }
    const asked = this.#toAsk();
    if (asked !== undefined) {
      await this.#ask(asked);
      this.#again();
      return;
    }
    const fill = this.#toFill();
    if (fill !== undefined) {
      await turn.run(async () => {
        // Whoever had the turn before may have taken its time.
        if (idle() && !this.#stopped) {
          await this.#presign(fill.key, fill.nodes);
        }
      });
      this.#again();
    }
  }

  /** Once the work at hand has ended. */
  #again(): void {
    setImmediate(() => {
      this.kick();
    });
  }

  /** Pools of generations that are over: the nodes have dropped what was in them (T12). */
  #dropOld(): void {
    for (const [name, pool] of this.#pools) {
      const key = this.#modules.key(pool.key);
      if ((key?.next ?? key)?.generation !== pool.generation) {
        this.#pools.delete(name);
      }
    }
  }

  /** A pool of which the nodes say that they hold more or fewer than is believed here. */
  #toAsk(): Pool | undefined {
    const { nodes, now } = this.#modules;
    for (const { status } of nodes.views()) {
      for (const { key: id, nodes: set, count } of status?.presignatures.pools ?? []) {
        const key = this.#modules.key(id);
        const holders = [...set].sort();
        if (key === undefined || !isSetOf(key, holders)) {
          continue;
        }
        const pool = this.#pool(key, holders);
        const name = nameOf(key.id, key.generation, holders);
        const settled = now() - pool.changedAt > settledMs;
        if (this.#doubted.delete(name) || (settled && count !== pool.ids.size)) {
          return pool;
        }
      }
    }
    return undefined;
  }

  /** What all nodes of a set hold is what can be used. */
  async #ask(pool: Pool): Promise<void> {
    const { nodes, now } = this.#modules;
    try {
      const held = await Promise.all(
        pool.nodes.map(async (name) => {
          const ids = await nodes.client(name).presignatures(pool.key, pool.nodes, { timeoutMs: askMs });
          return new Map(ids.map((id) => [toHex(id), id]));
        }),
      );
      const [first, ...others] = held;
      pool.ids.clear();
      for (const [name, id] of first ?? []) {
        if (others.every((one) => one.has(name)) && !this.#spent.has(name)) {
          pool.ids.set(name, id);
        }
      }
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      pool.ids.clear();
    }
    pool.changedAt = now();
  }

  /** The next key, and the nodes, that lack a presignature. */
  #toFill(): { readonly key: Key; readonly nodes: readonly string[] } | undefined {
    const { own, nodes, whyApart } = this.#modules;
    const { perKey, total } = this.#options;
    const all = this.list().reduce((sum, { count }) => sum + count, 0);
    if (perKey === 0 || all >= total) {
      return undefined;
    }
    for (const id of this.#inUse()) {
      const key = this.#modules.key(id);
      const wanted =
        key !== undefined &&
        isEcdsa(key.scheme) &&
        key.state === 'active' &&
        key.next === undefined &&
        this.#backOff.isDue(id) &&
        own.mayPresign(key);
      if (!wanted) {
        continue;
      }
      const usable = nodes.usableFor(key);
      const apart = (a: string, b: string): boolean => whyApart(a, b) !== undefined;
      // The set that has some already is filled up, though another one may be a little faster now.
      const present = [...this.#pools.values()]
        .filter((pool) => pool.key === key.id && pool.ids.size > 0)
        .sort((a, b) => b.ids.size - a.ids.size)
        .map((pool) =>
          chooseSet(
            pool.nodes.filter((name) => usable.includes(name)),
            key.threshold,
            { quarrels: [], apart },
          ),
        )
        .find((set) => set !== undefined);
      const set = present ?? chooseSet(usable, key.threshold, { quarrels: [], apart });
      if (set !== undefined && this.#pool(key, [...set].sort()).ids.size < perKey) {
        return { key, nodes: [...set].sort() };
      }
    }
    return undefined;
  }

  /** Ids of the keys that are in use: those that are named, and those that signed lately, the last one first. */
  #inUse(): ReadonlySet<string> {
    const since = this.#modules.now() - inUseMs;
    for (const [key, at] of this.#usedAt) {
      if (at < since) {
        this.#usedAt.delete(key);
      }
    }
    const used = [...this.#usedAt].sort(([, a], [, b]) => b - a).map(([key]) => key);
    return new Set([...this.#options.keys, ...used]);
  }

  async #presign(key: Key, set: readonly string[]): Promise<void> {
    const { own, manifest, ceremony, nodes, log, onSession, now } = this.#modules;
    const { signed, hash, request } = own.sign({
      action: 'presign',
      key: key.id,
      purpose: key.purpose,
      nodes: [...set],
    });
    const { modules, limits } = ceremony();
    try {
      const { session, broadcasts } = await runCeremony(
        {
          signed,
          requestHash: hash,
          participants: participantsOf(request, []),
          manifest: manifest(),
          generation: key.generation,
          rounds: roundsOf(request),
          concludes: concludes(request),
        },
        modules,
        limits,
      );
      // The nodes have compared their confirmations: any of them is that of all.
      const [confirmation = new Uint8Array()] = broadcasts.values();
      const id = presignatureIdOf(session, confirmation);
      const pool = this.#pool(key, set);
      pool.ids.set(toHex(id), id);
      pool.changedAt = now();
      this.#backOff.worked(key.id);
      onSession('done');
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      this.#backOff.failed(key.id);
      const failed = isSymbolonError(error, 'coordinator/ceremony-failed') ? error.facts : undefined;
      onSession('failed', failed?.node);
      const code = failed?.code ?? error.code;
      log('warn', 'presigning-failed', { key: key.id, nodes: [...set], code, detail: error.message });
      // Others come first the next time; where it can't be told who failed, others than all of these.
      const suspects = unattributed.includes(code) ? set : failed?.accused === '' ? [failed.node] : [];
      for (const name of suspects) {
        nodes.blame(name);
      }
      // A failed check has poisoned a pairing: that is known before the next set is chosen.
      await Promise.all(set.map((name) => nodes.refresh(name)));
    }
  }

  #pool({ id: key, generation }: KeyGeneration, nodes: readonly string[]): Pool {
    const name = nameOf(key, generation, nodes);
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = { key, generation, nodes, ids: new Map(), changedAt: 0 };
      this.#pools.set(name, pool);
    }
    return pool;
  }

  #spend(name: string): void {
    this.#spent.add(name);
    for (const oldest of this.#spent) {
      if (this.#spent.size <= maxSpent) {
        break;
      }
      this.#spent.delete(oldest);
    }
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const nameOf = (key: string, generation: number, nodes: readonly string[]): string =>
  `${key} ${generation} ${setName(nodes)}`;
/** Whether these nodes can sign with a key. */
const isSetOf = ({ nodes, threshold }: KeyGeneration, set: readonly string[]): boolean =>
  set.length === threshold && set.every((name) => nodes.includes(name));
