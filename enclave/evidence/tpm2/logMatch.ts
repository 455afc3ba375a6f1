/** An event log against the registers that a TPM signed: only then does it say anything about a boot. */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import type { NamedEvent } from '../statement.ts';
import type { TpmBank } from './document.ts';
import type { EventLog } from './eventLog.ts';
import { namedEvents } from './namedEvents.ts';
import { extendPcr, initialPcr, replayBank } from './replay.ts';

/** Highest register that only firmware and boot loader extend (PFP section 3.3.4). */
const lastFirmwarePcr = 7;
/** The register that systemd extends once more at each phase of the boot, after the firmware's log has ended. */
const phasePcr = 11;
/** The phases in their order (systemd, TPM2_PCR_MEASUREMENTS.md, PCR 11). */
const phases = ['enter-initrd', 'leave-initrd', 'sysinit', 'ready'] as const;

/**
 * The events of the quoted registers, named, where the log replays to them.
 *
 * Every quoted register that the log extends must come out as quoted; registers 0 to 7 that it does not extend must be as
 * a reset leaves them. PCR11 may go on with the boot phases of systemd, which that log can not have. Of other registers
 * that the log does not extend it says nothing.
 * @throws SymbolonError `evidence/weak-hash`, `evidence/malformed` or `evidence/log-mismatch`, which names the lowest
 * register that differs.
 */
export function matchLog(
  log: EventLog,
  bank: TpmBank,
  quoted: ReadonlyMap<number, Uint8Array>,
): readonly NamedEvent[] {
  if (log.banks.every((one) => one === 'sha1')) {
    throw new SymbolonError('evidence/weak-hash', { where: 'event log', hash: 'sha1' });
  }
  const replayed = log.banks.includes(bank) ? replayBank(log, bank) : undefined;
  if (replayed === undefined) {
    throw new SymbolonError('evidence/malformed', {
      part: 'event log',
      reason: `the log, or one of its events, has no digest of the ${bank} bank`,
    });
  }
  const later: NamedEvent[] = [];
  for (const [pcr, wanted] of [...quoted].sort(([a], [b]) => a - b)) {
    const known = replayed.get(pcr);
    if (known === undefined && pcr > lastFirmwarePcr) {
      continue;
    }
    const got = known ?? initialPcr(pcr, bank, log.startupLocality);
    const added = equalBytes(got, wanted) ? [] : pcr === phasePcr ? phasesTo(bank, got, wanted) : undefined;
    if (added === undefined) {
      throw new SymbolonError('evidence/log-mismatch', { pcr, wanted: toHex(wanted), got: toHex(got) });
    }
    later.push(...added);
  }
  return [...namedEvents(log, bank).filter(({ pcr }) => quoted.has(pcr)), ...later];
}

/** The phases that lead from one value of the register to another; `undefined` where none do. */
function phasesTo(bank: TpmBank, from: Uint8Array, wanted: Uint8Array): readonly NamedEvent[] | undefined {
  let register = from;
  const events: NamedEvent[] = [];
  for (const phase of phases) {
    const digest = new Uint8Array(createHash(bank).update(phase).digest());
    register = extendPcr(bank, register, digest);
    events.push({ pcr: phasePcr, name: `phase-${phase}`, digest });
    if (equalBytes(register, wanted)) {
      return events;
    }
  }
  return undefined;
}
