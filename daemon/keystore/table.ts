/** The keys of a store by id: which files each has, and what is known of it so far. In memory only, and small. */
import { ChangeLog } from './changeLog.ts';
import type { BrokenFile, FoundKey } from './contract.ts';
import { comparePlaces, type FilePart, type Place } from './records.ts';

/** A candidate as the names in the folder show it. */
export interface Candidate {
  readonly place: Place;
  /** Whether its sealed record is there. */
  readonly record: boolean;
  /** Whether a proof lies beside it; nobody has verified it. */
  readonly proof: boolean;
}
/** What a key is here. */
export type Standing = 'active' | 'pending' | 'departed';
/** What is known of a key. */
export type KeyState =
  | { readonly kind: 'unread' }
  /** It was opened and is in order; the share was wiped again. */
  | { readonly kind: 'checked'; readonly as: Standing }
  | { readonly kind: 'opened'; readonly found: FoundKey };
/** A key. Never changed in place: who works on a key compares `candidates` to see whether another was faster. */
export interface Entry {
  readonly id: string;
  /** In the order of {@link comparePlaces}. */
  readonly candidates: readonly Candidate[];
  readonly state: KeyState;
  /** Files that can't be used, as far as they were looked at. */
  readonly faults: readonly BrokenFile[];
  /** SHA-256 of what a listing told of a key that was not opened, from a header that nobody had verified. */
  readonly told: string | undefined;
}

const unread: KeyState = { kind: 'unread' };
const noFaults: readonly BrokenFile[] = [];

/** Whether two places are one. */
export const samePlace = (a: Place, b: Place): boolean => comparePlaces(a, b) === 0;

/** What the names of the files say a key is: the newest with a proof; where none has one, the newest share. */
export function claimOf({
  candidates,
}: Entry): { readonly candidate: Candidate; readonly as: Standing } | undefined {
  const proven = candidates.findLast(({ proof }) => proof);
  if (proven !== undefined) {
    return { candidate: proven, as: proven.place.kind === 'departure' ? 'departed' : 'active' };
  }
  const candidate = candidates.findLast(({ place }) => place.kind === 'share') ?? candidates.at(-1);
  return candidate === undefined ? undefined : { candidate, as: 'pending' };
}

/** What a key is as far as anybody knows; where nobody looked at it, what the names of its files say. */
export function standingOf(entry: Entry): FoundKey['kind'] | undefined {
  const { state } = entry;
  if (state.kind === 'opened') {
    return state.found.kind;
  }
  return state.kind === 'checked' ? state.as : claimOf(entry)?.as;
}

/** What a listing tells of a key, as far as the table knows it: where this changes, the key has changed for its readers. */
function tellingOf(entry: Entry): string {
  const found = entry.state.kind === 'opened' ? entry.state.found : undefined;
  const claim = claimOf(entry)?.candidate.place;
  const generation = found !== undefined && 'info' in found ? found.info?.generation : claim?.generation;
  return [
    standingOf(entry) ?? '',
    generation ?? '',
    claim?.session ?? '',
    found?.kind === 'broken' ? found.code : '',
  ].join(' ');
}

/** All keys of a store. */
export class KeyTable {
  /** What readers of the list have to read again. */
  readonly changes = new ChangeLog();
  readonly #entries = new Map<string, Entry>();
  #sorted: readonly string[] | undefined;
  #records = 0;

  /** Sealed records and proofs without one. */
  get records(): number {
    return this.#records;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Puts an entry in the place of the one with its id. */
  set(entry: Entry): void {
    const before = this.#entries.get(entry.id);
    this.#records += entry.candidates.length - (before?.candidates.length ?? 0);
    this.#entries.set(entry.id, entry);
    if (before === undefined) {
      this.#sorted = undefined;
    }
    if (before === undefined || tellingOf(before) !== tellingOf(entry)) {
      this.changes.note(entry.id);
    }
  }

  /** Notes a file of a candidate; what was known of the key stays. */
  note(place: Place, part: FilePart): void {
    const entry = this.#entries.get(place.id) ?? {
      id: place.id,
      candidates: [],
      state: unread,
      faults: noFaults,
      told: undefined,
    };
    const known = entry.candidates.find((one) => samePlace(one.place, place));
    const candidate = { place, record: known?.record ?? false, proof: known?.proof ?? false, [part]: true };
    this.set({
      ...entry,
      told: undefined,
      candidates: [...entry.candidates.filter((one) => one !== known), candidate].sort((a, b) =>
        comparePlaces(a.place, b.place),
      ),
    });
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Ids after `after`, sorted. */
  idsAfter(after: string): readonly string[] {
    this.#sorted ??= [...this.#entries.keys()].sort();
    return this.#sorted.slice(firstAfter(this.#sorted, after));
  }

  /** Ids of the keys that nobody has looked at; first those whose files need judging. */
  unread(): string[] {
    const waiting = [...this.#entries.values()].filter(({ state }) => state.kind === 'unread');
    return waiting.sort((a, b) => b.candidates.length - a.candidates.length).map(({ id }) => id);
  }

  /** Keys by state. */
  counts(): { active: number; pending: number; broken: number; departed: number; unread: number } {
    const counts = { active: 0, pending: 0, broken: 0, departed: 0, unread: 0 };
    for (const entry of this.#entries.values()) {
      counts.unread += entry.state.kind === 'unread' ? 1 : 0;
      const as = standingOf(entry);
      if (as !== undefined && as !== 'absent') {
        counts[as] += 1;
      }
    }
    return counts;
  }

  clear(): void {
    this.#entries.clear();
    this.changes.clear();
    this.#sorted = undefined;
    this.#records = 0;
  }
}

/** Index of the first id after `after` in a sorted list. */
function firstAfter(ids: readonly string[], after: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? '') <= after) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
