/**
 * The bulk of oblivious transfer: stretching seeds, and making pads of correlated rows. Both run on AES-128 under a key that
 * is public and of one multiplication only, in two or three calls for thousands of blocks.
 *
 * **Model.** AES-128 is an ideal cipher; the key of each use is a hash of everything that the multiplication is bound to, so
 * each multiplication has two permutations of its own, and what is computed under one says nothing about another.
 *
 * - {@link stretchSeeds}: block c of seed s is pi(s + c) + s + c (XOR), the correlation-robust MMO of ePrint 2019/074
 *   section 7.2, queried at the offsets c = 0 to 4 from each seed, which are uniform, secret and independent. An adversary who
 *   makes p queries to pi tells the streams of n seeds from random with probability at most about 5 n p / 2^128: n = 256.
 * - {@link padsOf}: TMMO, pi(pi(x) + i) + pi(x) with the tweak i = (row, counter), section 7.4 of the same paper: tweakable
 *   correlation-robust also where the other party chose x + nabla, as a malicious Bob may. With p queries to pi the bound is
 *   about m p / 2^128 and m^2 / 2^128 for the m = 3,744 blocks that Bob must not know.
 *
 * The tweaks and offsets are the domain separation within a multiplication: no two blocks of one permutation and one use have
 * the same (x, i) or (s, c). The two uses have two keys.
 */
import { createCipheriv } from 'node:crypto';

/** Bytes of a block, a seed, and a row. */
export const blockBytes = 16;
/** Bytes of a stretched seed. */
export const streamBytes = 80;
/** Bytes of a pad: three times 48, for three scalars free of bias (T40). */
export const padBytes = 144;
/** Rows that are turned into pads. */
export const padRows = 416;

const wordsOfBlock = 4;
const streamBlocks = streamBytes / blockBytes;
const padBlocks = padBytes / blockBytes;

/** The 32-bit words of bytes, which are whole words at an aligned place. */
const wordsOf = (raw: Uint8Array): Int32Array =>
  new Int32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);

/** The words of what the cipher gave; Node does not say where it puts it. */
function wordsOfOutput(raw: Uint8Array): Int32Array {
  if (raw.byteOffset % 4 === 0) {
    return wordsOf(raw);
  }
  const copy = new Uint8Array(raw);
  raw.fill(0);
  return wordsOf(copy);
}

const bytesOf = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** A permutation of blocks: AES-128 under one key, many blocks a call. */
function permutation(key: Uint8Array): (blocks: Int32Array) => Int32Array {
  // Electronic code book is the bare cipher, which is what the constructions above ask for: nothing is encrypted with it.
  const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  return (blocks) => wordsOfOutput(cipher.update(bytesOf(blocks)));
}

/** Counters 0 to n - 1 as blocks, after a row number where there is one; written by bytes, the same on every machine. */
function tweaks(rows: number, counters: number): Int32Array {
  const raw = new Uint8Array(rows * counters * blockBytes);
  const view = new DataView(raw.buffer);
  for (let row = 0; row < rows; row += 1) {
    for (let counter = 0; counter < counters; counter += 1) {
      const at = (row * counters + counter) * blockBytes;
      view.setUint32(at, row);
      view.setUint32(at + 4, counter);
    }
  }
  return wordsOf(raw);
}
const streamTweaks = tweaks(1, streamBlocks);
const padTweaks = tweaks(padRows, padBlocks);

/**
 * Adds (XOR) to each block of `target` the block of `source` that it stems from, `times` blocks in a row from each, and the
 * tweak of its place; the tweaks start again at their end.
 */
function spread(target: Int32Array, source: Int32Array, times: number, tweak?: Int32Array): void {
  const period = tweak?.length ?? 0;
  let at = 0;
  let place = 0;
  for (let block = 0; block < source.length; block += wordsOfBlock) {
    const s0 = source[block] ?? 0;
    const s1 = source[block + 1] ?? 0;
    const s2 = source[block + 2] ?? 0;
    const s3 = source[block + 3] ?? 0;
    for (let i = 0; i < times; i += 1) {
      target[at] = (target[at] ?? 0) ^ s0 ^ (tweak?.[place] ?? 0);
      target[at + 1] = (target[at + 1] ?? 0) ^ s1 ^ (tweak?.[place + 1] ?? 0);
      target[at + 2] = (target[at + 2] ?? 0) ^ s2 ^ (tweak?.[place + 2] ?? 0);
      target[at + 3] = (target[at + 3] ?? 0) ^ s3 ^ (tweak?.[place + 3] ?? 0);
      at += wordsOfBlock;
      place = place + wordsOfBlock === period ? 0 : place + wordsOfBlock;
    }
  }
}

/** Each of n seeds of 16 bytes, at an aligned place, to 80 bytes, as words. The caller wipes them. */
export function stretchSeeds(key: Uint8Array, seeds: Uint8Array): Int32Array {
  const source = wordsOf(seeds);
  const inputs = new Int32Array(source.length * streamBlocks);
  spread(inputs, source, streamBlocks, streamTweaks);
  const streams = permutation(key)(inputs);
  spread(streams, inputs, 1);
  inputs.fill(0);
  return streams;
}

/** Pads of 144 bytes, one for each row of 16 bytes, at an aligned place; row numbers start again every 416 rows. The caller wipes them. */
export function padsOf(key: Uint8Array, rows: Uint8Array): Uint8Array {
  const permute = permutation(key);
  const once = permute(wordsOf(rows));
  const inputs = new Int32Array(once.length * padBlocks);
  spread(inputs, once, padBlocks, padTweaks);
  const pads = permute(inputs);
  spread(pads, once, padBlocks);
  inputs.fill(0);
  once.fill(0);
  return bytesOf(pads);
}
