/**
 * Which of the candidates of a key counts. Candidates stand in one order on all nodes: by generation, then by the time of
 * the request, then by session id. What all holders confirmed supersedes everything before it in that order, and nothing
 * after it. SPEC.md says why no choice of confirmations can lose a key that way.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { BrokenFile } from './contract.ts';
import { faultOf, type Fault, type Loaded } from './load.ts';
import {
  compare,
  comparePlaces,
  fileOf,
  type FilePart,
  type GenerationRecord,
  type KeyRecord,
  type Place,
} from './records.ts';

/** The candidates of one key, judged. */
export interface Settled {
  /** The one that says what the key is here. */
  readonly deciding: Loaded;
  /** The last one that all holders confirmed. */
  readonly proven: Loaded | undefined;
  /** What {@link Settled.proven} supersedes. */
  readonly superseded: readonly Loaded[];
  /** What stays, in order. */
  readonly remaining: readonly Loaded[];
}

/** Whether it waits for its confirmations. */
export const isPending = ({ opened, proof }: Loaded): boolean =>
  opened.kind !== 'fault' && proof.kind === 'absent';
/** Whether all holders confirmed it. */
export const isProven = ({ opened, proof }: Loaded): boolean =>
  opened.kind !== 'fault' && proof.kind === 'good';

/** What the order of candidates looks at. */
interface Ranked {
  readonly place: Place;
  /** After all times where the record does not open: of its generation it is the one that decides. */
  readonly requestedAt: number;
  /** Hexadecimal; only its beginning where the record does not open. */
  readonly session: string;
}
const rankOf = ({ place, opened }: Loaded): Ranked =>
  opened.kind === 'fault'
    ? { place, requestedAt: Number.POSITIVE_INFINITY, session: place.session }
    : { place, requestedAt: opened.record.requestedAt, session: toHex(opened.record.session) };
const compareRanks = (a: Ranked, b: Ranked): number =>
  compare(a.place.generation, b.place.generation) ||
  compare(a.requestedAt, b.requestedAt) ||
  compare(a.session, b.session) ||
  // The same record under two names.
  comparePlaces(a.place, b.place);

/** The order of candidates: below zero where `a` is before `b`. */
export const compareLoaded = (a: Loaded, b: Loaded): number => compareRanks(rankOf(a), rankOf(b));

/** Whether a record that is to be stored at `place` comes after a candidate. */
export const comesAfter = (
  place: Place,
  { requestedAt, session }: Pick<GenerationRecord, 'requestedAt' | 'session'>,
  candidate: Loaded,
): boolean => compareRanks({ place, requestedAt, session: toHex(session) }, rankOf(candidate)) > 0;

/** Judges the candidates of one key: at least one. */
export function settle(loaded: readonly [Loaded, ...Loaded[]]): Settled {
  const sorted = loaded.toSorted(compareLoaded);
  const proven = sorted.findLast(isProven);
  const before = proven === undefined ? 0 : sorted.indexOf(proven);
  return {
    // A pending one does not take the place of the one before; a broken one does: falling back to an older share because
    // the newer one was damaged would be a rollback (T20, T28).
    deciding:
      sorted.findLast((one) => !isPending(one)) ??
      sorted.findLast(({ opened }) => opened.kind === 'share') ??
      loaded[0],
    proven,
    superseded: sorted.slice(0, before),
    remaining: sorted.slice(before),
  };
}

/** What a key is here. */
export type Verdict =
  | { readonly kind: 'active'; readonly record: KeyRecord; readonly secret: Uint8Array }
  | { readonly kind: 'pending'; readonly record: KeyRecord }
  | { readonly kind: 'departed'; readonly record: GenerationRecord }
  | { readonly kind: 'broken'; readonly claimed: GenerationRecord | undefined; readonly fault: Fault };

/** What the deciding candidate says. */
export function verdictOf({ deciding }: Settled): Verdict {
  const { opened, proof, claimed } = deciding;
  const fault = faultIn(deciding);
  if (opened.kind === 'fault') {
    return { kind: 'broken', claimed, fault: opened };
  }
  const { record } = opened;
  if (fault !== undefined) {
    return { kind: 'broken', claimed: record, fault: fault.fault };
  }
  if (opened.kind === 'departure') {
    // A pending departure decides only where the share is not there that it gives up.
    return proof.kind === 'good'
      ? { kind: 'departed', record }
      : { kind: 'broken', claimed: record, fault: alone(deciding) };
  }
  return proof.kind === 'good'
    ? { kind: 'active', record: opened.record, secret: opened.secret }
    : { kind: 'pending', record: opened.record };
}

/** The files of a key that can't be used. */
export function faultsOf(settled: Settled): BrokenFile[] {
  const verdict = verdictOf(settled);
  const faults = settled.remaining.flatMap((one) => {
    const found = faultIn(one);
    return found === undefined ? [] : [found];
  });
  if (verdict.kind === 'broken' && faults.length === 0) {
    faults.push({ part: 'record', place: settled.deciding.place, fault: verdict.fault });
  }
  return faults.map(({ part, place, fault: { code, detail } }) => ({
    file: fileOf(place, part),
    code,
    detail,
  }));
}

interface FaultyFile {
  readonly place: Place;
  readonly part: FilePart;
  readonly fault: Fault;
}

function faultIn({ place, opened, proof }: Loaded): FaultyFile | undefined {
  if (opened.kind === 'fault') {
    return { place, part: 'record', fault: opened };
  }
  return proof.kind === 'fault' ? { place, part: 'proof', fault: proof } : undefined;
}

const alone = ({ place }: Loaded): Fault =>
  faultOf(
    new SymbolonError('store/file-broken', {
      file: fileOf(place, 'record'),
      reason: 'the share that this departure gives up is gone',
    }),
  );
