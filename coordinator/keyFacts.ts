/**
 * A key as the coordinator knows it, and what must hold between two descriptions of one key. What is derived from the
 * public data is made when it is first needed: most of many keys are not used between two starts.
 */
import { createHash } from 'node:crypto';
import { decodeKeyPublic, type KeyPublic } from '../threshold/index.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, keyIdOf, toHex } from '../wire/ids.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import type { KeyInfo } from '../wire/messages/node.ts';
import type { StoredKey } from './store/store.ts';

/** One generation of a key: what its holders sign with. */
export interface KeyGeneration {
  readonly id: string;
  readonly generation: number;
  readonly threshold: number;
  readonly nodes: readonly string[];
  /** `encodeKeyPublic` bytes. */
  readonly public: Uint8Array;
  /** {@link saidOf} of it. */
  readonly said: string;
  /** @throws SymbolonError `coordinator/key-disagrees` where the store has other public data under this id. */
  readonly decoded: KeyPublic;
  /** Node names by participant index. */
  readonly names: ReadonlyMap<number, string>;
}

/** A key. */
export interface Key extends StoredKey, KeyGeneration {
  /** The next generation, once enough nodes have activated it and while it has not reached all. */
  readonly next: Key | undefined;
}

/** The generations that can sign, the newest first: while a renewal is delivered some nodes have one, some the other. */
export const generationsOf = (key: Key): readonly KeyGeneration[] =>
  key.next === undefined ? [key] : [key.next, key];

/** Decoded public data that is kept at once. */
const maxDecoded = 1_024;

/** Makes keys that decode their public data when it is needed, and keeps the last 1,024 decoded ones. */
export class KeyMaker {
  readonly #manifest: () => Manifest;
  readonly #decoded = new Map<string, KeyPublic>();
  /** Lists of holders: most keys have the same ones. */
  readonly #holders = new Map<string, readonly string[]>();

  constructor(manifest: () => Manifest) {
    this.#manifest = manifest;
  }

  make(stored: StoredKey, next?: Key): Key {
    return new LazyKey({ ...stored, nodes: this.#shared(stored.nodes) }, next, this);
  }

  /**
   * What was decoded is kept under all that is said of a generation: two that say different things of it share nothing.
   * @throws SymbolonError `coordinator/key-disagrees`, and of `decodeKeyPublic`.
   */
  decoded(key: StoredKey, said = saidOf(key)): KeyPublic {
    const known = this.#decoded.get(said);
    const decoded = known ?? checkPublic(key, this.#manifest());
    this.#decoded.delete(said);
    this.#decoded.set(said, decoded);
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size <= maxDecoded) {
        break;
      }
      this.#decoded.delete(oldest);
    }
    return decoded;
  }

  names({ nodes }: StoredKey): ReadonlyMap<number, string> {
    const all = this.#manifest().nodes;
    return new Map(all.filter(({ name }) => nodes.includes(name)).map(({ index, name }) => [index, name]));
  }

  #shared(nodes: readonly string[]): readonly string[] {
    const name = nodes.join(' ');
    const known = this.#holders.get(name) ?? nodes;
    this.#holders.set(name, known);
    return known;
  }
}

class LazyKey implements Key {
  readonly id: Key['id'];
  readonly scheme: Key['scheme'];
  readonly purpose: string;
  readonly label: string;
  readonly threshold: number;
  readonly nodes: readonly string[];
  readonly generation: number;
  readonly createdAt: number;
  readonly public: Uint8Array;
  readonly state: Key['state'];
  readonly next: Key | undefined;
  readonly #maker: KeyMaker;
  #said: string | undefined;

  constructor(stored: StoredKey, next: Key | undefined, maker: KeyMaker) {
    this.id = stored.id;
    this.scheme = stored.scheme;
    this.purpose = stored.purpose;
    this.label = stored.label;
    this.threshold = stored.threshold;
    this.nodes = stored.nodes;
    this.generation = stored.generation;
    this.createdAt = stored.createdAt;
    this.public = stored.public;
    this.state = stored.state;
    this.next = next;
    this.#maker = maker;
  }

  get said(): string {
    this.#said ??= saidOf(this);
    return this.#said;
  }
  get decoded(): KeyPublic {
    return this.#maker.decoded(this, this.said);
  }
  get names(): ReadonlyMap<number, string> {
    return this.#maker.names(this);
  }
}

/** The fields that all holders of a key say alike. The time of its making is not in it: each holder has its own. */
type Said = Omit<StoredKey, 'state' | 'createdAt'>;

/** SHA-256 of what all holders of a generation of a key must say alike, 32 characters of one byte each, to compare. */
export function saidOf(key: Said): string {
  const text = JSON.stringify([
    key.id,
    key.scheme,
    key.purpose,
    key.label,
    key.threshold,
    key.nodes,
    key.generation,
    toHex(key.public),
  ]);
  return createHash('sha256').update(text).digest('binary');
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

/** Whether names are sorted, and each there once: a list of holders counts no node twice. */
export const areDistinct = (names: readonly string[]): boolean =>
  names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name);

/** What of the manifest says whose a share is. */
export type KeyPlace = Pick<Manifest, 'cluster' | 'nodes'>;

/**
 * Checks that the public data of a key is what its id names: the id is recomputed from the group key. Its holders are
 * sorted and distinct, its threshold above half of them as for every key that is made, and each that the manifest names
 * is one of the participants. A holder that the manifest does not name any more can't be checked, and says nothing either.
 * @throws SymbolonError `coordinator/key-disagrees`, and of `decodeKeyPublic`.
 */
export function checkPublic(key: StoredKey, { cluster, nodes }: KeyPlace, node = ''): KeyPublic {
  const decoded = decodeKeyPublic(key.public);
  const id = keyIdOf(cluster, key.scheme, key.purpose, decoded.groupPublicKey);
  const named = nodes.filter(({ name }) => key.nodes.includes(name));
  const fits =
    id === key.id &&
    decoded.scheme === key.scheme &&
    decoded.threshold === key.threshold &&
    decoded.generation === key.generation &&
    decoded.participants.length === key.nodes.length &&
    areDistinct(key.nodes) &&
    key.threshold * 2 > key.nodes.length &&
    named.every(({ index }) => decoded.participants.includes(index));
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
 * Asks each of them for this key.
 * @throws SymbolonError `coordinator/node-lacks-key`, `coordinator/key-disagrees`, and of the calls.
 */
export async function agreedKey(
  key: string,
  asked: Pick<StoredKey, 'scheme' | 'threshold' | 'nodes' | 'purpose' | 'label'>,
  modules: {
    readonly ask: (node: string, key: string) => Promise<KeyInfo | undefined>;
    readonly manifest: KeyPlace;
  },
): Promise<StoredKey> {
  const { nodes: holders, scheme, threshold, purpose, label } = asked;
  const infos = await Promise.all(holders.map((node) => modules.ask(node, key)));
  let first: StoredKey | undefined;
  for (const [i, node] of holders.entries()) {
    const info = infos[i];
    if (info === undefined) {
      throw new SymbolonError('coordinator/node-lacks-key', { node, key, state: 'absent' });
    }
    // The request is the measure, not the first node's word: that one could lie about all but the group key.
    const wanted = { ...storedOf(info), scheme, threshold, nodes: holders, purpose, label };
    first ??= wanted;
    if (saidOf(info) !== saidOf({ ...wanted, public: first.public })) {
      throw new SymbolonError('coordinator/key-disagrees', { key, node });
    }
  }
  if (first === undefined) {
    throw new SymbolonError('coordinator/unknown-key', { key });
  }
  checkPublic(first, modules.manifest);
  return first;
}

/** The group key of a key as hexadecimal: 32 bytes (Ed25519) or 33 (compressed). */
export const groupKeyHex = (key: Key): string => toHex(key.decoded.groupPublicKey);
