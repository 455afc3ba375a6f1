/** Where a TPM is. The address is all that decides: nothing else is ever tried in its place. */
import { SymbolonError } from '../../../wire/errors/index.ts';

/** Where a TPM is. */
export type TpmAddress =
  /** The character device of the kernel's resource manager. */
  | { readonly kind: 'device'; readonly path: string }
  /** An emulator (swtpm) on a unix socket, raw command protocol. */
  | { readonly kind: 'unix'; readonly path: string }
  /** An emulator on TCP; `host` is an IP address. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/**
 * Reads `device:/dev/tpmrm0`, `unix:/run/swtpm.sock` or `tcp:127.0.0.1:2321`. TCP goes to the loopback only: the protocol has
 * no protection of its own against who listens or speaks.
 * @throws SymbolonError `tpm/bad-address`.
 */
export function readTpmAddress(text: string): TpmAddress {
  const path = /^(device|unix):(\/[^\0]{1,4095})$/.exec(text);
  if (path?.[2] !== undefined) {
    return { kind: path[1] === 'device' ? 'device' : 'unix', path: path[2] };
  }
  const tcp = /^tcp:(127\.0\.0\.1|\[::1\]):([1-9]\d{0,4})$/.exec(text);
  const port = Number(tcp?.[2] ?? 0);
  if (tcp?.[1] === undefined || port < 1 || port > 65_535) {
    throw new SymbolonError('tpm/bad-address', {
      reason: 'none of device:/PATH, unix:/PATH, tcp:127.0.0.1:PORT',
    });
  }
  return { kind: 'tcp', host: tcp[1] === '[::1]' ? '::1' : tcp[1], port };
}

/** The address as {@link readTpmAddress} takes it. */
export function tpmAddressText(address: TpmAddress): string {
  if (address.kind !== 'tcp') {
    return `${address.kind}:${address.path}`;
  }
  return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
