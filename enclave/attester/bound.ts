/** The limits of what evidence binds, alike on all platforms: those of the Nitro hypervisor, which refuses more. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxBound } from '../evidence/nitro/payload.ts';
import type { Bound } from './attester.ts';

/** @throws SymbolonError `attester/bad-input`. */
export function checkBound({ nonce, publicKey, userData }: Bound): void {
  for (const [field, value] of Object.entries({ nonce, publicKey, userData })) {
    if (value.length > maxBound || (field === 'publicKey' && value.length === 0)) {
      throw new SymbolonError('attester/bad-input', { field, size: value.length, limit: maxBound });
    }
  }
}
