/** What an adversary makes of one message: of each field, and of the whole. */
import type { CborInput, CborValue } from '../../../wire/cbor.ts';
import { groupOf } from '../../../threshold/scheme.ts';
import { ecdsaSchemes, equalBytes } from '../../../wire/ids.ts';
import { insecureSeeded } from '../run.ts';
import { placesOf, type Place } from './places.ts';

/** One changed message. */
export interface Change {
  /** The field that was changed. */
  readonly place: string;
  readonly what: string;
  readonly raw: Uint8Array;
}

/** What else an adversary has seen. */
export interface Known {
  /** The same message in another session of the same parties. */
  readonly elsewhere: Uint8Array;
  /** The same message of another party in this session. */
  readonly ofOthers: readonly Uint8Array[];
  /** Other messages of the same party in this session. */
  readonly ofSame: readonly Uint8Array[];
}

const isList = (value: CborValue): value is readonly CborValue[] => Array.isArray(value);
/** Points that are valid somewhere, and the encodings of identities. */
const points: readonly Uint8Array[] = [
  ...ecdsaSchemes.map((scheme) => groupOf(scheme).encode(groupOf(scheme).generator)),
  groupOf('frost-ed25519').encode(groupOf('frost-ed25519').generator),
  Uint8Array.of(1, ...new Uint8Array(31)),
];

function flipped(raw: Uint8Array, bit: number): Uint8Array {
  const out = raw.slice();
  const at = (bit >> 3) % Math.max(out.length, 1);
  out[at] = (out[at] ?? 0) ^ (1 << (bit & 7));
  return out;
}

/** Bits to flip: the first, one in the middle and the last, and some that a seed draws where there are many. */
function bitsOf(raw: Uint8Array, seed: string): number[] {
  const last = 8 * raw.length - 1;
  const drawn = insecureSeeded(seed)(raw.length > 64 ? 8 : 4);
  const view = new DataView(drawn.buffer);
  const random = Array.from({ length: drawn.length / 4 }, (_, i) => view.getUint32(4 * i) % (last + 1));
  return [0, last >> 1, last, ...random];
}

function* bytesChanges(value: Uint8Array, seed: string): Generator<readonly [string, Uint8Array]> {
  for (const bit of bitsOf(value, seed)) {
    yield [`bit ${bit} flipped`, flipped(value, bit)];
  }
  yield ['zeros', new Uint8Array(value.length)];
  yield ['ones', new Uint8Array(value.length).fill(0xff)];
  yield ['a byte less', value.slice(0, -1)];
  yield ['a byte more', Uint8Array.of(...value, 0)];
  yield ['empty', new Uint8Array()];
  for (const point of points) {
    if (point.length === value.length) {
      yield ['another point', point];
    }
  }
  if (value.length === 33) {
    yield ['the negative point', flipped(value, 0)];
  }
}

function* listChanges(value: readonly CborValue[]): Generator<readonly [string, CborInput]> {
  yield ['one less', value.slice(0, -1)];
  yield ['the first twice', [...value.slice(0, 1), ...value]];
  yield ['backwards', [...value].reverse()];
  yield ['all the first', value.map(() => value[0] ?? null)];
}

function* valueChanges(value: CborValue, seed: string): Generator<readonly [string, CborInput]> {
  if (value instanceof Uint8Array) {
    yield* bytesChanges(value, seed);
  } else if (isList(value)) {
    yield* listChanges(value);
  } else if (typeof value === 'number') {
    yield* [0, value + 1, value === 1 ? 3 : value - 1, 2 ** 40].map((next) => [`${next}`, next] as const);
  } else {
    yield ['null', null];
  }
}

/** The values of the same field in other messages. */
function* borrowed(place: Place, known: Known): Generator<readonly [string, CborInput]> {
  const at = (raw: Uint8Array): CborValue | undefined =>
    placesOf(raw).find(({ name }) => name === place.name)?.value;
  const elsewhere = at(known.elsewhere);
  if (elsewhere !== undefined) {
    yield ["another session's", elsewhere];
  }
  for (const raw of known.ofOthers) {
    const theirs = at(raw);
    if (theirs !== undefined) {
      yield ["another party's", theirs];
    }
  }
  // A value of the same size that the same party sent in another message: one for each message is enough.
  for (const raw of known.ofSame) {
    const { value } = place;
    const same = placesOf(raw).find(
      (other) =>
        value instanceof Uint8Array &&
        other.value instanceof Uint8Array &&
        other.value.length === value.length,
    );
    if (same !== undefined) {
      yield ["the party's own of another message", same.value];
    }
  }
}

/** Two fields of one size, each with the value of the other. */
function* swaps(raw: Uint8Array): Generator<Change> {
  const places = placesOf(raw);
  for (const [i, one] of places.entries()) {
    for (const other of places.slice(i + 1)) {
      if (
        one.value instanceof Uint8Array &&
        other.value instanceof Uint8Array &&
        one.value.length === other.value.length
      ) {
        const half = placesOf(one.put(other.value)).find(({ name }) => name === other.name);
        if (half !== undefined) {
          yield { place: one.name, what: `swapped with ${other.name}`, raw: half.put(one.value) };
        }
      }
    }
  }
}

function* wholeChanges(raw: Uint8Array, known: Known, seed: string): Generator<Change> {
  const whole = (what: string, changed: Uint8Array): Change => ({ place: 'message', what, raw: changed });
  yield whole('empty', new Uint8Array());
  yield whole('a byte less', raw.slice(0, -1));
  yield whole('a byte more', Uint8Array.of(...raw, 0));
  yield whole('other bytes', insecureSeeded(seed)(raw.length));
  yield whole("another session's", known.elsewhere);
  for (const other of known.ofOthers) {
    yield whole("another party's", other);
  }
  for (const other of known.ofSame) {
    yield whole("the party's own of another message", other);
  }
}

/** Every change of a message. Those that change nothing are left out, and so is every second of two that are the same. */
export function changesOf(raw: Uint8Array, known: Known, seed: string): Change[] {
  const all: Change[] = [];
  for (const place of placesOf(raw)) {
    for (const [what, value] of [
      ...valueChanges(place.value, `${seed}/${place.name}`),
      ...borrowed(place, known),
    ]) {
      all.push({ place: place.name, what, raw: place.put(value) });
    }
  }
  all.push(...swaps(raw), ...wholeChanges(raw, known, seed));
  const seen: Uint8Array[] = [raw];
  return all.filter(({ raw: changed }) => {
    if (seen.some((one) => equalBytes(one, changed))) {
      return false;
    }
    seen.push(changed);
    return true;
  });
}
