/**
 * The keys of the cluster: what the store knows, and what the nodes say. A key that the store lost is taken from the
 * nodes again once a threshold of its holders agree on it; a node that disagrees is named, and its word changes nothing.
 */
import { decodeKeyPublic, type KeyPublic } from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, keyIdOf, toHex } from '../wire/ids.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import type { KeyInfo } from '../wire/messages/node.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import type { FinishedJob, Store, StoredKey, StoredRenewal } from './store/store.ts';

/** One generation of a key: what its holders sign with. */
export interface KeyGeneration {
  readonly id: string;
  readonly generation: number;
  readonly threshold: number;
  readonly nodes: readonly string[];
  /** `encodeKeyPublic` bytes. */
  readonly public: Uint8Array;
  readonly decoded: KeyPublic;
  /** Node names by participant index. */
  readonly names: ReadonlyMap<number, string>;
}

/** A key with its public data decoded. */
export interface Key extends StoredKey, KeyGeneration {
  /** The next generation, once enough nodes have activated it and while it has not reached all. */
  readonly next: Key | undefined;
}

/** The generations that can sign, the newest first: while a renewal is delivered some nodes have one, some the other. */
export const generationsOf = (key: Key): readonly KeyGeneration[] =>
  key.next === undefined ? [key] : [key.next, key];

/** What the directory works with. */
export interface KeyDirectoryModules {
  readonly store: Store;
  readonly nodes: Pick<NodeSet, 'views'>;
  readonly manifest: () => Manifest;
  /** Told where nodes agree on something that can't be that key. */
  readonly refused?: (key: string, error: SymbolonError) => void;
}

/** A generation that is on its way to its holders. */
export type Renewing = Pick<StoredRenewal, 'generation' | 'threshold' | 'nodes'>;

/** All known keys. */
export class KeyDirectory {
  readonly #modules: KeyDirectoryModules;
  readonly #keys = new Map<string, Key>();
  /** What is on its way to its holders, by key. */
  readonly #renewing = new Map<string, Renewing>();

  constructor(modules: KeyDirectoryModules) {
    this.#modules = modules;
  }

  /** Reads the keys of the store. */
  async load(): Promise<void> {
    for (const stored of await this.#modules.store.keys()) {
      this.#keys.set(stored.id, this.#decode(stored));
    }
    for (const renewal of await this.#modules.store.renewals()) {
      this.#renewing.set(renewal.key, renewal);
    }
  }

  list(): Key[] {
    return [...this.#keys.values()];
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
  async addPending(stored: StoredKey, confirmations: Uint8Array, made: FinishedJob): Promise<void> {
    await this.#modules.store.addPendingKey(stored, confirmations, made);
    this.#keys.set(stored.id, this.#decode({ ...stored, state: 'pending' }));
  }

  /** Marks a key as active, durably. */
  async activate(id: string): Promise<void> {
    await this.#modules.store.activate(id);
    this.#keys.set(id, { ...this.get(id), state: 'active' });
  }

  /** Stores that the next generation of a key is on its way to its holders, with the end of the job that made it. */
  async addRenewal(renewal: Omit<StoredRenewal, 'done'>, made: FinishedJob): Promise<void> {
    await this.#modules.store.addRenewal(renewal, made);
    this.#renewing.set(renewal.key, renewal);
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
    await this.#modules.store.replaceKey(next);
    this.#renewing.delete(id);
    this.#keys.set(id, next);
    return true;
  }

  /**
   * Takes in what the nodes hold and the store does not know: active keys, and generations of known keys above the stored
   * one, as after the loss of the store or of an older copy of it.
   */
  async adopt(): Promise<void> {
    const unknown = new Map<string, KeyInfo[]>();
    for (const { name, state, keys } of this.#modules.nodes.views()) {
      for (const info of state === 'up' ? keys.values() : []) {
        // What a node says of a key that it does not hold itself counts for nothing.
        if (info.state === 'active' && this.#isNew(info) && info.nodes.includes(name)) {
          const said = factsOf(info);
          unknown.set(said, [...(unknown.get(said) ?? []), info]);
        }
      }
    }
    for (const agreeing of unknown.values()) {
      const [first] = agreeing;
      if (first !== undefined && agreeing.length >= first.threshold) {
        try {
          await this.#take({ ...storedOf(first), state: 'active' });
        } catch (error) {
          // Nodes that agree on nonsense do not stop the others' keys.
          if (!isSymbolonError(error) || error.code === 'coordinator/store-broken') {
            throw error;
          }
          this.#modules.refused?.(first.id, error);
        }
      }
    }
  }

  /** Whether a node tells of something that is not known here. */
  #isNew({ id, generation }: KeyInfo): boolean {
    const key = this.#keys.get(id);
    return key === undefined || generation > (key.next ?? key).generation;
  }

  async #take(stored: StoredKey): Promise<void> {
    const known = this.#keys.get(stored.id);
    const key = this.#decode(stored);
    if (known === undefined) {
      await this.#modules.store.addKey(stored);
      this.#keys.set(stored.id, key);
      return;
    }
    checkSameKey(known, stored);
    const next = { ...key, createdAt: known.createdAt };
    const renewing = this.#renewing.get(stored.id);
    if (renewing?.generation === stored.generation) {
      const asked = renewing.threshold === stored.threshold && sameNames(renewing.nodes, stored.nodes);
      if (!asked) {
        throw new SymbolonError('coordinator/key-disagrees', { key: stored.id, node: '' });
      }
      // Nodes that have it sign with it from now on; it is the key's when it has reached all.
      this.#keys.set(stored.id, { ...known, next });
    } else if (this.#isOver(known)) {
      await this.#modules.store.replaceKey(next);
      this.#renewing.delete(stored.id);
      this.#keys.set(stored.id, next);
    }
  }

  /**
   * Whether so many holders say that they do not have the known generation any more that it can't sign: fewer than that
   * may be lying of a newer one.
   */
  #isOver({ id, generation, nodes, threshold }: Key): boolean {
    const gone = this.#modules.nodes.views().filter(({ name, state, status, keys }) => {
      const info = keys.get(id);
      const has = info?.state === 'active' && info.generation === generation;
      return nodes.includes(name) && state === 'up' && status?.phase === 'ready' && !has;
    });
    return nodes.length - gone.length < threshold;
  }

  #decode(stored: StoredKey): Key {
    const manifest = this.#modules.manifest();
    const decoded = checkPublic(stored, manifest.cluster);
    const names = new Map(
      manifest.nodes
        .filter(({ name }) => stored.nodes.includes(name))
        .map(({ index, name }) => [index, name]),
    );
    return { ...stored, decoded, names, next: undefined };
  }
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);

/**
 * Everything that all holders of a key must say alike, as one text to compare. The time of its making is not in it: each
 * holder has its own.
 */
const factsOf = (key: Omit<StoredKey, 'state'>): string =>
  JSON.stringify([
    key.id,
    key.scheme,
    key.purpose,
    key.label,
    key.threshold,
    key.nodes,
    key.generation,
    toHex(key.public),
  ]);

/** What the store keeps of a node's description of a key. */
export const storedOf = (info: KeyInfo): StoredKey => ({
  id: info.id,
  scheme: info.scheme,
  purpose: info.purpose,
  label: info.label,
  threshold: info.threshold,
  nodes: info.nodes,
  generation: info.generation,
  createdAt: info.createdAt,
  public: info.public,
  state: 'pending',
});

/**
 * Checks that the public data of a key is what its id names: the id is recomputed from the group key.
 * @throws SymbolonError `coordinator/key-disagrees`, and of `decodeKeyPublic`.
 */
export function checkPublic(key: StoredKey, cluster: Uint8Array, node = ''): KeyPublic {
  const decoded = decodeKeyPublic(key.public);
  const id = keyIdOf(cluster, key.scheme, key.purpose, decoded.groupPublicKey);
  const fits =
    id === key.id &&
    decoded.scheme === key.scheme &&
    decoded.threshold === key.threshold &&
    decoded.generation === key.generation &&
    decoded.participants.length === key.nodes.length;
  if (!fits) {
    throw new SymbolonError('coordinator/key-disagrees', { key: key.id, node });
  }
  return decoded;
}

/**
 * Checks that another generation is one of the same key: the joint public key and the chain code, so that addresses stay
 * what they are, and what the key is for (T41).
 * @throws SymbolonError `coordinator/key-disagrees`.
 */
export function checkSameKey(known: Key, other: StoredKey, node = ''): void {
  const decoded = decodeKeyPublic(other.public);
  const same =
    other.id === known.id &&
    other.scheme === known.scheme &&
    other.purpose === known.purpose &&
    other.label === known.label &&
    equalBytes(decoded.groupPublicKey, known.decoded.groupPublicKey) &&
    equalBytes(decoded.chainCode, known.decoded.chainCode);
  if (!same) {
    throw new SymbolonError('coordinator/key-disagrees', { key: known.id, node });
  }
}

/**
 * The public data of a new key, on which all its nodes must agree to the byte, and which must be what was asked for.
 * Reads their lists of keys anew.
 * @throws SymbolonError `coordinator/node-lacks-key`, `coordinator/key-disagrees`.
 */
export async function agreedKey(
  key: string,
  asked: Pick<StoredKey, 'scheme' | 'threshold' | 'nodes' | 'purpose' | 'label'>,
  { nodes, cluster }: { readonly nodes: Pick<NodeSet, 'refresh' | 'view'>; readonly cluster: Uint8Array },
): Promise<StoredKey> {
  const { nodes: holders, scheme, threshold, purpose, label } = asked;
  await Promise.all(holders.map((name) => nodes.refresh(name, { keys: true })));
  let first: StoredKey | undefined;
  for (const node of holders) {
    const info = nodes.view(node)?.keys.get(key);
    if (info === undefined) {
      throw new SymbolonError('coordinator/node-lacks-key', { node, key, state: 'absent' });
    }
    // The request is the measure, not the first node's word: that one could lie about all but the group key.
    const wanted = { ...storedOf(info), scheme, threshold, nodes: holders, purpose, label };
    first ??= wanted;
    if (factsOf(info) !== factsOf({ ...wanted, public: first.public })) {
      throw new SymbolonError('coordinator/key-disagrees', { key, node });
    }
  }
  if (first === undefined) {
    throw new SymbolonError('coordinator/unknown-key', { key });
  }
  checkPublic(first, cluster);
  return first;
}

/** The group key of a key as hexadecimal: 32 bytes (Ed25519) or 33 (compressed). */
export const groupKeyHex = (key: Key): string => toHex(key.decoded.groupPublicKey);
