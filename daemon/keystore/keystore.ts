/**
 * The sealed key store of a signer node: for each key and generation a sealed record, and beside it the proof that every
 * holder stored its share. See SPEC.md for the bytes and for what a hostile parent can and can't do with them.
 *
 * A start reads the names in the folder only. A key is unsealed and verified when it is asked for (reader.ts), or by the
 * scrub. What changes the store is in writer.ts.
 */
import { join } from 'node:path';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { maxRecords } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import { printableName, temporaryPrefix } from '../files/atomic.ts';
import { Queue } from '../files/queue.ts';
import type {
  ActivatedKey,
  BrokenFile,
  FoundKey,
  Keystore,
  KeystoreModules,
  KeystoreOptions,
  ListedChange,
  PendingDeparture,
  PendingKey,
  ScrubOptions,
} from './contract.ts';
import { faultOf } from './load.ts';
import { KeyReader } from './reader.ts';
import { parseFileName, type KeyFacts } from './records.ts';
import { SecretMemory } from './secretMemory.ts';
import { settle } from './settle.ts';
import { KeyTable } from './table.ts';
import { KeyWriter } from './writer.ts';

export type {
  ActivatedKey,
  BrokenFile,
  FoundKey,
  Keystore,
  KeystoreModules,
  KeystoreOptions,
  ListedChange,
  PendingDeparture,
  PendingKey,
  ScrubOptions,
} from './contract.ts';
export { storedRound, type Holder, type KeyFacts, type KeyRecord } from './records.ts';
export { maxCandidates } from './writer.ts';

/** Keys that a start opens at most to see whether token and memory do their work. */
const probed = 8;
/** Pauses of the scrub after a failure of the token. */
const pausesAfterFailure = 64;

/**
 * Opens the store: reads the names of its files, finishes an interrupted activation, and opens one key, so that a node
 * does not become ready with a token or memory that fail it.
 * @throws SymbolonError `store/unusable` where the folder is there and can't be read; `store/write-failed`; `hsm/*` where
 * the token or its link fails, `native/*` where the memory for secrets does (then no record is called broken).
 */
export async function openKeystore(options: KeystoreOptions, modules: KeystoreModules): Promise<Keystore> {
  const { folder } = options;
  const { files } = modules;
  const found = await files.list(folder);
  if (found.kind === 'broken') {
    throw new SymbolonError('store/unusable', { reason: found.reason });
  }
  if (found.kind === 'absent') {
    await files.makeFolder(folder);
  }
  const store = new Store(options, modules, found.kind === 'absent');
  try {
    await store.load(found.kind === 'absent' ? [] : found.names);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

class Store implements Keystore {
  readonly firstStart: boolean;
  readonly #modules: KeystoreModules;
  readonly #memory: SecretMemory;
  readonly #reader: KeyReader;
  readonly #writer: KeyWriter;
  readonly #pathOf: (file: string) => string;
  readonly #table = new KeyTable();
  readonly #queue = new Queue();
  readonly #recovered: string[] = [];
  readonly #strangers: BrokenFile[] = [];
  #closed = false;

  constructor(options: KeystoreOptions, modules: KeystoreModules, firstStart: boolean) {
    const { files, hsm, secretMemory } = modules;
    this.#modules = modules;
    this.firstStart = firstStart;
    this.#memory = new SecretMemory(secretMemory);
    this.#pathOf = (file) => join(options.folder, file);
    const common = { files, hsm, table: this.#table, pathOf: this.#pathOf };
    const requireOpen = (): void => {
      this.#requireOpen();
    };
    this.#reader = new KeyReader(options, { ...common, memory: this.#memory, requireOpen });
    this.#writer = new KeyWriter(options, { ...modules, ...common, reader: this.#reader });
  }

  get recovered(): readonly string[] {
    return this.#recovered;
  }

  async load(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const parsed = parseFileName(name);
      if (parsed !== undefined) {
        this.#table.note(parsed.place, parsed.part);
      } else if (name.startsWith(temporaryPrefix)) {
        // Never renamed, so nobody was told that it is stored: the write did not happen.
        await this.#modules.files.remove(this.#pathOf(name));
        this.#recovered.push('A temporary file of an interrupted write was removed from the key store.');
      } else {
        const file = printableName(name);
        const { code, detail } = faultOf(new SymbolonError('store/unexpected-file', { file }));
        this.#strangers.push({ file, code, detail });
      }
    }
    if (this.#table.records > maxRecords) {
      throw new SymbolonError('store/unusable', { reason: `more than ${maxRecords} records` });
    }
    this.#memory.reserve();
    for (const { id, candidates } of [...this.#table.entries()]) {
      const proven = candidates.findLast(({ proof }) => proof)?.place.generation;
      // Only an activation that was interrupted leaves something beside or before a proof.
      const rests = candidates.filter(({ place }) => proven !== undefined && place.generation <= proven);
      if (rests.length > 1 && (await this.#writer.finishActivation(id))) {
        this.#recovered.push(
          'Generations that a newer active one supersedes were removed from the key store.',
        );
      }
    }
    for (const id of this.#table.idsAfter('').slice(0, probed)) {
      const { kind } = await this.open(id);
      if (kind !== 'broken') {
        break;
      }
    }
  }

  list(after = '', limit = 256): Promise<KeyInfo[]> {
    return this.#reader.list(after, limit);
  }

  lastChange(): number {
    this.#requireOpen();
    return this.#table.changes.last;
  }

  changes(since: number, limit: number): Promise<ListedChange[]> {
    return this.#reader.changes(since, limit);
  }

  describe(ids: readonly string[]): Promise<ListedChange[]> {
    return this.#reader.describe(ids);
  }

  open(id: string): Promise<FoundKey> {
    return this.#reader.open(id);
  }

  putPending(key: PendingKey): Promise<KeyInfo> {
    return this.#write(() => this.#writer.putPending(key));
  }

  putDeparture(departure: PendingDeparture): Promise<KeyFacts> {
    return this.#write(() => this.#writer.putDeparture(departure));
  }

  activate(id: string, confirmations: readonly Envelope[]): Promise<ActivatedKey> {
    return this.#write(() => this.#writer.activate(id, confirmations));
  }

  async confirmations(id: string, generation: number): Promise<Envelope[] | undefined> {
    return this.#reader.load(id, (loaded) => {
      const { place, proof } = settle(loaded).deciding;
      return place.generation === generation && proof.kind === 'good' ? [...proof.confirmations] : undefined;
    });
  }

  counts(): { readonly active: number; readonly pending: number; readonly broken: number } {
    this.#requireOpen();
    const { active, pending, broken } = this.#table.counts();
    return { active, pending, broken: broken + this.#strangers.length };
  }

  unchecked(): number {
    this.#requireOpen();
    return this.#table.counts().unread;
  }

  broken(): readonly BrokenFile[] {
    this.#requireOpen();
    return [...this.#strangers, ...[...this.#table.entries()].flatMap(({ faults }) => faults)];
  }

  async scrub({ pause, found }: ScrubOptions): Promise<void> {
    let waiting = this.#table.unread();
    while (waiting.length > 0) {
      const again: string[] = [];
      for (const id of waiting) {
        await pause();
        if (this.#closed) {
          return;
        }
        if (this.#table.get(id)?.state.kind !== 'unread') {
          continue;
        }
        try {
          await this.#reader.read(id, 'forget');
          this.#table.get(id)?.faults.forEach(found);
        } catch (error) {
          if (!isSymbolonError(error)) {
            throw error;
          }
          // The token is away, the record is not broken: again in the next round, and without hurry.
          again.push(id);
          await this.#wait(pause, pausesAfterFailure);
        }
      }
      waiting = again;
    }
  }

  async close(): Promise<void> {
    await this.#queue.run(() => {
      this.#closed = true;
      this.#memory.wipe();
      this.#table.clear();
      return Promise.resolve();
    });
  }

  async #wait(pause: () => Promise<unknown>, count: number): Promise<void> {
    for (let i = 0; i < count && !this.#closed; i += 1) {
      await pause();
    }
  }

  #write<T>(task: () => Promise<T>): Promise<T> {
    return this.#queue.run(() => {
      this.#requireOpen();
      return task();
    });
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw new SymbolonError('store/closed', {});
    }
  }
}
