/** What each register is about, in a few words for a person. The words judge nothing. */
import type { EvidenceKind } from './contract.ts';

/** AWS Nitro Enclaves user guide, "Cryptographic attestation"; PCR16 and up are the application's own. */
const enclave: readonly (string | undefined)[] = [
  'enclave image',
  'kernel and boot ramdisk',
  'application',
  'IAM role of the parent instance',
  'id of the parent instance',
  undefined,
  undefined,
  undefined,
  'signing certificate of the image',
];

/**
 * TCG PC Client Platform Firmware Profile, section 2.3.4 (0 to 7, 16, 23); the registry of TPM2 PCR usages of the Linux
 * Userspace API Group (8 to 15); DRTM (17 to 22).
 */
const tpm: readonly (string | undefined)[] = [
  'firmware code',
  'firmware configuration',
  'drivers and option ROMs',
  'configuration of drivers and option ROMs',
  'boot loader',
  'boot loader configuration, partition table',
  'platform of the manufacturer',
  'Secure Boot state',
  'commands and kernel command line (boot loader)',
  'kernel and initrd (boot loader)',
  'files (IMA)',
  'unified kernel image',
  'command line and files added from outside',
  'system extensions',
  'keys of shim (MOK)',
  'identity of the system',
  'for debugging',
  ...new Array<string>(6).fill('dynamic launch'),
  'for applications',
];

/** What register `index` of evidence of this kind is about. */
export function meaningOf(kind: EvidenceKind, index: number): string {
  const table = kind === 'nitro' ? enclave : tpm;
  return table[index] ?? (kind === 'nitro' && index > 15 ? 'of the application itself' : 'not spoken for');
}
