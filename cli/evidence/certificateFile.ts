/** Certificates from files that people have: DER, or PEM with one or several in it. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { readNeeded } from '../cluster/files.ts';
import { usage } from '../command.ts';
import type { Io } from '../io.ts';

/** Longest file with certificates in bytes. */
const maxCertificateFile = 65_536;

/**
 * DER of the certificates in a file, in their order.
 * @param option - for refusals, for example `--root`.
 * @throws SymbolonError `cli/usage` where there is none in it, `cli/unreadable-file`.
 */
export function readCertificates(file: string, option: string, io: Io): readonly Uint8Array[] {
  const raw = readNeeded(resolve(io.cwd, file), maxCertificateFile);
  const text = Buffer.from(raw).toString('latin1');
  const pem = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  const found =
    pem.length === 0 ? [raw] : pem.map(([, body = '']) => new Uint8Array(Buffer.from(body, 'base64')));
  // DER of a certificate is a SEQUENCE.
  if (found.some(([first]) => first !== 0x30)) {
    throw usage(`${option} is neither a DER nor a PEM certificate`);
  }
  return found;
}

/** SHA-256 of the DER: what is pinned (T06). */
export const fingerprintOf = (der: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(der).digest());
