/**
 * ES384 verification by the addon: the OpenSSL inside of Node, without the 0.1 ms that node:crypto spends on each key that it
 * has not seen. Public data only; where it is not there, node:crypto says the same, a little later.
 */
import { addon } from './addon.ts';

/** A P-384 key that verifies signatures of 96 bytes (r and s) over SHA-384 of the data. */
export interface NativeEs384Key {
  readonly verify: (data: Uint8Array, signature: Uint8Array) => boolean;
}

/**
 * What opens keys of 97 bytes (uncompressed points, SEC 1 section 2.3.3): `undefined` for what is no point of the curve.
 * `undefined` itself where this Node does not export what is needed of its OpenSSL.
 * @throws SymbolonError `native/not-built`.
 */
export function nativeEs384(): ((point: Uint8Array) => NativeEs384Key | undefined) | undefined {
  const { es384 } = addon();
  return es384 === undefined
    ? undefined
    : (point) =>
        point.length === 97 && es384.isKey(point)
          ? { verify: (data, signature) => es384.verify(point, data, signature) }
          : undefined;
}
