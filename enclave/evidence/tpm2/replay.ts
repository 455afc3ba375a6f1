/**
 * Replay of an event log: the values that registers must have after its events were extended into them, from where a
 * reset leaves them (TPM 2.0 Part 1 sections 17.2 and 17.5; PFP sections 3.3.4 and 10.4.5).
 */
import { createHash } from 'node:crypto';
import { digestBytes, type TpmHash } from '../../tpm/algorithms.ts';
import { eventType, type EventLog, type LogEvent } from './eventLog.ts';

/** Whether an event was extended: EV_NO_ACTION events only inform, whatever digests stand in them (PFP section 10.4.5). */
export const isExtended = ({ type }: Pick<LogEvent, 'type'>): boolean => type !== eventType.EV_NO_ACTION;

/** Where a register stands before its first event: zeros, but in the last byte of PCR0 the startup locality. */
export function initialPcr(pcr: number, bank: TpmHash, startupLocality: number): Uint8Array {
  const register = new Uint8Array(digestBytes[bank]);
  if (pcr === 0) {
    register[register.length - 1] = startupLocality;
  }
  return register;
}

/** The register after one more digest: H(register || digest). */
export const extendPcr = (bank: TpmHash, register: Uint8Array, digest: Uint8Array): Uint8Array =>
  new Uint8Array(createHash(bank).update(register).update(digest).digest());

/**
 * All registers of one bank that the log extends, by number. `undefined` where an event that was extended has no digest
 * of this bank, so that the log does not tell the bank's registers.
 */
export function replayBank(log: EventLog, bank: TpmHash): ReadonlyMap<number, Uint8Array> | undefined {
  const registers = new Map<number, Uint8Array>();
  for (const event of log.events.filter(isExtended)) {
    const digest = event.digests.get(bank);
    if (digest === undefined) {
      return undefined;
    }
    const before = registers.get(event.pcr) ?? initialPcr(event.pcr, bank, log.startupLocality);
    registers.set(event.pcr, extendPcr(bank, before, digest));
  }
  return registers;
}

/** The registers of every bank that the log tells whole. */
export function replayLog(log: EventLog): ReadonlyMap<TpmHash, ReadonlyMap<number, Uint8Array>> {
  const banks = new Map<TpmHash, ReadonlyMap<number, Uint8Array>>();
  for (const bank of log.banks) {
    const registers = replayBank(log, bank);
    if (registers !== undefined && registers.size > 0) {
      banks.set(bank, registers);
    }
  }
  return banks;
}
