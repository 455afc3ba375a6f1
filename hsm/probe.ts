/** The probe: does a 32-byte secret come back from the token as it went in? */
import { SymbolonError } from '../wire/errors/index.ts';
import { equalBytes } from '../wire/ids.ts';
import type { Random } from './random.ts';
import { makeKeyMaterial, recoverKeyMaterial, type WrappingKey } from './wrapping.ts';

/**
 * Makes key material, recovers it and compares. A second wrapping must give other material: a token that answers a
 * constant would pass the first test.
 * @throws SymbolonError `hsm/probe-failed`; VendorError where the token does not know the algorithm
 */
export function probe(key: WrappingKey, random: Random): void {
  const first = makeKeyMaterial(key, random);
  const second = makeKeyMaterial(key, random);
  let back: Uint8Array | undefined;
  try {
    back = recoverKeyMaterial(key, first.wrapped);
    if (!equalBytes(back, first.ikm) || equalBytes(first.ikm, second.ikm)) {
      throw new SymbolonError('hsm/probe-failed', { algorithm: key.algorithm });
    }
  } finally {
    first.ikm.fill(0);
    second.ikm.fill(0);
    back?.fill(0);
  }
}
