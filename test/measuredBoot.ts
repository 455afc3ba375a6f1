/** Test only: the boot of a machine as its TPM measures it, and the log that its firmware writes of it. */
import { createHash } from 'node:crypto';
import { eventType } from '../enclave/evidence/tpm2/eventLog.ts';
import type { Tpm } from '../enclave/tpm/device/index.ts';
import { makeEventLog, type LogInput } from './pki/tpm2.ts';

/** A boot through a loader, with kernel and command line as GRUB measures them. */
export const bootEvents = (cmdline = 'ro quiet'): readonly LogInput[] => [
  { pcr: 0, type: eventType.EV_S_CRTM_VERSION, data: 'firmware 1' },
  { pcr: 2, type: eventType.EV_SEPARATOR, data: '\0\0\0\0' },
  { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: 'loader' },
  { pcr: 7, type: eventType.EV_SEPARATOR, data: '\0\0\0\0' },
  { pcr: 8, type: eventType.EV_IPL, data: `kernel_cmdline: ${cmdline}` },
  { pcr: 9, type: eventType.EV_IPL, data: '/boot/vmlinuz' },
];
/** A command that somebody gave to the boot loader. */
export const addedEvent: LogInput = { pcr: 8, type: eventType.EV_IPL, data: 'grub_cmd: insmod other' };

/** Extends what the events measure, as firmware and boot loader do. */
export async function measure(tpm: Tpm, events: readonly LogInput[]): Promise<void> {
  for (const { pcr, data } of events) {
    await tpm.extendPcr(pcr, { sha256: new Uint8Array(createHash('sha256').update(data).digest()) });
  }
}

/** The log of the events, SHA-256 bank only. */
export const bootLog = (events: readonly LogInput[]): Uint8Array => makeEventLog(events, ['sha256']);
