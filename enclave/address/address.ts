/**
 * Listener addresses: `unix:PATH`, `tcp:HOST:PORT`, `vsock:CID:PORT`. One type for all, so that the rest of the
 * product does not know which transport carries it. This build serves the first two; a vsock address parses, so that
 * one configuration format fits all machines, and is refused by name where a socket would be opened.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { SymbolonError } from '../../wire/errors/index.ts';

/** A path in the file system, relative to the working directory or absolute; at most 107 bytes (unix(7)). */
export interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}
/** An IP address, or a host name where names are allowed, and a port. Port 0 asks the system for a free one. */
export interface TcpAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}
/** A context id and a port of vsock(7), 32 bits each. */
export interface VsockAddress {
  readonly kind: 'vsock';
  readonly cid: number;
  readonly port: number;
}
/** Where a process listens. */
export type Address = UnixAddress | TcpAddress | VsockAddress;

/** What {@link parseAddress} accepts beyond the default. */
export interface AddressOptions {
  /** Accept hosts other than the loopback addresses, and host names. Off unless told. */
  readonly remote?: boolean;
}

/** Longest address text in characters: a host name has at most 253. */
const maxText = 280;
/** unix(7): `sun_path` has 108 bytes, one of them for the terminator. A longer path would be cut short silently. */
const maxUnixPath = 107;
const hostName =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

const refuse = (address: string, reason: string): never => {
  // The text is an operator's own, but it may come from a file that is damaged: bounded, and only printable ASCII.
  const shown = address.slice(0, 120).replace(/[^\x20-\x7e]/g, '?');
  throw new SymbolonError('channel/bad-address', { address: shown, reason });
};

/** A decimal number in its one form, or `undefined`. */
const decimal = (text: string, max: number): number | undefined => {
  const value = /^(?:0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value <= max ? value : undefined;
};

/** Whether `host` is an address of 127.0.0.0/8 or ::1. */
export const isLoopback = (host: string): boolean =>
  (isIPv4(host) && host.startsWith('127.')) || host === '::1';

/**
 * Parses an address. An IPv6 host stands in brackets: `tcp:[::1]:7001`.
 * @throws SymbolonError `channel/bad-address`.
 */
export function parseAddress(text: string, options: AddressOptions = {}): Address {
  if (text.length > maxText) {
    return refuse(text, `longer than ${maxText} characters`);
  }
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  switch (colon < 0 ? '' : text.slice(0, colon)) {
    case 'unix':
      return parseUnix(text, rest);
    case 'tcp':
      return parseTcp(text, rest, options.remote === true);
    case 'vsock':
      return parseVsock(text, rest);
    default:
      return refuse(text, 'must start with unix:, tcp: or vsock:');
  }
}

function parseUnix(text: string, path: string): UnixAddress {
  if (path === '' || path.includes('\0')) {
    return refuse(text, 'unix:PATH needs a path without NUL');
  }
  // Only names in the file system: an abstract name has no permissions, every local user could take it.
  if (path.startsWith('@')) {
    return refuse(text, 'abstract socket names are not served');
  }
  if (Buffer.byteLength(path) > maxUnixPath) {
    return refuse(text, `a socket path has at most ${maxUnixPath} bytes`);
  }
  return { kind: 'unix', path };
}

function parseTcp(text: string, rest: string, remote: boolean): TcpAddress {
  const split = rest.lastIndexOf(':');
  const port = decimal(rest.slice(split + 1), 65_535);
  if (split < 1 || port === undefined) {
    return refuse(text, 'tcp:HOST:PORT needs a host and a port from 0 to 65535');
  }
  const given = rest.slice(0, split);
  const bracketed = given.startsWith('[') && given.endsWith(']');
  const host = bracketed ? given.slice(1, -1) : given;
  if (bracketed ? !isIPv6(host) : !isIPv4(host) && !hostName.test(host)) {
    return refuse(text, 'the host is no IPv4 address, no [IPv6 address] and no name');
  }
  // A name that looks like numbers was meant as an address; resolvers read such names in ways nobody expects.
  if (!bracketed && !isIPv4(host) && /^[0-9.]+$|^0x/i.test(host)) {
    return refuse(text, 'the host is a malformed IPv4 address');
  }
  if (!remote && !isLoopback(host)) {
    return refuse(text, 'only loopback addresses (127.0.0.1, [::1]) are allowed here');
  }
  return { kind: 'tcp', host, port };
}

function parseVsock(text: string, rest: string): VsockAddress {
  const [first, second, ...more] = rest.split(':');
  const cid = decimal(first ?? '', 0xffffffff);
  const port = decimal(second ?? '', 0xffffffff);
  if (cid === undefined || port === undefined || more.length > 0) {
    return refuse(text, 'vsock:CID:PORT needs two decimal numbers of at most 32 bits');
  }
  return { kind: 'vsock', cid, port };
}

/** The text of an address: {@link parseAddress} of it gives the address again. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case 'unix':
      return `unix:${address.path}`;
    case 'tcp':
      return `tcp:${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
    case 'vsock':
      return `vsock:${address.cid}:${address.port}`;
  }
}

const noVsock = (address: VsockAddress): never =>
  refuse(formatAddress(address), 'vsock is not served by this build');

/**
 * Options for `net.Server.listen` and for fastify's `listen`.
 * @throws SymbolonError `channel/bad-address` for vsock.
 */
export function listenOptions(address: Address): { path: string } | { host: string; port: number } {
  switch (address.kind) {
    case 'unix':
      return { path: address.path };
    case 'tcp':
      return { host: address.host, port: address.port };
    case 'vsock':
      return noVsock(address);
  }
}

/**
 * Options for `net.connect` and `tls.connect`.
 * @throws SymbolonError `channel/bad-address` for vsock and for port 0.
 */
export function connectOptions(address: Address): { path: string } | { host: string; port: number } {
  if (address.kind === 'tcp' && address.port === 0) {
    return refuse(formatAddress(address), 'nothing can be reached on port 0');
  }
  return listenOptions(address);
}
