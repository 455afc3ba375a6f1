import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { blockBytes, padBytes, padRows, padsOf, streamBytes, stretchSeeds } from './stretch.ts';

const xor = (...parts: readonly Uint8Array[]): Uint8Array =>
  parts.reduce((sum, part) => sum.map((byte, i) => byte ^ (part[i] ?? 0)), new Uint8Array(blockBytes));
const aes = (key: Uint8Array, block: Uint8Array): Uint8Array =>
  createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(block);
/** A row number and a counter, four bytes each, big-endian, then zeros. */
const tweak = (row: number, counter: number): Uint8Array => {
  const out = new Uint8Array(blockBytes);
  new DataView(out.buffer).setUint32(0, row);
  new DataView(out.buffer).setUint32(4, counter);
  return out;
};
const blocksOf = (raw: Uint8Array): Uint8Array[] =>
  Array.from({ length: raw.length / blockBytes }, (_, i) =>
    raw.subarray(i * blockBytes, (i + 1) * blockBytes),
  );
const bytesOf = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

test('a seed is stretched as pi(s + c) + s + c, block by block', () => {
  const random = insecureSeeded('stretch');
  const [key, seeds] = [random(16), random(7 * blockBytes)];
  const wanted = blocksOf(seeds).flatMap((seed) =>
    Array.from({ length: streamBytes / blockBytes }, (_, c) => {
      const input = xor(seed, tweak(0, c));
      return xor(aes(key, input), input);
    }),
  );
  assert.deepEqual(Buffer.from(bytesOf(stretchSeeds(key, seeds))), Buffer.concat(wanted));
});

test('a pad is pi(pi(x) + i) + pi(x) with the row and the counter as i; row numbers start again after 416', () => {
  const random = insecureSeeded('pads');
  const [key, rows] = [random(16), random(2 * padRows * blockBytes)];
  const pads = padsOf(key, rows);
  assert.equal(pads.length, 2 * padRows * padBytes);
  blocksOf(rows).forEach((row, at) => {
    const once = aes(key, row);
    for (let c = 0; c < padBytes / blockBytes; c += 1) {
      const place = at * padBytes + c * blockBytes;
      const wanted = xor(aes(key, xor(once, tweak(at % padRows, c))), once);
      assert.deepEqual(pads.subarray(place, place + blockBytes), wanted);
    }
  });
});

test('equal rows and equal seeds of one multiplication share no block of output', () => {
  const random = insecureSeeded('domains');
  const [key, row] = [random(16), random(blockBytes)];
  const rows = new Uint8Array(padRows * blockBytes);
  for (let at = 0; at < padRows; at += 1) {
    rows.set(row, at * blockBytes);
  }
  const blocks = blocksOf(padsOf(key, rows)).map((block) => Buffer.from(block).toString('hex'));
  assert.equal(new Set(blocks).size, padRows * (padBytes / blockBytes));
  const streams = blocksOf(bytesOf(stretchSeeds(key, row))).map((block) =>
    Buffer.from(block).toString('hex'),
  );
  assert.equal(new Set([...blocks, ...streams]).size, blocks.length + streams.length);
});

test('what is stretched is not changed', () => {
  const random = insecureSeeded('arguments');
  const [key, rows] = [random(16), random(padRows * blockBytes)];
  const before = rows.slice();
  stretchSeeds(key, rows);
  padsOf(key, rows);
  assert.deepEqual(rows, before);
});
