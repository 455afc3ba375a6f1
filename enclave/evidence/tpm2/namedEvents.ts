/**
 * Names for the events of a boot, so that policy and people can speak of them: a closed list, derived from register, type
 * and what the event says of itself. Names explain; what is compared is digests. SPEC.md has the derivation.
 */
import { createHash } from 'node:crypto';
import type { TpmHash } from '../../tpm/algorithms.ts';
import type { NamedEvent } from '../statement.ts';
import { baseName, imageSourceOf, tagOf, textOf, variableOf } from './eventData.ts';
import { eventType as type, type EventLog, type LogEvent } from './eventLog.ts';
import { isExtended } from './replay.ts';

/** Every name that an event can have; a second one in the same register gets the suffix `-2`, and so on. */
export type EventName =
  | 'authority'
  | 'boot-attempt'
  | 'boot-entry'
  | 'boot-order'
  | 'boot-return'
  | 'boot-variable'
  | 'cmdline'
  | 'credentials'
  | 'debug-mode'
  | 'device-firmware'
  | 'devicetree'
  | 'dma-protection-disabled'
  | 'driver'
  | 'exit-boot-services'
  | 'exit-boot-services-done'
  | 'exit-boot-services-failed'
  | 'extensions'
  | 'file'
  | 'firmware'
  | 'firmware-application'
  | 'firmware-config'
  | 'firmware-tables'
  | 'firmware-version'
  | 'forbidden-signatures'
  | 'allowed-signatures'
  | 'grub'
  | 'grub-command'
  | 'grub-config'
  | 'grub-env'
  | 'grub-list'
  | 'grub-module'
  | 'host-platform'
  | 'initrd'
  | 'kernel'
  | 'key-exchange-keys'
  | 'loader'
  | 'loader-config'
  | 'loader-entry'
  | 'microcode'
  | 'module-cmdline'
  | 'mok-list'
  | 'mok-list-trusted'
  | 'mok-list-x'
  | 'mok-state'
  | 'option-rom'
  | 'os-release'
  | 'other'
  | 'partitions'
  | 'pcr-key'
  | 'platform-key'
  | 'profile'
  | 'recovery-signatures'
  | 'sbat'
  | 'sbat-level'
  | 'secure-boot-mode'
  | 'secure-boot-state'
  | 'section-name'
  | 'separator'
  | 'separator-error'
  | 'shim'
  | 'splash'
  | 'systemd-boot'
  | 'tagged'
  | 'timestamp-signatures'
  | 'uki'
  | 'uname'
  | 'windows-boot-manager'
  | 'windows-loader';

/** What the rest of the log says about who booted whom. */
interface Course {
  readonly shim: boolean;
  readonly grub: boolean;
  /** Applications of PCR4 so far that did not come from the firmware itself. */
  applications: number;
  /** Whether GRUB has measured something by now. */
  grubRuns: boolean;
}

/** The name of each event of the log, in the order of `log.events`; `undefined` for those that are never extended. */
export function nameEvents(log: EventLog): readonly (string | undefined)[] {
  const course: Course = {
    shim: log.events.some(isOfShim),
    grub: log.events.some(isOfGrub),
    applications: 0,
    grubRuns: false,
  };
  const count = new Map<string, number>();
  return log.events.map((event) => {
    if (!isExtended(event)) {
      return undefined;
    }
    const name = nameOfEvent(event, course);
    course.grubRuns ||= isOfGrub(event);
    const place = `${event.pcr} ${name}`;
    const number = (count.get(place) ?? 0) + 1;
    count.set(place, number);
    return number === 1 ? name : `${name}-${number}`;
  });
}

/** The extended events that have a digest of `bank`, in order, named. */
export function namedEvents(log: EventLog, bank: TpmHash): readonly NamedEvent[] {
  const names = nameEvents(log);
  return log.events.flatMap(({ pcr, digests }, i) => {
    const [name, digest] = [names[i], digests.get(bank)];
    return name === undefined || digest === undefined ? [] : [{ pcr, name, digest }];
  });
}

function isOfShim(event: LogEvent): boolean {
  return event.type === type.EV_EFI_VARIABLE_AUTHORITY
    ? /^(?:Shim|SbatLevel|MokList|vendor_db)/.test(variableOf(event.data)?.name ?? '')
    : event.type === type.EV_IPL && event.pcr === 14 && textOf(event.data).startsWith('MokList');
}

function isOfGrub(event: LogEvent): boolean {
  return (
    event.type === type.EV_IPL &&
    (event.pcr === 8 || event.pcr === 9) &&
    /^(?:grub_|kernel_cmdline:)|grub\.cfg/.test(textOf(event.data))
  );
}

/** PFP section 10.4 has the types and section 3.3.4 the registers, unless another source is named. */
function nameOfEvent(event: LogEvent, course: Course): EventName {
  const { pcr, data } = event;
  switch (event.type) {
    case type.EV_SEPARATOR:
      // PFP section 10.4: the value 1 says that the firmware met an error.
      return data.length === 4 && data[0] === 1 ? 'separator-error' : 'separator';
    case type.EV_POST_CODE:
    case type.EV_POST_CODE2:
    case type.EV_S_CRTM_CONTENTS:
    case type.EV_EFI_PLATFORM_FIRMWARE_BLOB:
    case type.EV_EFI_PLATFORM_FIRMWARE_BLOB2:
    case type.EV_EFI_HCRTM_EVENT:
      return 'firmware';
    case type.EV_S_CRTM_VERSION:
      return 'firmware-version';
    case type.EV_CPU_MICROCODE:
      return 'microcode';
    case type.EV_NONHOST_CODE:
    case type.EV_EFI_SPDM_FIRMWARE_BLOB:
      return 'device-firmware';
    case type.EV_PLATFORM_CONFIG_FLAGS:
    case type.EV_NONHOST_CONFIG:
    case type.EV_NONHOST_INFO:
    case type.EV_EFI_SPDM_FIRMWARE_CONFIG:
      return 'firmware-config';
    case type.EV_TABLE_OF_DEVICES:
    case type.EV_EFI_HANDOFF_TABLES:
    case type.EV_EFI_HANDOFF_TABLES2:
      return 'firmware-tables';
    case type.EV_EFI_GPT_EVENT:
    case type.EV_EFI_GPT_EVENT2:
    case type.EV_IPL_PARTITION_DATA:
      return 'partitions';
    case type.EV_EFI_BOOT_SERVICES_DRIVER:
    case type.EV_EFI_RUNTIME_SERVICES_DRIVER:
      return pcr === 0 ? 'firmware' : pcr === 2 ? 'option-rom' : 'driver';
    case type.EV_EFI_BOOT_SERVICES_APPLICATION:
      return pcr === 4 ? nameOfApplication(data, course) : pcr === 2 ? 'option-rom' : 'other';
    case type.EV_EFI_VARIABLE_BOOT:
    case type.EV_EFI_VARIABLE_BOOT2:
      return nameOfBootVariable(data);
    case type.EV_EFI_VARIABLE_DRIVER_CONFIG:
      return pcr === 7
        ? (secureBootVariables.get(variableOf(data)?.name ?? '') ?? 'other')
        : 'firmware-config';
    case type.EV_EFI_VARIABLE_AUTHORITY:
      return nameOfAuthority(data);
    case type.EV_ACTION:
    case type.EV_EFI_ACTION:
      return actions.get(textOf(data)) ?? (pcr === 6 ? 'host-platform' : 'other');
    case type.EV_COMPACT_HASH:
      return pcr === 6 ? 'host-platform' : 'other';
    case type.EV_EVENT_TAG:
      return tags.get(tagOf(data) ?? -1) ?? 'tagged';
    case type.EV_IPL:
      return nameOfLoaderEvent(event);
    default:
      return 'other';
  }
}

/** Variables of PCR7 (PFP section 3.3.4.8). */
const secureBootVariables: ReadonlyMap<string, EventName> = new Map([
  ['SecureBoot', 'secure-boot-state'],
  ['PK', 'platform-key'],
  ['KEK', 'key-exchange-keys'],
  ['db', 'allowed-signatures'],
  ['dbx', 'forbidden-signatures'],
  ['dbt', 'timestamp-signatures'],
  ['dbr', 'recovery-signatures'],
  ['AuditMode', 'secure-boot-mode'],
  ['DeployedMode', 'secure-boot-mode'],
  ['SetupMode', 'secure-boot-mode'],
]);

/** Texts of actions (PFP section 10.4). */
const actions: ReadonlyMap<string, EventName> = new Map([
  ['Calling EFI Application from Boot Option', 'boot-attempt'],
  ['Returning from EFI Application from Boot Option', 'boot-return'],
  ['Exit Boot Services Invocation', 'exit-boot-services'],
  ['Exit Boot Services Returned with Success', 'exit-boot-services-done'],
  ['Exit Boot Services Returned with Failure', 'exit-boot-services-failed'],
  ['UEFI Debug Mode', 'debug-mode'],
  ['DMA Protection Disabled', 'dma-protection-disabled'],
]);

/** Tags of Linux (drivers/firmware/efi/libstub) and of systemd (TPM2_PCR_MEASUREMENTS.md). */
const tags: ReadonlyMap<number, EventName> = new Map([
  [0x8f3b_22ec, 'initrd'],
  [0x8f3b_22ed, 'cmdline'],
  [0xf5bc_582a, 'loader-config'],
  [0x6c46_f751, 'devicetree'],
  [0x49df_fe0f, 'initrd'],
  [0xdac0_8e1a, 'microcode'],
  [0xd5cb_7cbc, 'firmware-tables'],
  [0xe0d4_7bc8, 'firmware-tables'],
  [0xc0b3_bd23, 'firmware-tables'],
]);

/** Boot applications: by the name of the file; where the path names none that is known, by who runs before. */
function nameOfApplication(data: Uint8Array, course: Course): EventName {
  const { file, firmware } = imageSourceOf(data);
  const path = file.toLowerCase();
  const base = baseName(path);
  if (firmware && file === '') {
    return 'firmware-application';
  }
  course.applications += 1;
  const first = course.applications === 1;
  const known: readonly (readonly [RegExp, EventName])[] = [
    [/^shim/, 'shim'],
    [/grub/, 'grub'],
    [/^systemd-boot/, 'systemd-boot'],
    [/^bootmgfw\.efi$/, 'windows-boot-manager'],
    [/^winload\.efi$/, 'windows-loader'],
    [/^(?:vmlinuz|linux|bzimage|kernel)/, 'kernel'],
  ];
  if (path.startsWith('\\efi\\linux\\')) {
    return 'uki';
  }
  const byName = known.find(([pattern]) => pattern.test(base))?.[1];
  if (byName !== undefined) {
    return byName;
  }
  if (first) {
    return course.shim ? 'shim' : 'loader';
  }
  if (course.grub) {
    return course.grubRuns ? 'kernel' : 'grub';
  }
  return 'loader';
}

function nameOfBootVariable(data: Uint8Array): EventName {
  const name = variableOf(data)?.name ?? '';
  return name === 'BootOrder'
    ? 'boot-order'
    : /^Boot[0-9A-Fa-f]{4}$/.test(name)
      ? 'boot-entry'
      : 'boot-variable';
}

/** What let an image start under Secure Boot (PFP section 3.3.4.8), and what shim measures beside it. */
function nameOfAuthority(data: Uint8Array): EventName {
  switch (variableOf(data)?.name) {
    case 'SbatLevel':
      return 'sbat-level';
    case 'MokListTrusted':
      return 'mok-list-trusted';
    default:
      return 'authority';
  }
}

/** Sections of a unified kernel image (UAPI.5), as systemd-stub measures them into PCR11: first the name, then the content. */
const sections: ReadonlyMap<string, EventName> = new Map([
  ['.linux', 'kernel'],
  ['.osrel', 'os-release'],
  ['.cmdline', 'cmdline'],
  ['.initrd', 'initrd'],
  ['.ucode', 'microcode'],
  ['.splash', 'splash'],
  ['.dtb', 'devicetree'],
  ['.dtbauto', 'devicetree'],
  ['.uname', 'uname'],
  ['.sbat', 'sbat'],
  ['.pcrpkey', 'pcr-key'],
  ['.profile', 'profile'],
]);

/** Texts of GRUB, shim and systemd in EV_IPL events. */
function nameOfLoaderEvent({ pcr, data, digests }: LogEvent): EventName {
  const text = textOf(data);
  switch (pcr) {
    case 8:
      return /^(?:kernel_cmdline:|grub_kernel_cmdline )/.test(text)
        ? 'cmdline'
        : text.startsWith('module_cmdline:')
          ? 'module-cmdline'
          : /^grub_cmd:? /.test(text)
            ? 'grub-command'
            : 'other';
    case 9:
      return nameOfFile(text);
    case 11: {
      const measuresName = [...digests].some(
        ([bank, digest]) =>
          Buffer.compare(createHash(bank).update(`${text}\0`, 'latin1').digest(), digest) === 0,
      );
      return measuresName ? 'section-name' : (sections.get(text) ?? 'other');
    }
    case 12:
      return /credentials initrd$/i.test(text) ? 'credentials' : 'cmdline';
    case 13:
      return 'extensions';
    case 14:
      return mokNames.get(text) ?? 'other';
    default:
      return 'other';
  }
}

const mokNames: ReadonlyMap<string, EventName> = new Map([
  ['MokList', 'mok-list'],
  ['MokListX', 'mok-list-x'],
  ['MokListTrusted', 'mok-list-trusted'],
  ['MokSBState', 'mok-state'],
]);

/** What GRUB reads, by the name of the file; older ones measure with a text of their own. */
function nameOfFile(text: string): EventName {
  const base = baseName(text);
  const known: readonly (readonly [RegExp, EventName])[] = [
    [/^grub_linux(?:efi)? kernel$/, 'kernel'],
    [/^grub_linux(?:efi)? initrd$/, 'initrd'],
    [/^(?:vmlinuz|bzimage|linux|kernel)/, 'kernel'],
    [/^(?:initrd|initramfs)/, 'initrd'],
    [/^grub\.cfg/, 'grub-config'],
    [/^grubenv$/, 'grub-env'],
    [/\.mod$/, 'grub-module'],
    [/\.lst$/, 'grub-list'],
    [/\.conf$/, 'loader-entry'],
  ];
  return known.find(([pattern]) => pattern.test(base))?.[1] ?? 'file';
}
