/**
 * What one node says of keys, read once in each of its boots and then only as far as it changed. Kept small: a key's
 * description itself is handed on and not kept.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { maxRecords } from '../../wire/limits.ts';
import type { KeyInfo, KeyList } from '../../wire/messages/node.ts';
import { areDistinct, saidOf } from '../keyFacts.ts';
import type { NodeClient } from './nodeClient.ts';

/** What a node says of a key. */
export interface HeldKey {
  readonly state: KeyInfo['state'];
  /** Code of the refusal where the state is `broken`. */
  readonly code: string | undefined;
  readonly generation: number;
  /** {@link saidOf} of its description. */
  readonly said: string;
}

/** What a node says of keys. */
export interface HeldKeys {
  /** Absent where it does not hold the key, and where that is not known. */
  readonly get: (id: string) => HeldKey | undefined;
  /** Whether it is known what the node says of a key. */
  readonly knows: (id: string) => boolean;
  /** Whether its whole list was read in its present boot. */
  readonly isWhole: boolean;
}

/** What was read. */
export interface Heard {
  readonly node: string;
  /** Every key that changed here. */
  readonly ids: readonly string[];
  /** The descriptions of those of them that the node holds. */
  readonly infos: readonly KeyInfo[];
  /** The list was forgotten, or is known as a whole now: what the node says of keys that it did not name is another. */
  readonly silence: boolean;
}

/** What a reading works with. */
export interface KeyReadingModules {
  readonly client: Pick<NodeClient, 'name' | 'keysSince' | 'keysNamed'>;
  /** Told of everything new. */
  readonly heard: (heard: Heard) => void;
}

interface Entry {
  readonly number: number;
  readonly held: HeldKey | undefined;
}
type Change = KeyList['changes'][number];

/** Changes that are read without coming to an end before a node is distrusted: each key could change once meanwhile. */
const maxPass = 2 * maxRecords;

/** The list of keys of one node. One call at a time of {@link KeyReading.page}. */
export class KeyReading implements HeldKeys {
  readonly #modules: KeyReadingModules;
  readonly #keys = new Map<string, Entry>();
  /** As hexadecimal; empty before the first. */
  #boot = '';
  /** Number of the last change that was read. */
  #read = 0;
  /** Changes that were read since the list was known as a whole. */
  #pass = 0;
  /** Whether all of it was read once. */
  isWhole = false;

  constructor(modules: KeyReadingModules) {
    this.#modules = modules;
  }

  get(id: string): HeldKey | undefined {
    return this.#keys.get(id)?.held;
  }

  knows(id: string): boolean {
    return this.isWhole || this.#keys.has(id);
  }

  /** Whether there is something to read, by the node's status. What an earlier boot said is forgotten. */
  isBehind({ boot, keyChange }: { readonly boot: Uint8Array; readonly keyChange: number }): boolean {
    this.#enter(boot);
    return !this.isWhole || keyChange > this.#read;
  }

  /** Forgets everything: it is read anew. */
  forget(): void {
    if (this.#boot === '') {
      return;
    }
    const ids = [...this.#keys].filter(([, { held }]) => held !== undefined).map(([id]) => id);
    this.#keys.clear();
    this.#boot = '';
    this.#read = 0;
    this.#pass = 0;
    this.isWhole = false;
    this.#tell(ids, [], true);
  }

  /**
   * Reads one page; returns whether there is more to read now. A page of another boot than the node's last status named
   * is not taken, and ends the reading: the next status decides.
   * @throws SymbolonError `coordinator/node-answer` where the list can't be one, and of the call.
   */
  async page(): Promise<boolean> {
    const since = this.#read;
    const boot = this.#boot;
    const answer = await this.#modules.client.keysSince(since);
    if (this.#read !== since || this.#boot !== boot) {
      // A status of another boot came meanwhile: this page follows on what is forgotten, and what is before it was not read.
      return true;
    }
    if (!this.#isOf(answer.boot)) {
      return false;
    }
    this.#check(answer);
    this.#pass += answer.changes.length;
    this.#read = answer.changes.at(-1)?.number ?? this.#read;
    const isWhole = this.#read === answer.last;
    const becameWhole = isWhole && !this.isWhole;
    this.#pass = isWhole ? 0 : this.#pass;
    this.isWhole ||= isWhole;
    this.#apply(answer.changes, becameWhole);
    return !isWhole;
  }

  /**
   * Asks for one key now, however far the list was read.
   * @throws SymbolonError as {@link KeyReading.page}.
   */
  async ask(id: string): Promise<KeyInfo | undefined> {
    const boot = this.#boot;
    const answer = await this.#modules.client.keysNamed([id]);
    const [change, ...others] = answer.changes;
    if (change?.id !== id || others.length > 0 || change.number > answer.last) {
      throw this.#wrong('not the key that was asked for');
    }
    this.#checkKey(change);
    if (this.#boot === boot && this.#isOf(answer.boot)) {
      this.#apply([change], false);
    }
    return change.key;
  }

  /** Forgets what another boot said. */
  #enter(raw: Uint8Array): void {
    const boot = toHex(raw);
    if (boot !== this.#boot) {
      this.forget();
      this.#boot = boot;
    }
  }

  /** Whether an answer is of the present boot. The first answer says which one that is, where no status did. */
  #isOf(raw: Uint8Array): boolean {
    if (this.#boot === '') {
      this.#enter(raw);
    }
    return this.#boot === toHex(raw);
  }

  #check({ changes, last }: KeyList): void {
    let before = this.#read;
    const seen = new Set<string>();
    for (const change of changes) {
      if (change.number <= before || change.number > last) {
        throw this.#wrong('changes not in order');
      }
      if (seen.has(change.id)) {
        throw this.#wrong('a key twice in one page');
      }
      this.#checkKey(change);
      seen.add(change.id);
      before = change.number;
    }
    if (last < this.#read) {
      throw this.#wrong('the changes were more before');
    }
    if (changes.length === 0 && last > this.#read) {
      throw this.#wrong('changes announced and not listed');
    }
    const added = changes.filter(({ id }) => !this.#keys.has(id)).length;
    if (this.#keys.size + added > maxRecords || this.#pass + changes.length > maxPass) {
      this.forget();
      throw this.#wrong(`more keys than the ${maxRecords} that a node can hold`);
    }
  }

  #checkKey({ id, key, number }: Change): void {
    if (key !== undefined && (key.id !== id || number === 0)) {
      throw this.#wrong('the description of another key');
    }
    // As every node checks of its own records: a name that is there twice would count twice for what it says.
    if (key !== undefined && !areDistinct(key.nodes)) {
      throw this.#wrong('holders not sorted, or one of them twice');
    }
  }

  #apply(changes: readonly Change[], silence: boolean): void {
    // A page that was under way when one key was asked for may be older than that answer.
    const news = changes.filter(({ id, number }) => number >= (this.#keys.get(id)?.number ?? 0));
    const changed = news.filter(({ id, number, key }) => {
      const before = this.#keys.get(id);
      const held =
        key === undefined
          ? undefined
          : { state: key.state, code: key.code, generation: key.generation, said: saidOf(key) };
      this.#keys.set(id, { number, held });
      return before === undefined || !isSame(before.held, held);
    });
    this.#tell(
      changed.map(({ id }) => id),
      changed.flatMap(({ key }) => (key === undefined ? [] : [key])),
      silence,
    );
  }

  #tell(ids: readonly string[], infos: readonly KeyInfo[], silence: boolean): void {
    if (ids.length > 0 || silence) {
      this.#modules.heard({ node: this.#modules.client.name, ids, infos, silence });
    }
  }

  #wrong(reason: string): SymbolonError {
    const node = this.#modules.client.name;
    return new SymbolonError('coordinator/node-answer', { node, call: 'GET /v1/keys', reason });
  }
}

const isSame = (a: HeldKey | undefined, b: HeldKey | undefined): boolean =>
  a?.state === b?.state && a?.code === b?.code && a?.generation === b?.generation && a?.said === b?.said;
