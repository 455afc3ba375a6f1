/**
 * Values on their way to another thread. A view on a larger buffer would take the whole buffer with it, secrets of others
 * included, so every byte array is copied into a buffer of its own, and that buffer is transferred: after the message
 * was posted, one owner is left.
 */

/** A copy, and the buffers of all its byte arrays. */
export interface Packed<T> {
  readonly value: T;
  readonly buffers: readonly ArrayBuffer[];
}

/** Packs plain data: byte arrays, maps, lists, records, text, numbers and truth values. Everything else throws TypeError. */
export function packed<T>(value: T): Packed<T> {
  const buffers: ArrayBuffer[] = [];
  const copy = (one: unknown): unknown => {
    if (one instanceof Uint8Array) {
      // Not `slice`: a short typed array lies in the engine's heap and would stay there when its buffer is asked for.
      const buffer = new ArrayBuffer(one.length);
      const view = new Uint8Array(buffer);
      view.set(one);
      buffers.push(buffer);
      return view;
    }
    if (Array.isArray(one)) {
      return one.map(copy);
    }
    if (one instanceof Map) {
      return new Map([...(one as ReadonlyMap<unknown, unknown>)].map(([key, item]) => [key, copy(item)]));
    }
    if (typeof one === 'object' && one !== null) {
      if (Object.getPrototypeOf(one) !== Object.prototype) {
        throw new TypeError('only plain data crosses to another thread');
      }
      return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, copy(item)]));
    }
    if (typeof one === 'function' || typeof one === 'symbol' || typeof one === 'bigint') {
      throw new TypeError('only plain data crosses to another thread');
    }
    return one;
  };
  // The copy has the shape of the original.
  return { value: copy(value) as T, buffers };
}
