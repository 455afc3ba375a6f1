/** Points by their coordinates, as some libraries store them; all public. */
import type { Group } from '../group/group.ts';
import { bytesOfInteger } from '../group/integers.ts';
import { badImport } from './json.ts';

/** A curve: the prime of its field, and its equation as a value that is zero on the curve. */
interface Equation {
  readonly prime: bigint;
  readonly zero: (x: bigint, y: bigint) => bigint;
}

const p25519 = 2n ** 255n - 19n;
/** -121665/121666 modulo p (RFC 7748 section 4.1). */
const d25519 = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const secp256k1Prime = 2n ** 256n - 2n ** 32n - 977n;
const p256Prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
/** SP 800-186 section 3.2.1.3. */
const p256B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

const equations: Readonly<Record<Group['name'], Equation>> = {
  ed25519: { prime: p25519, zero: (x, y) => y * y - x * x - 1n - d25519 * x * x * y * y },
  secp256k1: { prime: secp256k1Prime, zero: (x, y) => y * y - x * x * x - 7n },
  p256: { prime: p256Prime, zero: (x, y) => y * y - x * x * x + 3n * x - p256B },
};

/**
 * The encoding of the point (x, y).
 * @throws SymbolonError `threshold/bad-import` where it is not on the curve, the identity, or outside the prime-order group.
 */
export function encodePoint(group: Group, x: bigint, y: bigint): Uint8Array {
  const { prime, zero } = equations[group.name];
  if (x >= prime || y >= prime || zero(x, y) % prime !== 0n) {
    throw badImport('a point is not on the curve');
  }
  return checkedPoint(group, group.name === 'ed25519' ? edwardsBytes(x, y) : compressedBytes(x, y));
}

/** The same bytes, where they encode a point of the group. @throws SymbolonError `threshold/bad-import`. */
export function checkedPoint(group: Group, raw: Uint8Array): Uint8Array {
  if (group.decode(raw) === undefined) {
    throw badImport('a point is not valid on this curve');
  }
  return raw;
}

/** RFC 8032 section 5.1.2: y little-endian, the low bit of x on top. */
function edwardsBytes(x: bigint, y: bigint): Uint8Array {
  const raw = bytesOfInteger(y, true);
  raw[31] = (raw[31] ?? 0) | Number((x & 1n) << 7n);
  return raw;
}

/** SEC 1 section 2.3.3, compressed. */
const compressedBytes = (x: bigint, y: bigint): Uint8Array =>
  Uint8Array.of(2 + Number(y & 1n), ...bytesOfInteger(x, false));
