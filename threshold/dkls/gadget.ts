/**
 * The gadget vector of a curve (ePrint 2023/765 protocol 5.2): 416 public scalars that nobody chose, so that b = sum of
 * g_j * beta_j is uniform even where some of the bits beta_j are known. The same for all sessions.
 */
import { createHash } from 'node:crypto';
import { hashOf } from '../../wire/ids.ts';
import type { Group } from '../group/group.ts';
import type { VectorKernel } from './kernel.ts';
import { otRows } from './otExtension.ts';

/** g_0 to g_415, 32 bytes each: g_j is 48 bytes of SHA-512 over label, curve and j, modulo the order. */
export function gadgetOf(name: Group['name'], vectors: VectorKernel): Uint8Array {
  const wide = new Uint8Array(otRows * 48);
  for (let j = 0; j < otRows; j += 1) {
    const hash = createHash('sha512')
      .update(hashOf('symbolon/ole-gadget/1', name, j))
      .digest();
    wide.set(hash.subarray(0, 48), j * 48);
  }
  return vectors.reduceWide(wide);
}
