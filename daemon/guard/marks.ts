/**
 * The marks of this node and of the others: how much each has counted for ever, so that a state that was put back, or a
 * second one, shows (T09). SPEC.md has the argument. In memory here; the replay guard keeps them on the disk.
 */
import { equalBytes, toHex } from '../../wire/ids.ts';
import { stateBody, type JournalState, type JournalStep } from './journal.ts';

/** What this node has seen of a peer. */
export interface Witness {
  /** 16 bytes of the peer's boot that was seen last. */
  readonly boot: Uint8Array;
  /** The number of that boot. */
  readonly boots: number;
  /** The highest mark that it has shown. */
  readonly mark: number;
}

/** Peers by the hexadecimal digits of their tie. A snapshot: it never changes. */
export type Witnesses = ReadonlyMap<string, Witness>;

/** The marks as the rest of the node uses them. */
export interface MarkKeeper {
  /** The number of this boot, from 1. */
  readonly boots: number;
  /** The mark with which this boot began: not below any mark that this node ever showed before. */
  readonly since: number;
  /** The mark that the disk has: used requests. Only this one is ever shown: after a crash the node has it again. */
  readonly mark: number;
  /** What was seen of the others. */
  witnesses(): Witnesses;
  /**
   * Remembers what the evidence of a peer showed: of the boot that was seen before the higher mark, of another boot this one.
   * On the disk with the next use of a request, before its last round leaves.
   * @param tie - 16 bytes that name the peer and its machine.
   * @throws SymbolonError `wire/unexpected-shape` where the journal has no form for it; then nothing is remembered.
   */
  witness(tie: Uint8Array, seen: Witness): void;
}

/** Peers that are remembered. More than a manifest can name, for those of manifests before; the longest unseen goes. */
const maxWitnesses = 128;

/** Counts and remembers. */
export class Marks implements MarkKeeper {
  readonly boots: number;
  readonly since: number;
  #counted: number;
  #durable: number;
  #witnesses: Witnesses;
  /** Ties of what the journal does not have yet. */
  readonly #changed = new Set<string>();

  /** Takes over what the journal had; the boot itself is counted by its caller, and is on the disk. */
  constructor({ boots, mark, witnessed }: JournalState) {
    this.boots = boots;
    this.since = mark;
    this.#counted = mark;
    this.#durable = mark;
    this.#witnesses = new Map(witnessed.map(({ tie, ...seen }) => [toHex(tie), seen]));
  }

  get mark(): number {
    return this.#durable;
  }

  witnesses(): Witnesses {
    return this.#witnesses;
  }

  witness(tie: Uint8Array, seen: Witness): void {
    const key = toHex(tie);
    const known = this.#witnesses.get(key);
    if (known !== undefined && equalBytes(known.boot, seen.boot) && known.mark >= seen.mark) {
      return;
    }
    // Here, where one session fails of it, and not at a burn, after which the guard takes no more of any session.
    stateBody({ boots: this.boots, mark: this.#counted, seen: { tie, ...seen } });
    const next = new Map(this.#witnesses);
    // Deleted first: the order is that of the last sight, and the first goes.
    next.delete(key);
    next.set(key, { ...seen, boot: seen.boot.slice() });
    const oldest = next.keys().next();
    if (next.size > maxWitnesses && oldest.done !== true) {
      next.delete(oldest.value);
      this.#changed.delete(oldest.value);
    }
    this.#witnesses = next;
    this.#changed.add(key);
  }

  /** Counts one used request. It is shown once the disk has it. */
  count(): void {
    this.#counted += 1;
  }

  /** What the next append has to say; nothing where the journal has it all. */
  takeChanges(): readonly JournalStep[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed.length === 0 && this.#counted === this.#durable ? [] : this.#steps(changed);
  }

  /** Everything, for a journal that is written anew. */
  whole(): readonly JournalStep[] {
    return this.#steps([...this.#witnesses.keys()]);
  }

  /** The disk has these steps. */
  written(steps: readonly JournalStep[]): void {
    this.#durable = Math.max(this.#durable, ...steps.map(({ mark }) => mark));
  }

  /** At least one step, because the counts are in each. */
  #steps(keys: readonly string[]): readonly JournalStep[] {
    const counts = { boots: this.boots, mark: this.#counted };
    const seen = keys.flatMap((key) => {
      const found = this.#witnesses.get(key);
      return found === undefined
        ? []
        : [{ ...counts, seen: { tie: new Uint8Array(Buffer.from(key, 'hex')), ...found } }];
    });
    return seen.length === 0 ? [counts] : seen;
  }
}
