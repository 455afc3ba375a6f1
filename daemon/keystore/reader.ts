/**
 * The reading side of the key store: a key is unsealed and verified when somebody asks for it, once for all who ask, and
 * what was found is remembered. A failure of the token or of memory is thrown and forgotten.
 */
import { createHash } from 'node:crypto';
import type { HsmLink } from '../../hsm/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Files } from '../files/atomic.ts';
import { Lanes } from '../files/queue.ts';
import type { FoundKey, ListedChange } from './contract.ts';
import { loadCandidate, unsafeClaimedBy, wipeLoaded, type Loaded, type StoreOwner } from './load.ts';
import { fileOf, keyFactsOf, keyInfoOf, type Place } from './records.ts';
import type { SecretMemory } from './secretMemory.ts';
import { faultsOf, settle, verdictOf, type Settled, type Verdict } from './settle.ts';
import { claimOf, type Entry, type KeyState, type KeyTable } from './table.ts';

/** Keys that are read at once: hides the latency of the link, the token itself takes one at a time. */
const readAtOnce = 8;

/** The candidates of a key: at least one. */
export type AllLoaded = readonly [Loaded, ...Loaded[]];
/** Whether the share of a key that was read stays in memory. */
export type Keeping = 'keep' | 'forget';

/** What reading works with. */
export interface ReaderModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly table: KeyTable;
  readonly memory: SecretMemory;
  /** Path of a file of the store. */
  readonly pathOf: (file: string) => string;
  /** Throws where the store is closed. */
  readonly requireOpen: () => void;
}

/** Reads keys. */
export class KeyReader {
  readonly #owner: StoreOwner;
  readonly #modules: ReaderModules;
  readonly #lanes = new Lanes(readAtOnce);
  /** Keys that are being read: all who want one wait for the same. */
  readonly #reading = new Map<string, Promise<void>>();

  constructor(owner: StoreOwner, modules: ReaderModules) {
    this.#owner = owner;
    this.#modules = modules;
  }

  /** See `Keystore.open`. */
  async open(id: string): Promise<FoundKey> {
    for (;;) {
      this.#modules.requireOpen();
      const entry = this.#modules.table.get(id);
      if (entry === undefined) {
        return { kind: 'absent' };
      }
      if (entry.state.kind === 'opened') {
        return entry.state.found;
      }
      await this.read(id, 'keep');
    }
  }

  /** Reads a key and remembers what it is. @throws SymbolonError as `Keystore.open`. */
  read(id: string, keeping: Keeping): Promise<void> {
    const running = this.#reading.get(id);
    if (running !== undefined) {
      return running;
    }
    const job = this.load(id, (loaded) => {
      this.judge(id, settle(loaded), keeping);
    })
      .then(() => undefined)
      .finally(() => this.#reading.delete(id));
    this.#reading.set(id, job);
    return job;
  }

  /**
   * Hands the candidates of a key to `use` as they are at one moment, and wipes their secrets after it; `undefined` where
   * there is no such key.
   * @throws SymbolonError as `Keystore.open`.
   */
  async load<T>(id: string, use: (loaded: AllLoaded) => T | Promise<T>): Promise<T | undefined> {
    const { table, requireOpen } = this.#modules;
    for (;;) {
      requireOpen();
      const entry = table.get(id);
      const [first, ...rest] = entry?.candidates ?? [];
      if (entry === undefined || first === undefined) {
        return undefined;
      }
      const loaded = await this.#lanes.run(() =>
        this.#loadAll(
          first.place,
          rest.map(({ place }) => place),
        ),
      );
      try {
        // The writer may have been faster: what was read is then a mixture of before and after.
        if (table.get(id)?.candidates === entry.candidates) {
          return await use(loaded);
        }
      } finally {
        wipeLoaded(loaded);
      }
    }
  }

  /** Reads one candidate; the caller wipes it. @throws SymbolonError `hsm/*`. */
  loadPlace(place: Place): Promise<Loaded> {
    return loadCandidate(this.#modules.pathOf, place, this.#owner, this.#modules);
  }

  /** Remembers what a key is. A share that was lent before is wiped. */
  judge(id: string, settled: Settled, keeping: Keeping): void {
    const { table, memory } = this.#modules;
    const entry = table.get(id);
    if (entry === undefined) {
      return;
    }
    const verdict = verdictOf(settled);
    const state = this.#stateOf(verdict, keeping);
    if (entry.state.kind === 'opened' && entry.state.found.kind === 'active') {
      memory.retire(entry.state.found.share.secret);
    }
    table.set({ ...entry, state, faults: faultsOf(settled), told: undefined });
    const holds = verdict.kind === 'active' || verdict.kind === 'pending';
    if (entry.told !== undefined && holds && entry.told !== toldOf(keyInfoOf(verdict.record, verdict.kind))) {
      // The header that was listed is not the one in the seal.
      table.changes.note(id);
    }
  }

  /** See `Keystore.list`. */
  async list(after: string, limit: number): Promise<KeyInfo[]> {
    const { table, requireOpen } = this.#modules;
    requireOpen();
    const infos: KeyInfo[] = [];
    const ids = table.idsAfter(after);
    for (let at = 0; at < ids.length && infos.length < limit;) {
      const group = ids.slice(at, at + Math.min(readAtOnce, limit - infos.length));
      const found = await Promise.all(group.map((id) => this.#listed(id)));
      requireOpen();
      infos.push(...found.filter((info) => info !== undefined));
      at += group.length;
    }
    return infos;
  }

  /** See `Keystore.changes`. */
  async changes(since: number, limit: number): Promise<ListedChange[]> {
    const { table, requireOpen } = this.#modules;
    requireOpen();
    // The numbers of one moment: what changes while the files are read gets a later one, and is read again.
    return this.#described(table.changes.after(since, limit));
  }

  /** See `Keystore.describe`. */
  async describe(ids: readonly string[]): Promise<ListedChange[]> {
    const { table, requireOpen } = this.#modules;
    requireOpen();
    return this.#described(ids.map((id) => ({ id, number: table.changes.numberOf(id) })));
  }

  async #described(
    changes: readonly { readonly id: string; readonly number: number }[],
  ): Promise<ListedChange[]> {
    const described: ListedChange[] = [];
    for (let at = 0; at < changes.length; at += readAtOnce) {
      const group = changes.slice(at, at + readAtOnce);
      const infos = await Promise.all(group.map(({ id }) => this.#listed(id)));
      this.#modules.requireOpen();
      described.push(...group.map((change, i) => ({ ...change, key: infos[i] })));
    }
    return described;
  }

  async #loadAll(first: Place, rest: readonly Place[]): Promise<AllLoaded> {
    const loaded: [Loaded, ...Loaded[]] = [await this.loadPlace(first)];
    try {
      for (const place of rest) {
        loaded.push(await this.loadPlace(place));
      }
      return loaded;
    } catch (error) {
      wipeLoaded(loaded);
      throw error;
    }
  }

  #stateOf(verdict: Verdict, keeping: Keeping): KeyState {
    if (verdict.kind === 'broken') {
      const { claimed, fault } = verdict;
      const { code, detail } = fault;
      const info = claimed === undefined ? undefined : keyInfoOf(claimed, 'broken', code);
      return { kind: 'opened', found: { kind: 'broken', info, code, detail } };
    }
    if (keeping === 'forget') {
      return { kind: 'checked', as: verdict.kind };
    }
    const { record } = verdict;
    if (verdict.kind === 'departed') {
      return { kind: 'opened', found: { kind: 'departed', info: keyFactsOf(record) } };
    }
    if (verdict.kind === 'pending') {
      const info = keyInfoOf(record, 'pending');
      return { kind: 'opened', found: { kind: 'pending', info, record: verdict.record } };
    }
    const { index, public: key } = verdict.record;
    const share = { public: key, index, secret: this.#modules.memory.copy(verdict.secret) };
    const info = keyInfoOf(record, 'active');
    return { kind: 'opened', found: { kind: 'active', info, record: verdict.record, share } };
  }

  async #listed(id: string): Promise<KeyInfo | undefined> {
    const { table, files, pathOf } = this.#modules;
    const entry = table.get(id);
    const claim = entry === undefined ? undefined : claimOf(entry);
    if (entry === undefined || claim === undefined) {
      return undefined;
    }
    if (entry.state.kind === 'opened') {
      return infoOf(entry.state.found);
    }
    const { candidate, as } = claim;
    if (as === 'departed') {
      return undefined;
    }
    const read = await files.read(pathOf(fileOf(candidate.place, 'record')), maxSealedRecord);
    const claimed =
      read.kind === 'value' ? unsafeClaimedBy(read.bytes, candidate.place, this.#owner.cluster) : undefined;
    if (claimed?.public.generation === candidate.place.generation) {
      const info = keyInfoOf(claimed, as);
      if (table.get(id) === entry) {
        table.set({ ...entry, told: toldOf(info) });
      }
      return info;
    }
    return this.#openedInfo(entry);
  }

  /** For a key whose header can't be read: that is no fault of the token, so it is known at once. */
  async #openedInfo({ id }: Entry): Promise<KeyInfo | undefined> {
    try {
      return infoOf(await this.open(id));
    } catch (error) {
      if (error instanceof SymbolonError && error.code !== 'store/closed') {
        return undefined;
      }
      throw error;
    }
  }
}

/** What a listing told of a key, to compare: kept in place of it, for stores of many keys. */
function toldOf({ state, label, createdAt, nodes, public: raw }: KeyInfo): string {
  const text = JSON.stringify([state, label, createdAt, nodes, toHex(raw)]);
  return createHash('sha256').update(text).digest('binary');
}

const infoOf = (found: FoundKey): KeyInfo | undefined =>
  found.kind === 'absent' || found.kind === 'departed' ? undefined : found.info;
