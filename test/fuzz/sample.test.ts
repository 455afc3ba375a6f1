/** Seeds that nobody wrote: a format is learnt from what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor } from '../../wire/cbor.ts';
import {
  bytes,
  indexed,
  list,
  message,
  oneOf,
  optional,
  record,
  tagged,
  text,
  uint,
} from '../../wire/shape.ts';
import { requestBytes } from '../../wire/messages/request.ts';
import { samplesOf } from './targets/messages.ts';

test('given a format with every kind of shape, then samples are found that it takes, with optional fields and all alternatives', () => {
  const format = message(
    'sample',
    4_096,
    record({
      v: oneOf(1),
      id: bytes(16),
      range: bytes(2, 9),
      name: text(8, /^[a-z0-9-]+$/),
      offset: uint(5, -5),
      pcrs: indexed(bytes(32), 31),
      several: list(record({ peer: optional(uint()), count: uint(9, 3) }), 4, 2),
      one: tagged('kind', { a: { x: uint() }, b: { path: optional(list(uint(), 2, 1)) } }),
    }),
  );
  const values = samplesOf(format).map((raw) => format.decode(raw));
  assert.ok(values.length >= 3);
  assert.deepEqual(new Set(values.map(({ one }) => one.kind)), new Set(['a', 'b']));
  assert.ok(values.some(({ several }) => several.every(({ peer }) => peer !== undefined)));
  assert.ok(values.some(({ several }) => several.every(({ peer }) => peer === undefined)));
  assert.ok(values.some(({ one }) => one.kind === 'b' && one.path !== undefined));
  assert.ok(values.every(({ pcrs }) => pcrs.size === 1));
});

test('given a format whose cap leaves no room for all optional names at once, then those that fit are still found', () => {
  const format = message('small', 24, record({ v: oneOf(1), to: optional(uint()) }));
  const keys = samplesOf(format).map((raw) => {
    const value = decodeCbor(raw, { maxBytes: raw.length });
    return value instanceof Map ? value.size : 0;
  });
  assert.deepEqual(keys.sort(), [1, 2]);
});

test('given requests, then there is a sample of every action', () => {
  const actions = new Set(samplesOf(requestBytes).map((raw) => requestBytes.decode(raw).action));
  assert.equal(actions.size, 7);
});
