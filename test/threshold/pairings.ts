/** Pairings of a dealer that everybody trusts, for tests of what is done with pairings: what a pairing run would leave. */
import type { LentPairing } from '../../threshold/index.ts';
import { pairingBytes } from '../../threshold/pairing/pairingKeys.ts';
import { blocks, leafBytes } from '../../threshold/pairing/puncturedPrf.ts';
import { insecureSeeded } from './run.ts';

/** The leaves of one direction: all of them for Bob, and for Alice all but the one at Delta. */
function dealLeaves(seed: string): { nabla: Uint8Array; aliceLeaves: Uint8Array; bobLeaves: Uint8Array } {
  const random = insecureSeeded(seed);
  const nabla = random(16);
  const bobLeaves = random(blocks * 4 * leafBytes);
  const aliceLeaves = new Uint8Array(blocks * 3 * leafBytes);
  for (let block = 0; block < blocks; block += 1) {
    const bits = (nabla[block >> 2] ?? 0) >> (2 * (block & 3));
    // A leaf's place has its first bit as the high one; nabla has the first bit first.
    const delta = 2 * (bits & 1) + ((bits >> 1) & 1);
    for (let offset = 1; offset < 4; offset += 1) {
      const from = (4 * block + (delta ^ offset)) * leafBytes;
      aliceLeaves.set(bobLeaves.subarray(from, from + leafBytes), (3 * block + offset - 1) * leafBytes);
    }
  }
  return { nabla, aliceLeaves, bobLeaves };
}

/** What `index` keeps of its pairing with `peer`. */
export function dealPairing(seed: string, index: number, peer: number): LentPairing {
  const [low, high] = [Math.min(index, peer), Math.max(index, peer)];
  const both = insecureSeeded(`${seed}/${low}/${high}`);
  const id = both(16);
  const zeroSeed = both(32);
  const asAlice = dealLeaves(`${seed}/bob ${peer}/alice ${index}`);
  const asBob = dealLeaves(`${seed}/bob ${index}/alice ${peer}`);
  const { nabla, aliceLeaves } = asAlice;
  const { bobLeaves } = asBob;
  return {
    id,
    secret: pairingBytes.encode({ v: 1, id, index, peer, nabla, aliceLeaves, bobLeaves, zeroSeed }),
  };
}

/** The pairings of one participant with others. */
export const dealPairings = (
  seed: string,
  index: number,
  others: readonly number[],
): Map<number, LentPairing> =>
  new Map(others.filter((other) => other !== index).map((other) => [other, dealPairing(seed, index, other)]));
