/**
 * The keys of the cluster: what the store knows, and what the nodes say. A key that the store lost is taken from the
 * nodes again once a threshold of its holders agree on it; a node that disagrees is named, and its word changes nothing.
 */
import { decodeKeyPublic, type KeyPublic } from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { keyIdOf, toHex } from '../wire/ids.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import type { KeyInfo } from '../wire/messages/node.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import type { FinishedJob, Store, StoredKey } from './store/store.ts';

/** A key with its public data decoded. */
export interface Key extends StoredKey {
  readonly decoded: KeyPublic;
  /** Node names by participant index. */
  readonly names: ReadonlyMap<number, string>;
}

/** What the directory works with. */
export interface KeyDirectoryModules {
  readonly store: Store;
  readonly nodes: Pick<NodeSet, 'views'>;
  readonly manifest: () => Manifest;
}

/** All known keys. */
export class KeyDirectory {
  readonly #modules: KeyDirectoryModules;
  readonly #keys = new Map<string, Key>();

  constructor(modules: KeyDirectoryModules) {
    this.#modules = modules;
  }

  /** Reads the keys of the store. */
  async load(): Promise<void> {
    for (const stored of await this.#modules.store.keys()) {
      this.#keys.set(stored.id, this.#decode(stored));
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

  /** Takes in active keys that the nodes hold and the store does not know. */
  async adopt(): Promise<void> {
    const unknown = new Map<string, KeyInfo[]>();
    for (const { name, state, keys } of this.#modules.nodes.views()) {
      for (const info of state === 'up' ? keys.values() : []) {
        // What a node says of a key that it does not hold itself counts for nothing.
        if (info.state === 'active' && !this.#keys.has(info.id) && info.nodes.includes(name)) {
          const said = factsOf(info);
          unknown.set(said, [...(unknown.get(said) ?? []), info]);
        }
      }
    }
    for (const agreeing of unknown.values()) {
      const [first] = agreeing;
      if (first !== undefined && agreeing.length >= first.threshold) {
        const stored: StoredKey = { ...storedOf(first), state: 'active' };
        try {
          const key = this.#decode(stored);
          await this.#modules.store.addKey(stored);
          this.#keys.set(stored.id, key);
        } catch (error) {
          // Nodes that agree on nonsense do not stop the others' keys.
          if (!isSymbolonError(error) || error.code === 'coordinator/store-broken') {
            throw error;
          }
        }
      }
    }
  }

  #decode(stored: StoredKey): Key {
    const manifest = this.#modules.manifest();
    const decoded = checkPublic(stored, manifest.cluster);
    const names = new Map(
      manifest.nodes
        .filter(({ name }) => stored.nodes.includes(name))
        .map(({ index, name }) => [index, name]),
    );
    return { ...stored, decoded, names };
  }
}

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

/** The group key of a key as hexadecimal: 32 bytes (Ed25519) or 33 (secp256k1, compressed). */
export const groupKeyHex = (key: Key): string => toHex(key.decoded.groupPublicKey);
