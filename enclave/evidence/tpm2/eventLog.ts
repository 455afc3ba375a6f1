/**
 * The event log of a boot, as firmware writes it and Linux shows it (`binary_bios_measurements`): TCG PC Client Platform
 * Firmware Profile (PFP) revision 1.05, section 10. Both forms are read: the crypto-agile one, and the older one of SHA-1.
 *
 * A log proves nothing by itself: anybody can write one. It counts where it replays to registers that a TPM signed.
 */
import { digestBytes, hashOfAlg, type TpmHash } from '../../tpm/algorithms.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { maxEventLog } from '../../../wire/limits.ts';
import { maxTpmPcr } from './document.ts';

/** Event types (PFP section 10.4) that are spoken of here, by the names of the specification. */
export const eventType = {
  EV_PREBOOT_CERT: 0x0,
  EV_POST_CODE: 0x1,
  EV_UNUSED: 0x2,
  EV_NO_ACTION: 0x3,
  EV_SEPARATOR: 0x4,
  EV_ACTION: 0x5,
  EV_EVENT_TAG: 0x6,
  EV_S_CRTM_CONTENTS: 0x7,
  EV_S_CRTM_VERSION: 0x8,
  EV_CPU_MICROCODE: 0x9,
  EV_PLATFORM_CONFIG_FLAGS: 0xa,
  EV_TABLE_OF_DEVICES: 0xb,
  EV_COMPACT_HASH: 0xc,
  EV_IPL: 0xd,
  EV_IPL_PARTITION_DATA: 0xe,
  EV_NONHOST_CODE: 0xf,
  EV_NONHOST_CONFIG: 0x10,
  EV_NONHOST_INFO: 0x11,
  EV_OMIT_BOOT_DEVICE_EVENTS: 0x12,
  EV_POST_CODE2: 0x13,
  EV_EFI_VARIABLE_DRIVER_CONFIG: 0x8000_0001,
  EV_EFI_VARIABLE_BOOT: 0x8000_0002,
  EV_EFI_BOOT_SERVICES_APPLICATION: 0x8000_0003,
  EV_EFI_BOOT_SERVICES_DRIVER: 0x8000_0004,
  EV_EFI_RUNTIME_SERVICES_DRIVER: 0x8000_0005,
  EV_EFI_GPT_EVENT: 0x8000_0006,
  EV_EFI_ACTION: 0x8000_0007,
  EV_EFI_PLATFORM_FIRMWARE_BLOB: 0x8000_0008,
  EV_EFI_HANDOFF_TABLES: 0x8000_0009,
  EV_EFI_PLATFORM_FIRMWARE_BLOB2: 0x8000_000a,
  EV_EFI_HANDOFF_TABLES2: 0x8000_000b,
  EV_EFI_VARIABLE_BOOT2: 0x8000_000c,
  EV_EFI_GPT_EVENT2: 0x8000_000d,
  EV_EFI_HCRTM_EVENT: 0x8000_0010,
  EV_EFI_VARIABLE_AUTHORITY: 0x8000_00e0,
  EV_EFI_SPDM_FIRMWARE_BLOB: 0x8000_00e1,
  EV_EFI_SPDM_FIRMWARE_CONFIG: 0x8000_00e2,
} as const;
const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(eventType).map(([name, number]) => [number, name]),
);
/** The specification's name of an event type, or its number. */
export const eventTypeName = (type: number): string => typeNames.get(type) ?? `0x${type.toString(16)}`;

/** One event of a log. */
export interface LogEvent {
  /** Register, 0 to 23; of an EV_NO_ACTION event, which is never extended, any number. */
  readonly pcr: number;
  readonly type: number;
  /** What was extended, by bank; digests of hashes that are not spoken here are left out. */
  readonly digests: ReadonlyMap<TpmHash, Uint8Array>;
  /** What the event says of itself: a view of the log. Not all of it is measured. */
  readonly data: Uint8Array;
}

/** A log, read. */
export interface EventLog {
  /** Whether it is of the older form, in which SHA-1 is the only bank. */
  readonly sha1Form: boolean;
  /** The banks that the log says it has. */
  readonly banks: readonly TpmHash[];
  /** Where PCR0 starts (PFP section 10.4.5): the locality that started the TPM, 0 unless the log tells another. */
  readonly startupLocality: number;
  /** All events in order but the first of the crypto-agile form, which describes the log. */
  readonly events: readonly LogEvent[];
}

const malformed = (reason: string): SymbolonError<'evidence/malformed'> =>
  new SymbolonError('evidence/malformed', { part: 'event log', reason });

/** Reads little-endian fields (PFP section 10.2). Every length is checked before it is used. */
class LogReader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }
  get done(): boolean {
    return this.#at === this.#data.length;
  }
  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#step(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#step(4), true);
  }
  take(length: number): Uint8Array {
    const at = this.#step(length);
    return this.#data.subarray(at, at + length);
  }
  #step(length: number): number {
    const at = this.#at;
    if (length > this.#data.length - at) {
      throw malformed(`${this.#data.length - at} bytes left at offset ${at} where ${length} are needed`);
    }
    this.#at = at + length;
    return at;
  }
}

/** Whether `data` starts with `text`: signatures of 15 letters and a zero. */
const startsWith = (data: Uint8Array, text: string): boolean =>
  Buffer.from(data.buffer, data.byteOffset, Math.min(text.length, data.length)).toString('latin1') === text;

/**
 * Reads a log of at most 65,536 bytes. Unknown event types are kept; nothing may be left over.
 * @throws SymbolonError `evidence/oversize` or `evidence/malformed` (part `event log`).
 */
export function readEventLog(bytes: Uint8Array): EventLog {
  // T34: the cap comes before the first byte; an event has at least 16 bytes, so their number is bounded too.
  if (bytes.length > maxEventLog) {
    throw new SymbolonError('evidence/oversize', { size: bytes.length, limit: maxEventLog });
  }
  const reader = new LogReader(bytes);
  // PFP section 10.4.5: the first event always has the older form; its signature tells the form of all others.
  const first = readSha1Event(reader);
  const agile = first.type === eventType.EV_NO_ACTION && startsWith(first.data, 'Spec ID Event03\0');
  const sizes = agile ? readSpecId(first.data) : undefined;
  const events: LogEvent[] = sizes === undefined ? [first] : [];
  while (!reader.done) {
    events.push(sizes === undefined ? readSha1Event(reader) : readAgileEvent(reader, sizes));
  }
  return {
    sha1Form: sizes === undefined,
    banks:
      sizes === undefined ? ['sha1'] : [...sizes.keys()].map(hashOfAlg).filter((one) => one !== undefined),
    startupLocality: startupLocality(events),
    events,
  };
}

/** TCG_PCClientPCREvent (PFP section 10.2). */
function readSha1Event(reader: LogReader): LogEvent {
  const [pcr, type] = readPlace(reader);
  const digests = new Map([['sha1' as const, reader.take(digestBytes.sha1).slice()]]);
  return { pcr, type, digests, data: reader.take(reader.u32()) };
}

/** TCG_PCR_EVENT2 (PFP section 10.2). */
function readAgileEvent(reader: LogReader, sizes: ReadonlyMap<number, number>): LogEvent {
  const [pcr, type] = readPlace(reader);
  const count = reader.u32();
  const seen = new Set<number>();
  const digests = new Map<TpmHash, Uint8Array>();
  for (let i = 0; i < count; i += 1) {
    const algorithm = reader.u16();
    const size = sizes.get(algorithm);
    // Genuine logs exist in which events have fewer digests than the log has banks; none has more, or two of one bank.
    if (size === undefined || seen.has(algorithm)) {
      throw malformed('a digest of a bank that the log does not list, or two of one bank');
    }
    seen.add(algorithm);
    const digest = reader.take(size);
    const bank = hashOfAlg(algorithm);
    if (bank !== undefined) {
      digests.set(bank, digest.slice());
    }
  }
  return { pcr, type, digests, data: reader.take(reader.u32()) };
}

function readPlace(reader: LogReader): readonly [pcr: number, type: number] {
  const pcr = reader.u32();
  const type = reader.u32();
  // PFP section 10.4.5: EV_NO_ACTION events may have the register number 0xffffffff.
  if (pcr > maxTpmPcr && type !== eventType.EV_NO_ACTION) {
    throw malformed('an event for a register above 23');
  }
  return [pcr, type];
}

/** TCG_EfiSpecIdEvent (PFP section 10.4.5): the banks of the log and the sizes of their digests, by algorithm. */
function readSpecId(data: Uint8Array): ReadonlyMap<number, number> {
  const reader = new LogReader(data);
  reader.take(16); // signature
  reader.u32(); // platform class
  const [minor, major] = [reader.u8(), reader.u8()];
  if (major !== 2 || minor !== 0) {
    throw malformed('the log is not of version 2.0');
  }
  reader.u8(); // errata
  reader.u8(); // size of UINTN in words of 32 bits
  const count = reader.u32();
  if (count === 0 || count > 8) {
    throw malformed('the log does not list 1 to 8 banks');
  }
  const sizes = new Map<number, number>();
  for (let i = 0; i < count; i += 1) {
    const algorithm = reader.u16();
    const size = reader.u16();
    const known = hashOfAlg(algorithm);
    if (
      sizes.has(algorithm) ||
      size === 0 ||
      size > 64 ||
      (known !== undefined && size !== digestBytes[known])
    ) {
      throw malformed('a bank that is listed twice, or with a wrong digest size');
    }
    sizes.set(algorithm, size);
  }
  // Vendor data is of no interest, but its length must be right.
  reader.take(reader.u8());
  if (!reader.done) {
    throw malformed('bytes after the vendor data of the first event');
  }
  return sizes;
}

/** PFP section 10.4.5: signature and one byte, before anything is extended into PCR0. */
function startupLocality(events: readonly LogEvent[]): number {
  let locality: number | undefined;
  let extended = false;
  for (const { pcr, type, data } of events) {
    if (type !== eventType.EV_NO_ACTION) {
      extended ||= pcr === 0;
      continue;
    }
    if (!startsWith(data, 'StartupLocality\0')) {
      continue;
    }
    const [value = 0] = data.subarray(16);
    // Part 1 section 17.2: TPM2_Startup is possible from locality 0 and 3; 4 is left by a hardware root of trust.
    if (data.length !== 17 || pcr !== 0 || locality !== undefined || extended || ![0, 3, 4].includes(value)) {
      throw malformed('the event of the startup locality has another form, stands twice, or comes too late');
    }
    locality = value;
  }
  return locality ?? 0;
}
