/**
 * Shapes: closed descriptions of what a decoded CBOR value must look like, from which both the check and the
 * TypeScript type come. A record refuses unknown fields and missing ones; every byte string, text and list has a
 * bound. {@link message} ties a shape to a name and a size cap, and is the only way bytes become typed values.
 */
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from './cbor.ts';
import { SymbolonError } from './errors/index.ts';

/** Checks one decoded value and gives it its type. `path` names the place, for the error. */
export interface Shape<T> {
  readonly check: (value: CborValue, path: string) => T;
}
/** The type that a shape gives. */
export type TypeOf<S> = S extends Shape<infer T> ? T : never;

const refuse = (path: string, wanted: string): never => {
  throw new SymbolonError('wire/unexpected-shape', { path, wanted });
};
const shape = <T>(check: (value: CborValue, path: string) => T): Shape<T> => ({ check });

/** A byte string of exactly `min` bytes, or of `min` to `max` bytes. */
export const bytes = (min: number, max: number = min): Shape<Uint8Array> =>
  shape((value, path) =>
    value instanceof Uint8Array && value.length >= min && value.length <= max
      ? value
      : refuse(path, min === max ? `${min} bytes` : `${min} to ${max} bytes`),
  );

/** Text of 1 to `max` UTF-16 units that matches `pattern` where one is given. */
export const text = (max: number, pattern?: RegExp): Shape<string> =>
  shape((value, path) =>
    typeof value === 'string' && value.length > 0 && value.length <= max && (pattern?.test(value) ?? true)
      ? value
      : refuse(path, pattern === undefined ? `text of 1 to ${max}` : `text like ${pattern.source}`),
  );

/** An unsigned integer of at most `max` (a safe integer unless told). */
export const uint = (max: number = Number.MAX_SAFE_INTEGER, min = 0): Shape<number> =>
  shape((value, path) =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : refuse(path, `integer ${min} to ${max}`),
  );

/** An integer of at most `max` from zero, on either side. */
export const int = (max: number = Number.MAX_SAFE_INTEGER): Shape<number> => uint(max, -max);

/** `true` or `false`. */
export const bool: Shape<boolean> = shape((value, path) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false'),
);

/** Exactly one of the listed texts or numbers. */
export const oneOf = <const T extends readonly (string | number)[]>(...wanted: T): Shape<T[number]> =>
  shape((value, path) =>
    wanted.includes(value as string | number)
      ? (value as T[number])
      : refuse(path, `one of ${wanted.join(', ')}`),
  );

/** A list of `min` to `max` items. */
export const list = <T>(item: Shape<T>, max: number, min = 0): Shape<T[]> =>
  shape((value, path) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) {
      return refuse(path, `list of ${min} to ${max}`);
    }
    return (value as readonly CborValue[]).map((one, i) => item.check(one, `${path}[${i}]`));
  });

/** A map with integer keys 0 to `maxKey` (PCR maps). */
export const indexed = <T>(item: Shape<T>, maxKey: number): Shape<Map<number, T>> =>
  shape((value, path) => {
    if (!(value instanceof Map)) {
      return refuse(path, 'map with integer keys');
    }
    const out = new Map<number, T>();
    for (const [key, one] of value as ReadonlyMap<string | number, CborValue>) {
      if (typeof key !== 'number' || key < 0 || key > maxKey) {
        return refuse(path, `integer keys 0 to ${maxKey}`);
      }
      out.set(key, item.check(one, `${path}.${key}`));
    }
    return out;
  });

/** Marks a field of a record that may be absent. Absent is not `null`. */
export interface OptionalShape<T> extends Shape<T> {
  readonly optional: true;
}
/** A field that may be absent. */
export const optional = <T>(item: Shape<T>): OptionalShape<T> => ({ check: item.check, optional: true });

type Fields = Readonly<Record<string, Shape<unknown>>>;
type OptionalKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends OptionalShape<unknown> ? K : never;
}[keyof F];
/** The type of a record with these fields. */
export type RecordOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]>;
} & { readonly [K in OptionalKeys<F>]?: TypeOf<F[K]> };

/** A map with exactly these text keys: unknown fields and missing ones are refused. */
export const record = <F extends Fields>(fields: F): Shape<RecordOf<F>> => {
  const names = Object.keys(fields);
  return shape((value, path) => {
    if (!(value instanceof Map)) {
      return refuse(path, 'map');
    }
    const map = value as ReadonlyMap<string | number, CborValue>;
    const out: Record<string, unknown> = {};
    let seen = 0;
    for (const name of names) {
      const field = fields[name];
      const item = map.get(name);
      if (field === undefined) {
        continue;
      }
      if (item === undefined) {
        if (!('optional' in field)) {
          return refuse(`${path}.${name}`, 'a value');
        }
        continue;
      }
      seen += 1;
      out[name] = field.check(item, `${path}.${name}`);
    }
    // Names of unknown fields come from the peer: they are not repeated in the error.
    if (seen !== map.size) {
      return refuse(path, 'no unknown field');
    }
    return out as RecordOf<F>;
  });
};

/** One of several records, told apart by the text field `tag`. */
export const tagged = <const Tag extends string, V extends Readonly<Record<string, Fields>>>(
  tag: Tag,
  variants: V,
): Shape<{ [K in keyof V & string]: Readonly<Record<Tag, K>> & RecordOf<V[K]> }[keyof V & string]> => {
  const shapes = new Map(
    Object.entries(variants).map(([name, fields]) => [name, record({ [tag]: oneOf(name), ...fields })]),
  );
  return shape((value, path) => {
    const name =
      value instanceof Map ? (value as ReadonlyMap<string | number, CborValue>).get(tag) : undefined;
    const variant = typeof name === 'string' ? shapes.get(name) : undefined;
    if (variant === undefined) {
      return refuse(`${path}.${tag}`, `one of ${[...shapes.keys()].join(', ')}`);
    }
    return variant.check(value, path) as never;
  });
};

/** A record of one of several versions, told apart by its integer field `v`. */
export const versions = <V extends Readonly<Record<number, Shape<{ readonly v: number }>>>>(
  of: V,
): Shape<TypeOf<V[keyof V]>> => {
  const shapes = new Map(Object.entries(of).map(([v, one]) => [Number(v), one]));
  return shape((value, path) => {
    const v = value instanceof Map ? (value as ReadonlyMap<string | number, CborValue>).get('v') : undefined;
    const version = typeof v === 'number' ? shapes.get(v) : undefined;
    if (version === undefined) {
      return refuse(`${path}.v`, `one of ${[...shapes.keys()].join(', ')}`);
    }
    return version.check(value, path) as TypeOf<V[keyof V]>;
  });
};

/** A byte format: a name, a cap, and the two directions. */
export interface Message<T> {
  /** Name for errors and documentation. */
  readonly name: string;
  /** Longest encoding in bytes. */
  readonly maxBytes: number;
  /** Deterministic CBOR of `value`. Throws `wire/oversize` above the cap: what a peer must refuse is not sent. */
  readonly encode: (value: T) => Uint8Array;
  /** Strict decode. Throws `wire/oversize`, `wire/malformed-cbor` or `wire/unexpected-shape`. */
  readonly decode: (raw: Uint8Array) => T;
}

/** Makes a byte format of a shape. */
export const message = <T>(name: string, maxBytes: number, of: Shape<T>): Message<T> => {
  const capped = (raw: Uint8Array): Uint8Array => {
    if (raw.length > maxBytes) {
      throw new SymbolonError('wire/oversize', { what: name, size: raw.length, limit: maxBytes });
    }
    return raw;
  };
  return {
    name,
    maxBytes,
    encode: (value) => capped(encodeCbor(value as CborInput)),
    decode: (raw) => of.check(decodeCbor(capped(raw), { maxBytes }), name),
  };
};
