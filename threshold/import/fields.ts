/**
 * Fields of a share file: numbers and bytes of the sizes that they must have. Secrets go from the digits of the input to 32
 * bytes and never through a bigint or a string.
 */
import type { Group, SecretScalar } from '../group/group.ts';
import { integerOf } from '../group/integers.ts';
import { badImport, type JsonNode } from './json.ts';

/** A field of an object; `undefined` where it is absent or null. */
export function optionalField(node: JsonNode, name: string): JsonNode | undefined {
  if (node.kind !== 'object') {
    throw badImport('an object is missing');
  }
  const field = node.fields.get(name);
  return field?.kind === 'null' ? undefined : field;
}

/** A field of an object that must be there. */
export function field(node: JsonNode, name: string): JsonNode {
  const found = optionalField(node, name);
  if (found === undefined) {
    throw badImport(`the field ${name} is missing`);
  }
  return found;
}

/** The items of a list of `min` to `max`. */
export function items(node: JsonNode, min: number, max: number): readonly JsonNode[] {
  if (node.kind !== 'array' || node.items.length < min || node.items.length > max) {
    throw badImport(`a list has not ${min} to ${max} items`);
  }
  return node.items;
}

/** A short public text. */
export function text(node: JsonNode): string {
  if (node.kind !== 'string' || node.raw.length > 32) {
    throw badImport('a short text is missing');
  }
  return String.fromCharCode(...node.raw);
}

/** A whole number from 0 to `max`, at most 9,999. */
export function smallNumber(node: JsonNode, max: number): number {
  const bytes = node.kind === 'number' && node.raw.length <= 4 ? decimalBytes(node.raw) : undefined;
  const value = bytes === undefined ? max + 1 : Number(integerOf(bytes, false));
  if (value > max) {
    throw badImport(`a number is not 0 to ${max}`);
  }
  return value;
}

/** A number of the file, below 2^256, as 32 big-endian bytes that the caller owns. It may be secret. */
export function decimal(node: JsonNode): Uint8Array {
  const bytes = node.kind === 'number' ? decimalBytes(node.raw) : undefined;
  if (bytes === undefined) {
    throw badImport('a number is not a whole one below 2^256');
  }
  return bytes;
}

/** A public number below 2^256. */
export const publicDecimal = (node: JsonNode): bigint => integerOf(decimal(node), false);

/** Bytes written as exactly `2 * length` hexadecimal digits; the caller owns them. They may be secret. */
export function hex(node: JsonNode, length: number): Uint8Array {
  const out = new Uint8Array(length);
  if (node.kind !== 'string' || node.raw.length !== 2 * length) {
    throw badImport(`a value is not ${length} bytes of hexadecimal`);
  }
  for (const [i, digit] of node.raw.entries()) {
    const value = hexValue(digit);
    if (value === undefined) {
      out.fill(0);
      throw badImport(`a value is not ${length} bytes of hexadecimal`);
    }
    out[i >> 1] = ((out[i >> 1] ?? 0) << 4) | value;
  }
  return out;
}

function hexValue(digit: number): number | undefined {
  if (digit >= 0x30 && digit <= 0x39) {
    return digit - 0x30;
  }
  const lower = digit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}

/** Big-endian bytes of digits without sign, fraction or exponent; `undefined` where they are not that, or too many. */
function decimalBytes(digits: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(32);
  for (const digit of digits) {
    let carry = digit - 0x30;
    if (carry < 0 || carry > 9) {
      out.fill(0);
      return undefined;
    }
    for (let i = out.length - 1; i >= 0; i -= 1) {
      const value = (out[i] ?? 0) * 10 + carry;
      out[i] = value & 0xff;
      carry = value >> 8;
    }
    if (carry !== 0) {
      out.fill(0);
      return undefined;
    }
  }
  return out;
}

/** A secret scalar of 32 big-endian bytes, which are taken over. It is below the order and not zero. */
export function secretScalar(group: Group, bigEndian: Uint8Array): SecretScalar {
  const scalar = group.name === 'ed25519' ? bigEndian.reverse() : bigEndian;
  if (!group.scalars.isCanonical(scalar) || group.scalars.isZero(scalar)) {
    scalar.fill(0);
    throw badImport('the secret share is zero or not below the order');
  }
  return scalar;
}
