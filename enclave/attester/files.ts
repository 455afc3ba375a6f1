/** The files of the insecure dev attester: keys in 0600 files of a 0700 folder, strict CBOR, written once. */
import { chmod, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { bytes, list, message, oneOf, record, text } from '../../wire/shape.ts';

/** An instance id as AWS forms it. */
export const instanceIdPattern = /^i-[0-9a-f]{17}$/;
const authority = {
  v: oneOf(1),
  /** Root first, this authority last. */
  chain: list(bytes(1, 1_024), 8, 1),
  /** PKCS#8 DER of the P-384 private key of the last certificate. Worthless outside a dev cluster. */
  key: bytes(1, 512),
};

/** File `authority.cbor`: the zonal authority, which issues the authorities of instances. */
export const authorityFile = message('dev-authority', 8_192, record(authority));
/** File `instance.cbor`: the authority of one instance, which issues leaf certificates. */
export const instanceFile = message(
  'dev-instance',
  8_192,
  record({ ...authority, instanceId: text(19, instanceIdPattern), roleArn: text(256) }),
);

/** Makes the folder, readable for its owner only. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/**
 * Writes a new file of mode 0600 and syncs it.
 * @throws SymbolonError `attester/enrolled` where it exists: an enrolment is never overwritten; `attester/broken`.
 */
export async function writeNew(folder: string, file: string, content: Uint8Array): Promise<void> {
  try {
    const handle = await open(join(folder, file), 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const reason = reasonOf(cause);
    throw reason === 'EEXIST'
      ? new SymbolonError('attester/enrolled', { file }, { cause })
      : new SymbolonError('attester/broken', { file, reason }, { cause });
  }
}

/**
 * Reads and decodes a file.
 * @throws SymbolonError `attester/broken` where it is absent, not readable, or not what it should be.
 */
export async function readStrict<T>(
  folder: string,
  file: string,
  decode: (raw: Uint8Array) => T,
): Promise<T> {
  try {
    return decode(new Uint8Array(await readFile(join(folder, file))));
  } catch (cause) {
    throw new SymbolonError('attester/broken', { file, reason: reasonOf(cause) }, { cause });
  }
}

/** The code of an error of the system, or the message of one of ours. */
export function reasonOf(cause: unknown): string {
  if (isSymbolonError(cause)) {
    return cause.message;
  }
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'can not be used';
}
