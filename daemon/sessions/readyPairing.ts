/** Whether a pairing may be used, at this moment. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { FoundPairing } from '../pairings/contract.ts';

type Ready = Extract<FoundPairing, { kind: 'ready' }>;

/**
 * The pairing with a peer, if it may be used.
 * @throws SymbolonError `pairing/absent`, also where it is broken: a new one replaces it; `pairing/poisoned`.
 */
export function readyPairing(found: FoundPairing, peer: string, id?: Uint8Array): Ready {
  if (found.kind === 'poisoned') {
    throw new SymbolonError('pairing/poisoned', { peer });
  }
  if (found.kind !== 'ready' || (id !== undefined && !equalBytes(found.id, id))) {
    throw new SymbolonError('pairing/absent', { peer });
  }
  return found;
}
