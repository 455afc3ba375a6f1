import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretMemory } from './secretMemory.ts';

test('given more secrets than a block holds, when adopted, then each has its own slot, and wiping overwrites them all', () => {
  const blocks: Uint8Array[] = [];
  const memory = new SecretMemory((length) => {
    const block = new Uint8Array(length);
    blocks.push(block);
    return block;
  });
  const originals = Array.from({ length: 130 }, (_, i) => new Uint8Array(32).fill(i + 1));
  const slots = originals.map((secret) => memory.adopt(secret));
  assert.equal(blocks.length, 2);
  assert.ok(originals.every((secret) => secret.every((byte) => byte === 0)));
  slots.forEach((slot, i) => {
    assert.deepEqual(slot, new Uint8Array(32).fill(i + 1));
  });
  memory.wipe();
  assert.ok(blocks.every((block) => block.every((byte) => byte === 0)));
  assert.ok(slots.every((slot) => slot.every((byte) => byte === 0)));
});

test('given slots that are retired, when more are taken, then a retired one is wiped and never handed out again', () => {
  const blocks: Uint8Array[] = [];
  const memory = new SecretMemory((length) => {
    const block = new Uint8Array(length);
    blocks.push(block);
    return block;
  });
  memory.reserve();
  memory.reserve();
  assert.equal(blocks.length, 1);
  const secret = new Uint8Array(32).fill(9);
  const slots = Array.from({ length: 128 }, () => memory.copy(secret));
  assert.equal(blocks.length, 1);
  slots.forEach((slot) => {
    memory.retire(slot);
    memory.retire(slot);
  });
  assert.ok(blocks[0]?.every((byte) => byte === 0));
  const next = memory.copy(secret);
  assert.equal(blocks.length, 2);
  assert.ok(slots.every((slot) => slot.every((byte) => byte === 0)));
  memory.wipe();
  assert.ok(next.every((byte) => byte === 0));
});

test('given a secret of another length, when adopted, then it is refused and wiped all the same', () => {
  const secret = new Uint8Array(31).fill(7);
  assert.throws(() => new SecretMemory().adopt(secret), TypeError);
  assert.ok(secret.every((byte) => byte === 0));
});
