/** Makes a failing input small: pieces are left out and bytes made plain as long as the same thing goes wrong. */

/** The smallest input found for which `fails` holds, in at most `budget` runs. */
export function minimise(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => boolean,
  budget = 4_000,
): Uint8Array {
  let best = input;
  let left = budget;
  const take = (candidate: Uint8Array): boolean => {
    left -= 1;
    if (left < 0 || !fails(candidate)) {
      return false;
    }
    best = candidate;
    return true;
  };
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.length && left > 0;) {
      const candidate = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]));
      if (!take(candidate)) {
        at += size;
      }
    }
  }
  for (let at = 0; at < best.length && left > 0; at += 1) {
    if (best[at] !== 0) {
      const candidate = best.slice();
      candidate[at] = 0;
      take(candidate);
    }
  }
  return best;
}
