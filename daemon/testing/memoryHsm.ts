/**
 * A token in memory for tests that open a store hundreds of times: the HMAC scheme of hsm/ with a key that the test
 * gives. Everything that needs a real token runs against SoftHSM2 instead.
 */
import { createHmac } from 'node:crypto';
import type { HsmLink, KeyMaterial } from '../../hsm/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Random } from '../../threshold/index.ts';

/** A link whose token can be taken away. */
export interface MemoryHsm extends HsmLink {
  /** False: every call is `hsm/unavailable`. */
  reachable: boolean;
  /** Calls of `recoverKeyMaterial` so far. */
  recovered: number;
}

/** A token with this serial number; its key follows from it. */
export function memoryHsm(serial: string, random: Random): MemoryHsm {
  const answer = (wrapped: Uint8Array): Uint8Array =>
    new Uint8Array(createHmac('sha256', `key of ${serial}`).update(wrapped).digest());
  return {
    reachable: true,
    recovered: 0,
    token: { label: 'test', serial, keyId: '01', algorithm: 'hmac-sha256' },
    newKeyMaterial(): Promise<KeyMaterial> {
      if (!this.reachable) {
        return Promise.reject(new SymbolonError('hsm/unavailable', { reason: 'taken away' }));
      }
      const wrapped = random(32);
      return Promise.resolve({ wrapped, ikm: answer(wrapped) });
    },
    recoverKeyMaterial(wrapped) {
      this.recovered += 1;
      return this.reachable
        ? Promise.resolve(answer(wrapped))
        : Promise.reject(new SymbolonError('hsm/unavailable', { reason: 'taken away' }));
    },
    health() {
      return Promise.resolve({ token: this.token, node: 'test', startedAt: 0, operations: this.recovered });
    },
    close: () => Promise.resolve(),
  };
}
