/** An event log for a person to read. */
import type { TpmHash } from '../../tpm/algorithms.ts';
import { imageSourceOf, printable, textOf, variableOf } from './eventData.ts';
import { eventType, eventTypeName, readEventLog } from './eventLog.ts';
import { nameEvents } from './namedEvents.ts';
import { replayLog } from './replay.ts';

/** An event of a log for a person to read. Text comes from the log: what of it was measured depends on the event. */
export interface ExplainedEvent {
  readonly pcr: number;
  /** Type by the name of the specification. */
  readonly type: string;
  /** Name for policy; `undefined` where the event was never extended. */
  readonly name: string | undefined;
  readonly digests: ReadonlyMap<TpmHash, Uint8Array>;
  /** Printable ASCII, at most 200 characters. */
  readonly text: string;
}

/** A log for a person to read. Nothing of it is verified: anybody can write a log. */
export interface ExplainedLog {
  /** Whether it is of the older form, in which SHA-1 is the only bank. */
  readonly sha1Form: boolean;
  readonly banks: readonly TpmHash[];
  readonly startupLocality: number;
  readonly events: readonly ExplainedEvent[];
  /** Registers as the log says they are, by bank. */
  readonly registers: ReadonlyMap<TpmHash, ReadonlyMap<number, Uint8Array>>;
}

/**
 * Explains an event log **without verifying anything**.
 * @throws SymbolonError `evidence/oversize` or `evidence/malformed`.
 */
export function explainEventLog(bytes: Uint8Array): ExplainedLog {
  const log = readEventLog(bytes);
  const names = nameEvents(log);
  return {
    sha1Form: log.sha1Form,
    banks: log.banks,
    startupLocality: log.startupLocality,
    events: log.events.map(({ pcr, type, digests, data }, i) => ({
      pcr,
      type: eventTypeName(type),
      name: names[i],
      digests,
      text: printable(textFor(type, data)),
    })),
    registers: replayLog(log),
  };
}

function textFor(type: number, data: Uint8Array): string {
  switch (type) {
    case eventType.EV_EFI_VARIABLE_DRIVER_CONFIG:
    case eventType.EV_EFI_VARIABLE_BOOT:
    case eventType.EV_EFI_VARIABLE_BOOT2:
    case eventType.EV_EFI_VARIABLE_AUTHORITY: {
      const variable = variableOf(data);
      return variable === undefined ? '' : `${variable.name} (${variable.value.length} bytes)`;
    }
    case eventType.EV_EFI_BOOT_SERVICES_APPLICATION:
    case eventType.EV_EFI_BOOT_SERVICES_DRIVER:
    case eventType.EV_EFI_RUNTIME_SERVICES_DRIVER:
      return imageSourceOf(data).file;
    case eventType.EV_NO_ACTION:
    case eventType.EV_ACTION:
    case eventType.EV_EFI_ACTION:
    case eventType.EV_IPL:
    case eventType.EV_POST_CODE:
    case eventType.EV_POST_CODE2:
    case eventType.EV_S_CRTM_VERSION:
      return textOf(data);
    default:
      return '';
  }
}
