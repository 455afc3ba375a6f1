/**
 * Active keys that stand alike: the same holders, threshold and kind of arithmetic, and the same holders of which the
 * lists say that they can't sign with it. What one key of a group can do now all can, so that nobody walks over ten
 * thousand keys to say whether the cluster can sign.
 */
import { isEcdsa } from '../wire/ids.ts';
import type { Key } from './keyFacts.ts';

/** Keys that stand alike. */
export interface KeyGroup {
  /** At least one. */
  readonly ids: ReadonlySet<string>;
}
interface Group {
  readonly name: string;
  readonly ids: Set<string>;
  /** Holders that can't sign with these keys, by their own lists. */
  readonly out: readonly string[];
}

/** All active keys that are not being changed, in groups. */
export class KeyGroups {
  readonly #groups = new Map<string, Group>();
  readonly #of = new Map<string, Group>();

  /** Puts a key where it belongs now. `holds` says what a holder's list says of it. */
  put(key: Key, holds: (node: string) => boolean): void {
    const out = key.nodes.filter((node) => !holds(node));
    const name = JSON.stringify([isEcdsa(key.scheme), key.threshold, key.nodes, out]);
    if (this.#of.get(key.id)?.name === name) {
      return;
    }
    this.remove(key.id);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, ids: new Set(), out };
      this.#groups.set(name, group);
    }
    group.ids.add(key.id);
    this.#of.set(key.id, group);
  }

  /** Takes a key out. */
  remove(id: string): void {
    const group = this.#of.get(id);
    if (group === undefined) {
      return;
    }
    this.#of.delete(id);
    group.ids.delete(id);
    if (group.ids.size === 0) {
      this.#groups.delete(group.name);
    }
  }

  /** Whether a node is one of those that are out for a key, as it was put. */
  isOut(id: string, node: string): boolean {
    return this.#of.get(id)?.out.includes(node) ?? false;
  }

  /** Keys in groups. */
  get size(): number {
    return this.#of.size;
  }

  list(): readonly KeyGroup[] {
    return [...this.#groups.values()];
  }
}
