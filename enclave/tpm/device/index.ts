/** The I/O room of TPM 2.0: a TPM by what we do with it. */
export { readTpmAddress, tpmAddressText, type TpmAddress } from './address.ts';
export type { SealedBlob } from './objects.ts';
export type { SealInput, UnsealInput, WantedRegisters } from './sealing.ts';
export {
  Tpm,
  type EndorsementKind,
  type Quote,
  type TpmKey,
  type TpmOptions,
  type TpmStatus,
} from './tpm.ts';
