/**
 * OT extension: from the 64 blocks of a pairing to 416 correlated rows (SoftSpoken, ePrint 2022/192, with the check of the
 * corrected ePrint 2015/546 figure 10). Bob chooses 416 bits beta; he gets rows T^j, Alice rows Q^j = T^j + beta_j * nabla
 * (XOR), j = 0 to 415, of 128 bits each.
 *
 * Bob's vector x is beta, then zeros up to 512 that are never sent, then 128 random bits: 68 bytes. Each leaf is stretched to
 * as many. With u and t of pairing/puncturedPrf.ts for each block: Bob sends U = u + x, and Alice takes
 * Q_i = q_i + nabla_i * U = t_i + nabla_i * x for the two rows i of a block. U hides x because Alice lacks one leaf of u.
 *
 * **Check.** A Bob who uses another x in some block would learn bits of nabla from the pads. chi_1 to chi_4 in GF(2^128) come
 * from a hash of everything up to U; with `fold(row) = sum of chi_m * row_m + row_5` he sends xhat = fold(x) and a hash of all
 * that_i = fold(T_i). Alice forms that_i = fold(Q_i) + nabla_i * xhat from what she has and compares the hash. The last 128
 * columns are random on both sides and go into nothing else, so xhat and that_i show nothing of the others.
 *
 * The papers send the 128 values that_i themselves (2,048 bytes). The hash does the same: Alice accepts the values exactly
 * where they are hers, and a Bob who can make her accept the hash of other values has a collision of SHA-256, or a hash that he
 * did not compute. He learns the same either way: whether she accepts.
 */
import { equalBytes } from '../../wire/ids.ts';
import { bitOf, wordMask } from '../pairing/select.ts';
import { blocks } from '../pairing/puncturedPrf.ts';
import { foldProof, foldWeights, maskedBinding, stretchKey } from './binding.ts';
import type { BitKernel } from './kernel.ts';
import { stretchSeeds, streamBytes } from './stretch.ts';

/** Correlated rows of one extension: 256 bits of the order and twice 80 of statistical security. */
export const otRows = 416;
/** Bytes of Bob's choices. */
export const choiceBytes = otRows / 8;
/** Bytes of the random columns that the check uses up. */
export const checkColumnBytes = 16;
/** Bytes of x, and of each row before it is transposed. */
export const columnBytes = choiceBytes + checkColumnBytes;
/** Bytes of U: one row a block. */
export const maskedBytes = blocks * columnBytes;

const layout = { rowBytes: columnBytes, dataBytes: choiceBytes };
const columnWords = columnBytes / 4;
const streamWords = streamBytes / 4;
const rowsOfAlice = 128;

/** Bob's message of the extension, without its framing. */
export interface Extension {
  /** 16 random bytes: Bob's own share in the freshness of the cipher key. */
  readonly salt: Uint8Array;
  /** U, 64 * 68 bytes. */
  readonly masked: Uint8Array;
  /** xhat, 16 bytes. */
  readonly fold: Uint8Array;
  /** Hash of that_1 to that_128, 32 bytes. */
  readonly proof: Uint8Array;
}

const bytesOf = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/**
 * Bob's step. `vector` is x: 52 bytes of choices and 16 random ones. Gives the message, the binding after U, and the rows
 * T^0 to T^415 (16 bytes each), which the caller wipes.
 */
export function extendAsBob(
  bits: BitKernel,
  binding: Uint8Array,
  leaves: Uint8Array,
  vector: Uint8Array,
  salt: Uint8Array,
): { readonly extension: Extension; readonly bound: Uint8Array; readonly rows: Uint8Array } {
  const streams = stretchSeeds(stretchKey(binding, salt), leaves);
  const x = new Int32Array(new Uint8Array(vector).buffer);
  const t = new Int32Array(rowsOfAlice * columnWords);
  const u = new Int32Array(blocks * columnWords);
  for (let block = 0; block < blocks; block += 1) {
    const leaf = 4 * block * streamWords;
    for (let w = 0; w < columnWords; w += 1) {
      const l0 = streams[leaf + w] ?? 0;
      const l1 = streams[leaf + streamWords + w] ?? 0;
      const l2 = streams[leaf + 2 * streamWords + w] ?? 0;
      const l3 = streams[leaf + 3 * streamWords + w] ?? 0;
      t[2 * block * columnWords + w] = l2 ^ l3;
      t[(2 * block + 1) * columnWords + w] = l1 ^ l3;
      u[block * columnWords + w] = l0 ^ l1 ^ l2 ^ l3 ^ (x[w] ?? 0);
    }
  }
  const masked = bytesOf(u);
  const bound = maskedBinding(binding, salt, masked);
  const weights = foldWeights(bound);
  const fold = bits.foldRows(vector, weights, layout);
  const folds = bits.foldRows(bytesOf(t), weights, layout);
  const proof = foldProof(bound, fold, folds);
  const rows = bits.transpose(bytesOf(t), otRows);
  for (const secret of [streams, x, t, folds]) {
    secret.fill(0);
  }
  return { extension: { salt, masked, fold, proof }, bound, rows };
}

/**
 * Alice's step: the rows Q^0 to Q^415, which the caller wipes, and the binding after U. `undefined` where the check fails (M4):
 * then nothing is left of what was computed, and the caller poisons the pairing, because each failed check may have told Bob a
 * bit of nabla (T15).
 */
export function extendAsAlice(
  bits: BitKernel,
  binding: Uint8Array,
  keys: { readonly nabla: Uint8Array; readonly aliceLeaves: Uint8Array },
  extension: Extension,
): { readonly bound: Uint8Array; readonly rows: Uint8Array } | undefined {
  const { nabla, aliceLeaves } = keys;
  const streams = stretchSeeds(stretchKey(binding, extension.salt), aliceLeaves);
  const u = new Int32Array(new Uint8Array(extension.masked).buffer);
  const q = new Int32Array(rowsOfAlice * columnWords);
  for (let block = 0; block < blocks; block += 1) {
    const leaf = 3 * block * streamWords;
    const [first, second] = [wordMask(bitOf(nabla, 2 * block)), wordMask(bitOf(nabla, 2 * block + 1))];
    for (let w = 0; w < columnWords; w += 1) {
      const masked = u[block * columnWords + w] ?? 0;
      const l1 = streams[leaf + w] ?? 0;
      const l2 = streams[leaf + streamWords + w] ?? 0;
      const l3 = streams[leaf + 2 * streamWords + w] ?? 0;
      q[2 * block * columnWords + w] = l2 ^ l3 ^ (first & masked);
      q[(2 * block + 1) * columnWords + w] = l1 ^ l3 ^ (second & masked);
    }
  }
  const bound = maskedBinding(binding, extension.salt, extension.masked);
  const folds = bits.foldRows(bytesOf(q), foldWeights(bound), layout);
  for (let row = 0; row < rowsOfAlice; row += 1) {
    const mask = wordMask(bitOf(nabla, row));
    for (let i = 0; i < checkColumnBytes; i += 1) {
      const place = row * checkColumnBytes + i;
      folds[place] = (folds[place] ?? 0) ^ (mask & (extension.fold[i] ?? 0));
    }
  }
  const holds = equalBytes(foldProof(bound, extension.fold, folds), extension.proof);
  const rows = holds ? bits.transpose(bytesOf(q), otRows) : undefined;
  for (const secret of [streams, q, folds]) {
    secret.fill(0);
  }
  return rows === undefined ? undefined : { bound, rows };
}

/** The rows Q^j + nabla (XOR), which the caller wipes. */
export function shiftRows(rows: Uint8Array, nabla: Uint8Array): Uint8Array {
  const shifted = rows.slice();
  for (let i = 0; i < shifted.length; i += 1) {
    shifted[i] = (shifted[i] ?? 0) ^ (nabla[i & 15] ?? 0);
  }
  return shifted;
}
