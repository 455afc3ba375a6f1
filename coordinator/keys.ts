/**
 * The keys of the cluster: what the store knows, and what the nodes say. A key that the store lost is taken from the
 * nodes again once a threshold of its holders agree on it; a node that disagrees is named, and its word changes nothing.
 */
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import type { KeyInfo } from '../wire/messages/node.ts';
import { Turn } from './background/turn.ts';
import { checkPublic, checkSameKey, KeyMaker, saidOf, storedOf, type Key } from './keyFacts.ts';
import { KeyGroups, type KeyGroup } from './keyGroups.ts';
import type { Heard } from './nodes/keyReading.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import type { FinishedJob, Store, StoredKey, StoredRenewal } from './store/store.ts';

/** What the directory works with. */
export interface KeyDirectoryModules {
  readonly store: Store;
  readonly nodes: Pick<NodeSet, 'view' | 'holds'>;
  readonly manifest: () => Manifest;
  /** Told where nodes agree on something that can't be that key, and where the store has something that can't be. */
  readonly refused?: (key: string, error: SymbolonError) => void;
}

/** A generation that is on its way to its holders. */
export type Renewing = Pick<StoredRenewal, 'generation' | 'threshold' | 'nodes'>;

/** What enough nodes agree on, with the hash of it. */
interface Offered {
  readonly info: KeyInfo;
  readonly said: string;
}

/** Descriptions on which enough nodes agree, and which wait to be taken in; the oldest goes first. */
const maxOffered = 16_384;
/** Stored keys that are checked without a pause: about two milliseconds. */
const checkedAtOnce = 32;
/** Keys that are put into the store at once. */
const addAtOnce = 64;

/** All known keys. */
export class KeyDirectory {
  readonly #modules: KeyDirectoryModules;
  readonly #maker: KeyMaker;
  readonly #keys = new Map<string, Key>();
  /** Sorted. */
  #ids: string[] = [];
  /** What is on its way to its holders, by key. */
  readonly #renewing = new Map<string, Renewing>();
  readonly #groups = new KeyGroups();
  /** Keys that are pending, or being renewed: each stands for itself. */
  readonly #changing = new Set<string>();
  /** What enough nodes agree on and is not known here, by key. */
  readonly #offered = new Map<string, Offered>();
  readonly #turn = new Turn();
  /** The next taking in, while it waits for its turn. */
  #adopting: Promise<void> | undefined;
  #stopped = false;

  constructor(modules: KeyDirectoryModules) {
    this.#modules = modules;
    this.#maker = new KeyMaker(modules.manifest);
  }

  /** Reads the keys of the store. Their public data is decoded when it is needed. */
  async load(): Promise<void> {
    for (const renewal of await this.#modules.store.renewals()) {
      this.#renewing.set(renewal.key, renewal);
    }
    const stored = await this.#modules.store.keys();
    this.#ids = stored.map(({ id }) => id).sort();
    for (const key of stored) {
      this.#keys.set(key.id, this.#maker.make(key));
      this.#place(key.id);
    }
  }

  /**
   * Checks one after the other that the public data of every stored key is what its id names: a store that was changed is
   * told of, though each use checks it again. Ends early with {@link KeyDirectory.stop}.
   * @param pause - waited for between some keys and the next.
   */
  async check(pause: () => Promise<unknown>): Promise<void> {
    const ids = [...this.#ids];
    for (let at = 0; at < ids.length; at += checkedAtOnce) {
      await pause();
      for (const id of ids.slice(at, at + checkedAtOnce)) {
        if (this.#stopped) {
          return;
        }
        try {
          checkPublic(this.get(id), this.#modules.manifest());
        } catch (error) {
          if (!isSymbolonError(error)) {
            throw error;
          }
          this.#modules.refused?.(id, error);
        }
      }
    }
  }

  /** Ends {@link KeyDirectory.check}. */
  stop(): void {
    this.#stopped = true;
  }

  /** Number of all keys. */
  get size(): number {
    return this.#keys.size;
  }

  /** At most `limit` keys with ids after `after`, sorted by id. */
  page(after: string, limit: number): Key[] {
    const from = this.#indexOf(after);
    const first = this.#ids[from] === after ? from + 1 : from;
    return this.#ids.slice(first, first + limit).map((id) => this.get(id));
  }

  /** Active keys that stand alike, together: all but {@link KeyDirectory.changing}. */
  groups(): readonly KeyGroup[] {
    return this.#groups.list();
  }

  /** Keys that are pending, or being renewed. */
  changing(): Key[] {
    return [...this.#changing].map((id) => this.get(id));
  }

  find(id: string): Key | undefined {
    return this.#keys.get(id);
  }

  /** @throws SymbolonError `coordinator/unknown-key`. */
  get(id: string): Key {
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw new SymbolonError('coordinator/unknown-key', { key: id });
    }
    return key;
  }

  /** Stores a new key as pending, with the confirmations that will activate it and the end of the job that made it. */
  addPending(stored: StoredKey, confirmations: Uint8Array, made: FinishedJob): Promise<void> {
    // Never between the check and the write of what nodes tell of the same key.
    return this.#turn.run(async () => {
      await this.#modules.store.addPendingKey(stored, confirmations, made);
      this.#set(this.#maker.make({ ...stored, state: 'pending' }));
    });
  }

  /** Marks a key as active, durably. */
  async activate(id: string): Promise<void> {
    await this.#modules.store.activate(id);
    this.#set(this.#maker.make({ ...this.get(id), state: 'active' }));
  }

  /** Stores that the next generation of a key is on its way to its holders, with the end of the job that made it. */
  async addRenewal(renewal: Omit<StoredRenewal, 'done'>, made: FinishedJob): Promise<void> {
    await this.#modules.store.addRenewal(renewal, made);
    this.#renewing.set(renewal.key, renewal);
    this.#place(renewal.key);
  }

  /** The next generation of a key that is on its way to its holders. */
  renewing(id: string): Renewing | undefined {
    return this.#renewing.get(id);
  }

  /**
   * Puts the next generation in the place of the present one, durably. Returns whether enough nodes told of it so far.
   */
  async applyNext(id: string): Promise<boolean> {
    await this.adopt();
    const { next } = this.get(id);
    if (next === undefined) {
      return !this.#renewing.has(id);
    }
    await this.#replace(next);
    return true;
  }

  /** Takes note of what was read of a node's list, and takes in what that makes known; see {@link KeyDirectory.adopt}. */
  async heard({ node, ids, infos, silence }: Heard): Promise<void> {
    if (silence) {
      this.#placeAllOf(node);
    }
    for (const id of ids) {
      this.#place(id);
    }
    for (const info of infos) {
      const offered = { info, said: saidOf(info) };
      if (this.#isNew(info) && this.#isAgreed(offered)) {
        this.#offered.delete(info.id);
        this.#offered.set(info.id, offered);
      }
    }
    for (const oldest of this.#offered.keys()) {
      if (this.#offered.size <= maxOffered) {
        break;
      }
      this.#offered.delete(oldest);
    }
    // A node that says that it has a generation no more may be the one that another generation waits for.
    if (this.#offered.size > 0) {
      await this.adopt();
    }
  }

  /**
   * Takes in what enough nodes hold and the store does not know: active keys, and generations of known keys above the
   * stored one, as after the loss of the store or of an older copy of it. What can't be taken in yet waits for the next
   * call: to be called when a node came up too.
   */
  adopt(): Promise<void> {
    // One that has not begun sees all that is there by then: nothing is gone through twice for two pages.
    this.#adopting ??= this.#turn.run(() => {
      this.#adopting = undefined;
      return this.#adopt();
    });
    return this.#adopting;
  }

  async #adopt(): Promise<void> {
    const strangers: { readonly stored: StoredKey; readonly offered: Offered }[] = [];
    for (const offered of [...this.#offered.values()]) {
      const { info } = offered;
      if (!this.#isNew(info) || !this.#isAgreed(offered)) {
        this.#drop(offered);
        continue;
      }
      const stored: StoredKey = { ...storedOf(info), state: 'active' };
      const known = this.#keys.get(info.id);
      try {
        if (known === undefined) {
          this.#maker.decoded(stored, offered.said);
          // It is offered until it is written: a store that fails once is tried again.
          strangers.push({ stored, offered });
          continue;
        }
        if (!(await this.#take(stored, known))) {
          continue;
        }
      } catch (error) {
        // Nodes that agree on nonsense do not stop the others' keys.
        if (!isSymbolonError(error) || error.code === 'coordinator/store-broken') {
          throw error;
        }
        this.#modules.refused?.(info.id, error);
      }
      this.#drop(offered);
    }
    for (let at = 0; at < strangers.length; at += addAtOnce) {
      const some = strangers.slice(at, at + addAtOnce);
      await this.#modules.store.addKeys(some.map(({ stored }) => stored));
      for (const { stored, offered } of some) {
        this.#set(this.#maker.make(stored));
        this.#drop(offered);
      }
    }
  }

  /** Takes out what is done with, unless something else was offered for its key meanwhile. */
  #drop(offered: Offered): void {
    if (this.#offered.get(offered.info.id) === offered) {
      this.#offered.delete(offered.info.id);
    }
  }

  /** Whether a node tells of something that is not known here. */
  #isNew({ id, state, generation }: KeyInfo): boolean {
    const key = this.#keys.get(id);
    return state === 'active' && (key === undefined || generation > (key.next ?? key).generation);
  }

  /**
   * Whether so many holders say the same of a key that one of them is honest. Each counts once, however often the list
   * names it, and others' words count for nothing.
   */
  #isAgreed({ info, said }: Offered): boolean {
    const alike = [...new Set(info.nodes)].filter((name) => {
      const view = this.#modules.nodes.view(name);
      const held = view?.keys.get(info.id);
      return view?.state !== 'refused' && held?.state === 'active' && held.said === said;
    });
    return alike.length >= info.threshold;
  }

  /** Takes in a generation of a known key; returns whether nothing is left to do about it. */
  async #take(stored: StoredKey, known: Key): Promise<boolean> {
    const renewing = this.#renewing.get(stored.id);
    const isWanted = renewing?.generation === stored.generation;
    // Before anything is decoded: what waits is looked at again and again.
    if (!isWanted && !this.#isOver(known)) {
      return false;
    }
    checkSameKey(known, stored);
    this.#maker.decoded(stored);
    const next = this.#maker.make({ ...stored, createdAt: known.createdAt });
    if (isWanted) {
      const asked = renewing.threshold === stored.threshold && sameNames(renewing.nodes, stored.nodes);
      if (!asked) {
        throw new SymbolonError('coordinator/key-disagrees', { key: stored.id, node: '' });
      }
      // Nodes that have it sign with it from now on; it is the key's when it has reached all.
      this.#set(this.#maker.make(known, next));
      return true;
    }
    await this.#replace(next);
    return true;
  }

  /**
   * Whether so many holders say that they do not have the known generation any more that it can't sign: fewer than that
   * may be lying of a newer one.
   */
  #isOver({ id, generation, nodes, threshold }: Key): boolean {
    const gone = nodes.filter((name) => {
      const view = this.#modules.nodes.view(name);
      const held = view?.keys.get(id);
      const has = held?.state === 'active' && held.generation === generation;
      return view?.state === 'up' && view.status?.phase === 'ready' && view.keys.knows(id) && !has;
    });
    return nodes.length - gone.length < threshold;
  }

  async #replace(next: Key): Promise<void> {
    await this.#modules.store.replaceKey(next);
    this.#renewing.delete(next.id);
    this.#set(next);
  }

  #set(key: Key): void {
    if (!this.#keys.has(key.id)) {
      this.#ids.splice(this.#indexOf(key.id), 0, key.id);
    }
    this.#keys.set(key.id, key);
    this.#place(key.id);
  }

  /** Index of the first id that is not before `id`. */
  #indexOf(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ids[middle] ?? '') < id) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Puts a key into its group. */
  #place(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) {
      return;
    }
    if (key.state !== 'active' || key.next !== undefined || this.#renewing.has(id)) {
      this.#groups.remove(id);
      this.#changing.add(id);
    } else {
      this.#changing.delete(id);
      this.#groups.put(key, (node) => this.#modules.nodes.holds(node, key));
    }
  }

  /** Puts all keys of a node into their groups whose standing there is another one now. */
  #placeAllOf(node: string): void {
    for (const key of this.#keys.values()) {
      const isIn = !this.#changing.has(key.id) && key.nodes.includes(node);
      if (isIn && this.#modules.nodes.holds(node, key) === this.#groups.isOut(key.id, node)) {
        this.#place(key.id);
      }
    }
  }
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);
