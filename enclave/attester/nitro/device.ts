/** The Nitro Security Module of this enclave, as bytes in and bytes out. */
import { open } from 'node:fs/promises';
import { nsmRequest } from '../../../native/binding.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { reasonOf } from '../files.ts';

/** Where the driver puts the device. */
export const nsmPath = '/dev/nsm';

/** A security module. */
export interface NsmDevice {
  /** Name for errors. */
  readonly name: string;
  /** One request of at most 4,096 bytes, its response of at most 12,288 bytes. */
  readonly request: (request: Uint8Array) => Promise<Uint8Array>;
}

/**
 * Opens the device for the life of the process.
 * @throws SymbolonError `attester/no-device`.
 */
export async function openNsm(path: string = nsmPath): Promise<NsmDevice> {
  try {
    const handle = await open(path, 'r+');
    return { name: path, request: (request) => nsmRequest(handle.fd, request) };
  } catch (cause) {
    const facts = { platform: 'nitro', device: path, reason: reasonOf(cause) };
    throw new SymbolonError('attester/no-device', facts, { cause });
  }
}
