/**
 * What a node with a TPM keeps of its enrolment: nothing secret. The key itself is a primary key of the endorsement hierarchy,
 * which the TPM makes again from its seed: one TPM has one such key, so that one machine can't be enrolled as two nodes (T09).
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { bytes, message, oneOf, record } from '../../../wire/shape.ts';
import { makePrivateFolder, readStrict, reasonOf, writeNew } from '../files.ts';

/** Name of the file in the attester's folder. */
export const keyFileName = 'attestation-key.cbor';

/** File `attestation-key.cbor`, at most 512 bytes. */
export const keyFile = message(
  'attestation-key',
  512,
  record({
    v: oneOf(1),
    /** Which endorsement key the enrolment goes by: that of the certificate. */
    endorsement: oneOf('rsa', 'ecc'),
    /** Name of the attestation key (TPM 2.0 Part 1 section 16), 34 bytes: what the manifest pins. */
    name: bytes(34),
  }),
);
/** A decoded key file. */
export type KeyFile = ReturnType<typeof keyFile.decode>;

/**
 * Reads the key file of a folder.
 * @throws SymbolonError `attester/not-enrolled` where there is none, `attester/broken` where it can't be used.
 */
export async function readKeyFile(folder: string): Promise<KeyFile> {
  const path = join(folder, keyFileName);
  try {
    await access(path);
  } catch (cause) {
    if (reasonOf(cause) === 'ENOENT') {
      throw new SymbolonError('attester/not-enrolled', { file: path }, { cause });
    }
  }
  return readStrict(folder, keyFileName, keyFile.decode);
}

/**
 * Writes the key file, once.
 * @throws SymbolonError `attester/enrolled` where there is one, `attester/broken`.
 */
export async function writeKeyFile(folder: string, file: KeyFile): Promise<void> {
  await makePrivateFolder(folder);
  await writeNew(folder, keyFileName, keyFile.encode(file));
}
