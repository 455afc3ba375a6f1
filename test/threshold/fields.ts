/** Changes single fields of an encoded message, whatever its shape: a test of all fields can not forget one. */
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from '../../wire/cbor.ts';

/** Where a field is: keys of maps and places in lists. */
export type FieldPath = readonly (string | number)[];

const isList = (value: CborValue | undefined): value is readonly CborValue[] => Array.isArray(value);
const decode = (raw: Uint8Array): CborValue => decodeCbor(raw, { maxBytes: raw.length });

/** The paths of all values in a message that are neither a map nor a list, in their order. */
export function fieldsOf(raw: Uint8Array): FieldPath[] {
  const walk = (value: CborValue, path: FieldPath): FieldPath[] => {
    if (value instanceof Map) {
      return [...(value as ReadonlyMap<string, CborValue>)].flatMap(([key, item]) =>
        walk(item, [...path, key]),
      );
    }
    return isList(value) ? value.flatMap((item, i) => walk(item, [...path, i])) : [path];
  };
  return walk(decode(raw), []);
}

/** The value of a field. */
export function fieldAt(raw: Uint8Array, path: FieldPath): CborValue {
  const value = path.reduce<CborValue | undefined>((at, key) => {
    if (at instanceof Map) {
      return (at as ReadonlyMap<string | number, CborValue>).get(key);
    }
    return isList(at) ? at[Number(key)] : undefined;
  }, decode(raw));
  if (value === undefined) {
    throw new TypeError(`no field ${path.join('.')}`);
  }
  return value;
}

/** The bytes of a field. */
export function bytesAt(raw: Uint8Array, path: FieldPath): Uint8Array {
  const value = fieldAt(raw, path);
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`no bytes at ${path.join('.')}`);
  }
  return value;
}

/** The message with another value in a field. */
export function withField(raw: Uint8Array, path: FieldPath, next: CborInput): Uint8Array {
  const put = (value: CborValue, rest: FieldPath): CborInput => {
    const [key, ...deeper] = rest;
    if (key === undefined) {
      return next;
    }
    if (value instanceof Map) {
      const entries = [...(value as ReadonlyMap<string, CborValue>)];
      return new Map(entries.map(([name, item]) => [name, name === key ? put(item, deeper) : asInput(item)]));
    }
    if (isList(value)) {
      return value.map((item, i) => (i === key ? put(item, deeper) : asInput(item)));
    }
    throw new TypeError(`no field ${path.join('.')}`);
  };
  return encodeCbor(put(decode(raw), path));
}

/** Whatever was decoded can be encoded. */
const asInput = (value: CborValue): CborInput => value;
