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
import type { Store, StoredKey } from './store/store.ts';

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

  /** Stores a new key as pending, with the confirmations that will activate it. */
  async addPending(stored: StoredKey, confirmations: Uint8Array): Promise<void> {
    await this.#modules.store.addPendingKey(stored, confirmations);
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
    for (const { state, keys } of this.#modules.nodes.views()) {
      for (const info of state === 'up' ? keys.values() : []) {
        if (info.state === 'active' && !this.#keys.has(info.id)) {
          unknown.set(info.id, [...(unknown.get(info.id) ?? []), info]);
        }
      }
    }
    for (const infos of unknown.values()) {
      const [first] = infos;
      const agreeing = infos.filter((info) => first !== undefined && equalBytes(info.public, first.public));
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
    checkPublic(stored, manifest.cluster);
    const names = new Map(
      manifest.nodes
        .filter(({ name }) => stored.nodes.includes(name))
        .map(({ index, name }) => [index, name]),
    );
    return { ...stored, decoded: decodeKeyPublic(stored.public), names };
  }
}

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
 * The public data of a new key, on which all its nodes must agree to the byte. Reads their lists of keys anew.
 * @throws SymbolonError `coordinator/node-lacks-key`, `coordinator/key-disagrees`.
 */
export async function agreedKey(
  key: string,
  holders: readonly string[],
  { nodes, cluster }: { readonly nodes: Pick<NodeSet, 'refresh' | 'view'>; readonly cluster: Uint8Array },
): Promise<StoredKey> {
  await Promise.all(holders.map((name) => nodes.refresh(name, { keys: true })));
  let first: StoredKey | undefined;
  for (const node of holders) {
    const info = nodes.view(node)?.keys.get(key);
    if (info === undefined) {
      throw new SymbolonError('coordinator/node-lacks-key', { node, key, state: 'absent' });
    }
    first ??= storedOf(info);
    if (!equalBytes(info.public, first.public)) {
      throw new SymbolonError('coordinator/key-disagrees', { key, node });
    }
  }
  if (first === undefined) {
    throw new SymbolonError('coordinator/unknown-key', { key });
  }
  checkPublic(first, cluster, holders[0]);
  return first;
}

/** The group key of a key as hexadecimal: 32 bytes (Ed25519) or 33 (secp256k1, compressed). */
export const groupKeyHex = (key: Key): string => toHex(key.decoded.groupPublicKey);
