/** What changed between two pieces of evidence, by name: the machine, the boot, the image, the claims. Both unverified. */
import { toHex } from '../../wire/ids.ts';
import type { EventReading, Reading } from './contract.ts';
import { meaningOf } from './registers.ts';
import { plain } from './view.ts';

/** One difference. */
export interface Difference {
  readonly what:
    'kind' | 'machine' | 'register' | 'event' | 'certificate' | 'claim' | 'identity' | 'bound' | 'fact';
  /** Which of them, for example `PCR4 (boot loader)` or `claims.manifest`. */
  readonly name: string;
  /** In the first one; `absent` where it is not there. */
  readonly a: string;
  /** In the second one. */
  readonly b: string;
}

/**
 * All differences. The nonce, the time and what follows from them differ between any two documents of one machine and are
 * no difference; clocks and counters that went on are none either.
 */
export function differencesOf(a: Reading, b: Reading): Difference[] {
  return [
    ...differ('kind', 'kind', a.kind, b.kind),
    ...differ('machine', 'machine', a.machine, b.machine),
    ...registers(a, b),
    ...events(a.events, b.events),
    ...certificates(a, b),
    ...fields('fact', 'facts', a.facts, b.facts),
    ...fields('claim', 'claims', a.claims, b.claims),
    ...fields('identity', 'identity', a.identity, b.identity),
    // What is not of this product is compared as bytes.
    ...(a.claims === undefined || b.claims === undefined
      ? differ('bound', 'user data', hexOf(a.userData), hexOf(b.userData))
      : []),
    ...(a.identity === undefined || b.identity === undefined
      ? differ('bound', 'public key', hexOf(a.publicKey), hexOf(b.publicKey))
      : []),
  ];
}

const hexOf = (raw: Uint8Array | undefined): string | undefined =>
  raw === undefined ? undefined : toHex(raw);

function differ(
  what: Difference['what'],
  name: string,
  a: string | undefined,
  b: string | undefined,
): Difference[] {
  return a === b ? [] : [{ what, name, a: a ?? 'absent', b: b ?? 'absent' }];
}

function registers(a: Reading, b: Reading): Difference[] {
  const banks = [...new Set([...a.banks.keys(), ...b.banks.keys()])].sort();
  return banks.flatMap((bank) => {
    const [left, right] = [a.banks.get(bank), b.banks.get(bank)];
    const indices = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].sort((x, y) => x - y);
    return indices.flatMap((index) =>
      differ(
        'register',
        `PCR${index} (${meaningOf(a.kind, index)}), ${bank}`,
        hexOf(left?.get(index)),
        hexOf(right?.get(index)),
      ),
    );
  });
}

/**
 * By register and name. Within one of these the longest common sequence of digests is no difference, so that an event that
 * came in between is named alone, and not all that follow it.
 */
function events(
  a: readonly EventReading[] | undefined,
  b: readonly EventReading[] | undefined,
): Difference[] {
  if (a === undefined || b === undefined) {
    const shown = (one: readonly EventReading[] | undefined): string | undefined => one && 'there';
    return differ('event', 'event log', shown(a), shown(b));
  }
  const byPlace = (list: readonly EventReading[]): ReadonlyMap<string, readonly EventReading[]> => {
    const places = new Map<string, EventReading[]>();
    for (const event of list) {
      const place = `PCR${event.pcr} ${event.name.replace(/-\d+$/, '')}`;
      places.set(place, [...(places.get(place) ?? []), event]);
    }
    return places;
  };
  const [left, right] = [byPlace(a), byPlace(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place) => {
    const [out, into] = withoutCommon(left.get(place) ?? [], right.get(place) ?? []);
    return Array.from(
      { length: Math.max(out.length, into.length) },
      (_, i) => [out[i], into[i]] as const,
    ).flatMap(([was, is]) => {
      const { name = '', pcr = 0 } = is ?? was ?? {};
      return differ('event', `${name} in PCR${pcr}`, hexOf(was?.digest), hexOf(is?.digest));
    });
  });
}

/** What is left of two sequences without their longest common one; at most some thousand events, by the cap of a log. */
function withoutCommon(
  a: readonly EventReading[],
  b: readonly EventReading[],
): readonly [readonly EventReading[], readonly EventReading[]] {
  const same = (i: number, j: number): boolean => hexOf(a[i]?.digest) === hexOf(b[j]?.digest);
  // lengths[i][j]: length of the longest common sequence of what follows from i and from j on.
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = lengths[i];
    for (let j = b.length - 1; j >= 0 && row !== undefined; j -= 1) {
      row[j] = same(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const [out, into]: [EventReading[], EventReading[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(i, j)) {
      [i, j] = [i + 1, j + 1];
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      out.push(...a.slice(i, i + 1));
      i += 1;
    } else {
      into.push(...b.slice(j, j + 1));
      j += 1;
    }
  }
  return [out, into];
}

function certificates(a: Reading, b: Reading): Difference[] {
  const windows = ({ certificates: all }: Reading): ReadonlyMap<string, string> =>
    new Map(
      all.map(({ place, commonName, notBefore, notAfter }) => [
        place,
        `${commonName}, ${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`,
      ]),
    );
  const [left, right] = [windows(a), windows(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place) =>
    differ('certificate', place, left.get(place), right.get(place)),
  );
}

/** Counters that differ from one document to the next. */
const goesOn: ReadonlySet<string> = new Set(['poweredMs', 'mark', 'witnessed']);

function fields(
  what: Difference['what'],
  title: string,
  a: object | undefined,
  b: object | undefined,
): Difference[] {
  const values = (from: object | undefined): ReadonlyMap<string, string> =>
    new Map(
      Object.entries(from ?? {})
        .filter(([name]) => !goesOn.has(name))
        .map(([name, value]) => [name, textOf(value)]),
    );
  const [left, right] = [values(a), values(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((name) =>
    differ(what, `${title}.${name}`, left.get(name), right.get(name)),
  );
}

function textOf(value: unknown): string {
  const simple = plain(value);
  return typeof simple === 'string' ? simple : JSON.stringify(simple);
}
