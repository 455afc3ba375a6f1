/** The fields of any message: of its CBOR, of CBOR that a field of it holds, or the bytes of a message that is none. */
import { decodeCbor, type CborInput, type CborValue } from '../../../wire/cbor.ts';
import { bytesAt, fieldAt, fieldsOf, withField, type FieldPath } from '../fields.ts';

/** Where something can be changed in a message. */
export interface Place {
  readonly name: string;
  readonly value: CborValue;
  /** The message with another value there. */
  readonly put: (value: CborInput) => Uint8Array;
}

function isCborMap(raw: Uint8Array): boolean {
  try {
    return decodeCbor(raw, { maxBytes: raw.length }) instanceof Map;
  } catch {
    // Bytes that are no CBOR are a field of their own.
    return false;
  }
}

/** All fields of a message, in their order, and its lists. */
export function placesOf(raw: Uint8Array): Place[] {
  if (!isCborMap(raw)) {
    return [
      {
        name: 'bytes',
        value: raw,
        put: (value) => (value instanceof Uint8Array ? value : new Uint8Array()),
      },
    ];
  }
  const lists = new Map<string, FieldPath>();
  const fields = fieldsOf(raw).flatMap((path): Place[] => {
    for (const [depth, key] of path.entries()) {
      if (typeof key === 'number') {
        lists.set(path.slice(0, depth).join('.'), path.slice(0, depth));
      }
    }
    const name = path.join('.');
    const value = fieldAt(raw, path);
    const put = (next: CborInput): Uint8Array => withField(raw, path, next);
    if (value instanceof Uint8Array && isCborMap(value)) {
      return placesOf(bytesAt(raw, path)).map((inner) => ({
        name: `${name}.${inner.name}`,
        value: inner.value,
        put: (next) => put(inner.put(next)),
      }));
    }
    return [{ name, value, put }];
  });
  return [
    ...fields,
    ...[...lists].map(([name, path]) => ({
      name,
      value: fieldAt(raw, path),
      put: (next: CborInput) => withField(raw, path, next),
    })),
  ];
}
