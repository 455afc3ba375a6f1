/**
 * The kernels written as plainly as they are defined, on BigInt and one bit at a time: what tests hold the native ones
 * against. No process of the product runs it (T39): it is slow, and its time depends on the secrets.
 */
import { bytesOfInteger, integerOf } from '../group/integers.ts';
import type { Group } from '../group/group.ts';
import type { BitKernel, FoldLayout, VectorKernel } from './kernel.ts';

const orders = {
  secp256k1: 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n,
  p256: 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n,
  ed25519: 2n ** 252n + 0x14def9de_a2f79cd6_5812631a_5cf5d3edn,
} as const;

const bitAt = (bits: Uint8Array, i: number): bigint => BigInt(((bits[i >> 3] ?? 0) >> (i & 7)) & 1);
const sum = (terms: readonly bigint[]): bigint => terms.reduce((all, one) => all + one, 0n);

/** {@link VectorKernel} over BigInt. Empty vectors throw TypeError, as in the native one. */
export function referenceVectors(name: Group['name']): VectorKernel {
  const order = orders[name];
  const littleEndian = name === 'ed25519';
  const pieces = (raw: Uint8Array, size: number): bigint[] => {
    if (!(raw instanceof Uint8Array) || raw.length === 0 || raw.length % size !== 0) {
      throw new TypeError('vector');
    }
    return Array.from({ length: raw.length / size }, (_, i) =>
      integerOf(raw.subarray(i * size, (i + 1) * size), littleEndian),
    );
  };
  const read = (raw: Uint8Array, count?: number): bigint[] => {
    const values = pieces(raw, 32);
    if (values.some((value) => value >= order) || (count !== undefined && values.length !== count)) {
      throw new TypeError('vector');
    }
    return values;
  };
  const readMatrix = (raw: Uint8Array): bigint[] => {
    const values = read(raw);
    if (values.length % 3 !== 0) {
      throw new TypeError('matrix');
    }
    return values;
  };
  const readBits = (bits: Uint8Array, count: number): bigint[] => {
    if (!(bits instanceof Uint8Array) || bits.length !== Math.ceil(count / 8)) {
      throw new TypeError('bits');
    }
    return Array.from({ length: count }, (_, i) => bitAt(bits, i));
  };
  const write = (values: readonly bigint[]): Uint8Array => {
    const out = new Uint8Array(values.length * 32);
    values.forEach((value, i) => {
      const rest = value % order;
      out.set(bytesOfInteger(rest < 0n ? rest + order : rest, littleEndian), i * 32);
    });
    return out;
  };
  const columns = [0, 1, 2] as const;
  return {
    reduceWide: (wide) => write(pieces(wide, 48)),
    areCanonical: (vector) => pieces(vector, 32).every((value) => value < order),
    differencePlus: (a, b, offsets) => {
      const left = readMatrix(a);
      const right = read(b, left.length);
      const plus = read(offsets, 3);
      return write(left.map((value, i) => value - (right[i] ?? 0n) + (plus[i % 3] ?? 0n)));
    },
    addSelected: (a, b, bits) => {
      const left = readMatrix(a);
      const right = read(b, left.length);
      const selected = readBits(bits, left.length / 3);
      return write(left.map((value, i) => value + (selected[Math.floor(i / 3)] ?? 0n) * (right[i] ?? 0n)));
    },
    combineColumns: (matrix, weights) => {
      const values = readMatrix(matrix);
      const factors = read(weights, 3);
      return write(
        Array.from({ length: values.length / 3 }, (_, j) =>
          sum(columns.map((k) => (factors[k] ?? 0n) * (values[3 * j + k] ?? 0n))),
        ),
      );
    },
    subtractSelected: (vector, bits, x) => {
      const values = read(vector);
      const selected = readBits(bits, values.length);
      const [minus = 0n] = read(x, 1);
      return write(values.map((value, j) => value - (selected[j] ?? 0n) * minus));
    },
    sumRows: (matrix, weights) => {
      const values = readMatrix(matrix);
      const factors = read(weights, values.length / 3);
      return write(columns.map((k) => sum(factors.map((factor, j) => factor * (values[3 * j + k] ?? 0n)))));
    },
    sumSelected: (vector, bits) => {
      const values = read(vector);
      const selected = readBits(bits, values.length);
      return write([sum(values.map((value, j) => value * (selected[j] ?? 0n)))]);
    },
  };
}

/** The product in GF(2^128), bit i the factor of x^i, modulo x^128 + x^7 + x^2 + x + 1. */
function fieldProduct(a: bigint, b: bigint): bigint {
  let product = 0n;
  let shifted = a;
  for (let rest = b; rest > 0n; rest >>= 1n) {
    product ^= rest & 1n ? shifted : 0n;
    shifted <<= 1n;
    shifted ^= shifted >> 128n ? (1n << 128n) | 0x87n : 0n;
  }
  return product;
}

function fold(row: Uint8Array, weights: Uint8Array, dataBytes: number): Uint8Array {
  const count = weights.length / 16;
  const data = new Uint8Array(count * 16);
  data.set(row.subarray(0, dataBytes));
  let value = integerOf(row.subarray(dataBytes), true);
  for (let m = 0; m < weights.length; m += 16) {
    value ^= fieldProduct(
      integerOf(data.subarray(m, m + 16), true),
      integerOf(weights.subarray(m, m + 16), true),
    );
  }
  return bytesOfInteger(value, true).slice(0, 16);
}

/** {@link BitKernel}, bit by bit. */
export const referenceBits: BitKernel = {
  transpose: (rows: Uint8Array, columns: number) => {
    const width = rows.length / 128;
    if (!Number.isInteger(columns) || columns < 1 || !Number.isInteger(width) || columns > width * 8) {
      throw new TypeError('rows');
    }
    const out = new Uint8Array(columns * 16);
    for (let c = 0; c < columns; c += 1) {
      for (let r = 0; r < 128; r += 1) {
        const bit = Number(bitAt(rows.subarray(r * width, (r + 1) * width), c));
        out[c * 16 + (r >> 3)] = (out[c * 16 + (r >> 3)] ?? 0) | (bit << (r & 7));
      }
    }
    return out;
  },
  foldRows: (rows: Uint8Array, weights: Uint8Array, { rowBytes, dataBytes }: FoldLayout) => {
    const fits =
      rows.length > 0 &&
      weights.length > 0 &&
      weights.length % 16 === 0 &&
      Number.isInteger(dataBytes) &&
      dataBytes >= 1 &&
      dataBytes <= weights.length &&
      rowBytes === dataBytes + 16 &&
      rows.length % rowBytes === 0;
    if (!fits) {
      throw new TypeError('layout');
    }
    const out = new Uint8Array((rows.length / rowBytes) * 16);
    for (let i = 0; i * rowBytes < rows.length; i += 1) {
      out.set(fold(rows.subarray(i * rowBytes, (i + 1) * rowBytes), weights, dataBytes), i * 16);
    }
    return out;
  },
};
