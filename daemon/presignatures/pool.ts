/**
 * The presignatures of this boot: in memory only, each for the shares of one key and one set of signers (T12). One is out of the
 * pool before its first byte is used (T13), and gone with the session that asked for it, whatever became of that.
 */
import type { PresignatureParts } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { MakeMemory } from '../keystore/secretMemory.ts';
import { Slots } from './slots.ts';

/** What a presignature is for. */
export interface PresignatureFor {
  readonly key: string;
  /** Names the shares of the key: the session that made them, in hexadecimal. A generation can be made twice. */
  readonly shares: string;
  /** Names of the signers, sorted, this node's included. */
  readonly nodes: readonly string[];
}

/** Room for one presignature that is being made. */
export interface Place {
  /** Puts it in, not yet to be used; nothing after `release`. The parts stay the caller's to wipe. */
  readonly fill: (id: Uint8Array, parts: PresignatureParts) => void;
  /** From here on it can be used. */
  readonly keep: () => void;
  /** Gives the room back, with what is in it unless it was kept. May be called at any time and more than once. */
  readonly release: () => void;
}

/** A presignature that one session has for itself. */
export interface Reserved {
  /**
   * Takes it out of the pool. The caller owns and wipes the parts.
   * @throws SymbolonError `presignature/absent` where it is gone meanwhile, or was taken before.
   */
  readonly take: () => PresignatureParts;
  /** The session is over: what was not taken is gone. May be called more than once. */
  readonly release: () => void;
  /** There never was a session: it is back where it was. */
  readonly restore: () => void;
}

/** Bounds of the pool. */
export interface PoolOptions {
  readonly maxPerKey: number;
  readonly maxTotal: number;
  /** Longest life of a presignature in milliseconds. */
  readonly maxAgeMs: number;
}
/** What it works with. */
export interface PoolModules {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Memory for the secret parts. */
  readonly secretMemory: MakeMemory;
}

/** Presignatures of one key and set of signers. */
export interface PoolCount {
  readonly key: string;
  readonly nodes: string[];
  readonly count: number;
}

interface Entry extends PresignatureFor {
  readonly id: Uint8Array;
  readonly madeAt: number;
  /** Encoding of R. Public. */
  readonly nonce: Uint8Array;
  /** phi, u and v, one after the other. */
  readonly slot: Uint8Array;
  state: 'made' | 'kept' | 'reserved';
}

const scalarBytes = 32;
/** A copy of one part, outside the engine's heap, where collection would move it and leave a trace. */
function partOf(slot: Uint8Array, i: number): Uint8Array {
  const part = new Uint8Array(new ArrayBuffer(scalarBytes));
  part.set(slot.subarray(i * scalarBytes, (i + 1) * scalarBytes));
  return part;
}
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);

/** The pool. */
export class PresignaturePool {
  readonly #opts: PoolOptions;
  readonly #now: () => number;
  readonly #slots: Slots;
  /** By id in hexadecimal, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** Presignatures and places, by key. */
  readonly #taken = new Map<string, number>();

  constructor(opts: PoolOptions, modules: PoolModules) {
    this.#opts = opts;
    this.#now = modules.now;
    this.#slots = new Slots(3 * scalarBytes, modules.secretMemory);
  }

  /** Room for one that is about to be made. @throws SymbolonError `presignature/full`. */
  place(what: PresignatureFor): Place {
    this.#count(what.key, 1);
    let entry: Entry | undefined;
    let open = true;
    return {
      fill: (id, parts) => {
        // A session that ended meanwhile has given its place back.
        if (open) {
          entry ??= this.#add(what, id, parts);
        }
      },
      keep: () => {
        if (entry !== undefined && this.#has(entry)) {
          entry.state = 'kept';
        }
      },
      release: () => {
        if (!open) {
          return;
        }
        open = false;
        if (entry === undefined) {
          this.#count(what.key, -1);
        } else if (entry.state === 'made') {
          this.#remove(entry);
        }
      },
    };
  }

  /**
   * Sets one aside for a session.
   * @throws SymbolonError `presignature/absent` where there is none with this id for exactly these shares and signers
   * that no other session has.
   */
  reserve(id: Uint8Array, what: PresignatureFor): Reserved {
    this.sweep();
    const entry = this.#entries.get(toHex(id));
    const absent = (): SymbolonError => new SymbolonError('presignature/absent', { key: what.key });
    const fits =
      entry?.state === 'kept' &&
      entry.key === what.key &&
      entry.shares === what.shares &&
      same(entry.nodes, what.nodes);
    if (entry === undefined || !fits) {
      throw absent();
    }
    entry.state = 'reserved';
    return {
      take: () => {
        if (!this.#has(entry)) {
          throw absent();
        }
        const { nonce, slot } = entry;
        const parts = { nonce, phi: partOf(slot, 0), u: partOf(slot, 1), v: partOf(slot, 2) };
        this.#remove(entry);
        return parts;
      },
      release: () => {
        this.#remove(entry);
      },
      restore: () => {
        if (this.#has(entry)) {
          entry.state = 'kept';
        }
      },
    };
  }

  /** Ids of those that can be used for this key and these signers, the oldest first. */
  list(key: string, nodes: readonly string[], limit: number): Uint8Array[] {
    this.sweep();
    return [...this.#entries.values()]
      .filter((one) => one.state === 'kept' && one.key === key && same(one.nodes, nodes))
      .slice(0, limit)
      .map(({ id }) => id);
  }

  /** Drops all that `which` names: their key has new shares, a pairing is poisoned, a node is gone. @returns how many. */
  drop(which: (what: PresignatureFor) => boolean): number {
    const gone = [...this.#entries.values()].filter(which);
    for (const entry of gone) {
      this.#remove(entry);
    }
    return gone.length;
  }

  /** Drops those over their age. */
  sweep(): void {
    const oldest = this.#now() - this.#opts.maxAgeMs;
    for (const entry of this.#entries.values()) {
      if (entry.madeAt <= oldest) {
        this.#remove(entry);
      }
    }
  }

  /** How many can be used, in all and by key and set of signers, the fullest first. */
  counts(maxPools: number): { readonly total: number; readonly pools: PoolCount[] } {
    const pools = new Map<string, { key: string; nodes: string[]; count: number }>();
    let total = 0;
    for (const { key, nodes, state } of this.#entries.values()) {
      if (state !== 'kept') {
        continue;
      }
      const name = `${key} ${nodes.join(' ')}`;
      const pool = pools.get(name) ?? { key, nodes: [...nodes], count: 0 };
      pools.set(name, { ...pool, count: pool.count + 1 });
      total += 1;
    }
    return { total, pools: [...pools.values()].sort((a, b) => b.count - a.count).slice(0, maxPools) };
  }

  /** Drops everything: the node stops or freezes. */
  wipe(): void {
    this.drop(() => true);
    this.#slots.wipe();
  }

  #add(what: PresignatureFor, id: Uint8Array, { nonce, phi, u, v }: PresignatureParts): Entry {
    const name = toHex(id);
    if (this.#entries.has(name)) {
      throw new TypeError('two presignatures of one id');
    }
    const slot = this.#slots.take();
    slot.set(phi);
    slot.set(u, scalarBytes);
    slot.set(v, 2 * scalarBytes);
    const { key, shares, nodes } = what;
    const entry: Entry = {
      key,
      shares,
      nodes: [...nodes],
      id: id.slice(),
      madeAt: this.#now(),
      nonce: nonce.slice(),
      slot,
      state: 'made',
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #has(entry: Entry): boolean {
    return this.#entries.get(toHex(entry.id)) === entry;
  }

  #remove(entry: Entry): void {
    if (this.#has(entry)) {
      this.#entries.delete(toHex(entry.id));
      this.#slots.giveBack(entry.slot);
      this.#count(entry.key, -1);
    }
  }

  /** @throws SymbolonError `presignature/full` where one more of this key, or of all, is too many. */
  #count(key: string, change: 1 | -1): void {
    const { maxPerKey, maxTotal } = this.#opts;
    const now = this.#taken.get(key) ?? 0;
    if (change === 1) {
      const all = [...this.#taken.values()].reduce((sum, count) => sum + count, 0);
      const limit = now >= maxPerKey ? maxPerKey : all >= maxTotal ? maxTotal : undefined;
      if (limit !== undefined) {
        throw new SymbolonError('presignature/full', { limit });
      }
    }
    if (now + change === 0) {
      this.#taken.delete(key);
    } else {
      this.#taken.set(key, now + change);
    }
  }
}
