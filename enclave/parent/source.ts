/** Whose connection it is, for the limit of one source. */
import { isIPv6 } from 'node:net';

/**
 * The name under which connections from `address` are counted: an IPv4 address; the first 64 bits of an IPv6 address,
 * because one machine is given a whole /64 (RFC 4291 section 2.5.1) and could else be 2^64 sources; `local` where there
 * is no address.
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined || !isIPv6(address)) {
    return address ?? 'local';
  }
  // RFC 4291 section 2.5.5.2: a listener for both families shows IPv4 callers like this.
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) {
    return mapped;
  }
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  // A dotted quad at the end stands for two groups.
  const written = before.length + after.length + (address.includes('.') ? 1 : 0);
  const all = [...before, ...Array<string>(8 - written).fill('0'), ...after];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
