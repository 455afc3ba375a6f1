/**
 * The sealed pairings of a signer node: one with each other node, from which every ECDSA session of the two is stretched.
 * A pairing whose check failed is poisoned, durably, and is only ever replaced (T15). See SPEC.md for the bytes and for
 * what a hostile parent can and can't do with them.
 */
import { join } from 'node:path';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, namePattern } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { printableName, temporaryPrefix } from '../files/atomic.ts';
import { Queue } from '../files/queue.ts';
import type { BrokenFile } from '../keystore/contract.ts';
import type { FoundPairing, PairingInfo, Pairings, PairingsModules, PairingsOptions } from './contract.ts';
import { loadPairing, type LoadedPairing, type LoadModules, type PairingPlace } from './load.ts';
import {
  inUseFile,
  maxGeneration,
  pairingFile,
  pairingRecordBytes,
  parsePairingFile,
  poisonMarkBytes,
  uncleanFile,
} from './records.ts';
import { Uses } from './uses.ts';
import { writePairing } from './write.ts';

export type { FoundPairing, PairingInfo, Pairings, PairingsModules, PairingsOptions } from './contract.ts';
export { maxUnclean } from './uses.ts';

/** Most peers of a store: nodes that left the cluster are still among them. */
export const maxPairings = 256;

/** A peer's newest generation. */
interface Entry {
  readonly generation: number;
  readonly found: Exclude<FoundPairing, { kind: 'absent' }>;
  /** The file that makes it broken. */
  readonly file?: string;
}

/**
 * Opens all pairings.
 * @throws SymbolonError `store/unusable` where the folder is there and can't be read; `store/write-failed`; `hsm/*` where
 * the token or its link fails, `native/*` where the memory for secrets does (then no pairing is called broken).
 */
export async function openPairings(options: PairingsOptions, modules: PairingsModules): Promise<Pairings> {
  const { folder } = options;
  const found = await modules.files.list(folder);
  if (found.kind === 'broken') {
    throw new SymbolonError('store/unusable', { reason: found.reason });
  }
  if (found.kind === 'absent') {
    await modules.files.makeFolder(folder);
  }
  const store = new PairingStore(options, modules);
  try {
    await store.load(found.kind === 'absent' ? [] : found.names);
  } catch (error) {
    store.wipe();
    throw error;
  }
  return store;
}

class PairingStore implements Pairings {
  readonly #options: PairingsOptions;
  readonly #modules: PairingsModules;
  readonly #reading: LoadModules;
  readonly #uses: Uses;
  readonly #queue = new Queue();
  readonly #entries = new Map<string, Entry>();
  readonly #strangers: BrokenFile[] = [];
  readonly #recovered: string[] = [];
  /** Poisoned pairings whose mark is not known to be durable. */
  readonly #unmarked = new Set<FoundPairing>();
  #closed = false;

  constructor(options: PairingsOptions, modules: PairingsModules) {
    const { files, hsm, now } = modules;
    const pathOf = (file: string): string => this.#path(file);
    this.#options = options;
    this.#modules = modules;
    this.#reading = { files, hsm, pathOf };
    this.#uses = new Uses({ files, pathOf, now });
  }

  get recovered(): readonly string[] {
    return this.#recovered;
  }

  get uncleanStarts(): number {
    return this.#uses.count;
  }

  async load(names: readonly string[]): Promise<void> {
    const places = await this.#sort(names);
    if (places.size > maxPairings) {
      throw new SymbolonError('store/unusable', { reason: `pairings with more than ${maxPairings} peers` });
    }
    /** By peer, the count of unclean starts that its pairing was made at. */
    const madeAt = new Map<string, number>();
    for (const [peer, generations] of places) {
      const generation = Math.max(...generations);
      const loaded = await loadPairing({ peer, generation }, this.#options, this.#reading);
      if (loaded.kind === 'sealed') {
        madeAt.set(peer, loaded.opened.record.unclean);
      }
      this.#entries.set(peer, this.#entryOf(generation, loaded));
    }
    const counted = await this.#uses.start([...madeAt.values()]);
    if (counted !== 'as-it-was') {
      this.#recovered.push(
        counted === 'raised'
          ? 'The node had ended while pairings were in use; the start was counted.'
          : 'The count of unclean starts could not be read and was made anew; all pairings are worn out.',
      );
    }
    for (const [peer, generations] of places) {
      await this.#settle(peer, generations, madeAt.get(peer), new Set(names));
    }
  }

  find(peer: string): FoundPairing {
    this.#requireOpen();
    return this.#entries.get(peer)?.found ?? { kind: 'absent' };
  }

  beginUse(): Promise<void> {
    return this.#queue.run(() => {
      this.#requireOpen();
      return this.#uses.begin();
    });
  }

  put(peer: string, index: number, id: Uint8Array, secret: Uint8Array): Promise<void> {
    return this.#queue.run(async () => {
      this.#requireOpen();
      const before = this.#entries.get(peer);
      const generation = (before?.generation ?? 0) + 1;
      this.#requireGood(peer, index, id, generation);
      if (before === undefined && this.#entries.size >= maxPairings) {
        throw new SymbolonError('store/full', { limit: maxPairings });
      }
      // Memory first: where there is none, nothing was written.
      const kept = this.#newMemory(secret.length);
      try {
        const at = this.#modules.now();
        const unclean = this.#uses.count;
        const open = pairingRecordBytes.encode({ v: 1, peer, index, id, createdAt: at, unclean });
        await writePairing({ peer, generation }, open, secret, this.#options, {
          ...this.#reading,
          ...this.#modules,
        });
        kept.set(secret);
        this.#wipeEntry(peer);
        this.#forgetMark(peer);
        const found = { kind: 'ready', id: id.slice(), generation, index, secret: kept, at } as const;
        this.#entries.set(peer, { generation, found });
      } catch (error) {
        kept.fill(0);
        throw error;
      }
      if (before !== undefined) {
        // What can't be removed now is removed by the next start: it is not the newest, so nobody uses it.
        await this.#removeGeneration({ peer, generation: before.generation }).catch(ignoreWriteFailed);
      }
    });
  }

  poison(peer: string, id: Uint8Array): Promise<void> {
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.found.kind === 'broken' || !equalBytes(entry.found.id, id)) {
      return Promise.resolve();
    }
    if (entry.found.kind === 'ready') {
      this.#poisonEntry(peer, entry);
    }
    return this.#queue.run(() => this.#markDurably(peer, id));
  }

  list(): readonly PairingInfo[] {
    this.#requireOpen();
    return [...this.#entries.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([peer, { generation, found }]) =>
        found.kind === 'broken'
          ? { peer, state: found.kind, id: new Uint8Array(16), generation, at: 0 }
          : { peer, state: found.kind, id: found.id, generation, at: found.at },
      );
  }

  broken(): readonly BrokenFile[] {
    this.#requireOpen();
    return [
      ...this.#strangers,
      ...[...this.#entries.values()].flatMap(({ found, file = '' }) =>
        found.kind === 'broken' ? [{ file, code: found.code, detail: found.detail }] : [],
      ),
    ];
  }

  async close(): Promise<void> {
    await this.#queue.run(async () => {
      this.#closed = true;
      this.wipe();
      if (this.#unmarked.size === 0) {
        // Where the note can't be taken back, the next start counts this one as unclean.
        await this.#uses.end().catch(ignoreWriteFailed);
      }
    });
  }

  /** Overwrites every secret. Which pairing is which stays known: a check may still fail in a run that is ending. */
  wipe(): void {
    for (const peer of this.#entries.keys()) {
      this.#wipeEntry(peer);
    }
  }

  /** Generations by peer. Rests of interrupted writes are removed, and what does not belong is named. */
  async #sort(names: readonly string[]): Promise<Map<string, Set<number>>> {
    const places = new Map<string, Set<number>>();
    for (const name of names) {
      const parsed = parsePairingFile(name);
      if (parsed !== undefined) {
        places.set(parsed.peer, (places.get(parsed.peer) ?? new Set()).add(parsed.generation));
      } else if (name.startsWith(temporaryPrefix)) {
        await this.#modules.files.remove(this.#path(name));
        this.#recovered.push('A temporary file of an interrupted write was removed from the pairings.');
      } else if (name !== inUseFile && name !== uncleanFile) {
        const file = printableName(name);
        const { code, message } = new SymbolonError('store/unexpected-file', { file });
        this.#strangers.push({ file, code, detail: message });
      }
    }
    return places;
  }

  #entryOf(generation: number, loaded: LoadedPairing): Entry {
    if (loaded.kind === 'broken') {
      const { file, code, detail } = loaded;
      return { generation, file, found: { kind: 'broken', code, detail } };
    }
    if (loaded.kind === 'poisoned') {
      const { id, at } = loaded.mark;
      return { generation, found: { kind: 'poisoned', id, generation, at } };
    }
    const { record, secret } = loaded.opened;
    try {
      const kept = this.#newMemory(secret.length);
      kept.set(secret);
      const { id, index, createdAt } = record;
      return { generation, found: { kind: 'ready', id, generation, index, secret: kept, at: createdAt } };
    } finally {
      secret.fill(0);
    }
  }

  /** Finishes what an interrupted put or poison left, and removes what is worn out. */
  async #settle(
    peer: string,
    generations: ReadonlySet<number>,
    madeAt: number | undefined,
    names: ReadonlySet<string>,
  ): Promise<void> {
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.found.kind === 'broken') {
      // Nothing is passed over or removed beside it: that would be a rollback (T28).
      return;
    }
    const { generation, found } = entry;
    if (found.kind === 'ready' && madeAt !== undefined && this.#uses.wornOut(madeAt)) {
      // Nobody cheated as far as is known: it is gone, not poisoned, and a new one needs no order of an operator.
      this.#wipeEntry(peer);
      this.#entries.delete(peer);
      await this.#removeGeneration({ peer, generation });
      this.#recovered.push('A pairing bore too many unclean starts and was removed; the nodes pair anew.');
    }
    const sealed = pairingFile({ peer, generation, part: 'sealed' });
    if (found.kind === 'poisoned' && names.has(sealed)) {
      await this.#modules.files.remove(this.#path(sealed));
      this.#recovered.push('The sealed record of a poisoned pairing was removed.');
    }
    for (const older of generations) {
      if (older !== generation) {
        await this.#removeGeneration({ peer, generation: older });
        this.#recovered.push('A pairing that a newer one replaces was removed.');
      }
    }
  }

  #requireGood(peer: string, index: number, id: Uint8Array, generation: number): void {
    const good =
      namePattern.test(peer) &&
      Number.isInteger(index) &&
      index >= 1 &&
      index <= maxNodes &&
      id.length === 16 &&
      generation <= maxGeneration;
    if (!good) {
      throw new SymbolonError('store/record-mismatch', { reason: 'no pairing has this peer, index or id' });
    }
  }

  #poisonEntry(peer: string, { generation, found }: Entry): void {
    this.#wipeEntry(peer);
    if (found.kind === 'ready') {
      const poisoned = { kind: 'poisoned', id: found.id, generation, at: this.#modules.now() } as const;
      this.#entries.set(peer, { generation, found: poisoned });
      this.#unmarked.add(poisoned);
    }
  }

  async #markDurably(peer: string, id: Uint8Array): Promise<void> {
    const entry = this.#entries.get(peer);
    if (
      entry?.found.kind !== 'poisoned' ||
      !equalBytes(entry.found.id, id) ||
      !this.#unmarked.has(entry.found)
    ) {
      return;
    }
    const { generation, found } = entry;
    const { files } = this.#modules;
    const mark = poisonMarkBytes.encode({ v: 1, peer, generation, id, at: found.at });
    const remove = (): Promise<void> =>
      files.remove(this.#path(pairingFile({ peer, generation, part: 'sealed' })));
    try {
      await files.replace(this.#path(pairingFile({ peer, generation, part: 'poisoned' })), mark);
    } catch (error) {
      // Without a mark the secret should be gone at least; the caller hears of the mark either way.
      await remove().catch(ignoreWriteFailed);
      throw error;
    }
    this.#unmarked.delete(found);
    await remove();
  }

  /** Removes an older generation, each file durably; the mark last. */
  async #removeGeneration({ peer, generation }: PairingPlace): Promise<void> {
    for (const part of ['sealed', 'poisoned'] as const) {
      await this.#modules.files.remove(this.#path(pairingFile({ peer, generation, part })));
    }
  }

  /** What is replaced needs no mark any more. */
  #forgetMark(peer: string): void {
    const found = this.#entries.get(peer)?.found;
    if (found !== undefined) {
      this.#unmarked.delete(found);
    }
  }

  #newMemory(length: number): Uint8Array {
    return this.#modules.secretMemory?.(length) ?? new Uint8Array(length);
  }

  #wipeEntry(peer: string): void {
    const found = this.#entries.get(peer)?.found;
    if (found?.kind === 'ready') {
      found.secret.fill(0);
    }
  }

  #path(file: string): string {
    return join(this.#options.folder, file);
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw new SymbolonError('store/closed', {});
    }
  }
}

function ignoreWriteFailed(error: unknown): void {
  if (!isSymbolonError(error, 'store/write-failed')) {
    throw error;
  }
}
