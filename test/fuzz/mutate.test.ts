/** Mutators: they leave their input alone, keep to their form often enough to get past the first check, and reach its edges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDer } from '../../enclave/x509/der.ts';
import { decodeCbor, encodeCbor } from '../../wire/cbor.ts';
import { parseStrictJson } from '../../wire/strictJson.ts';
import { Random } from './engine/random.ts';
import { mutate, type Form, type Material } from './mutate/index.ts';

const seeds: Readonly<Record<Form, Uint8Array>> = {
  bytes: new TextEncoder().encode('tcp:127.0.0.1:7001'),
  cbor: encodeCbor({ a: 1, bb: [new Uint8Array(40), 'text', { c: true }], d: encodeCbor({ inner: [1, 2] }) }),
  der: Uint8Array.of(0x30, 0x0a, 0x02, 0x01, 0x05, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff),
  tpm: Uint8Array.of(0x80, 0x18, 0x00, 0x04, 1, 2, 3, 4, 0x00, 0x0b, 0x00, 0x02, 9, 9),
  json: new TextEncoder().encode('{"a":[1,"b",{"c":null}],"d":"e"}'),
};
const holds = (check: () => unknown): boolean => {
  try {
    return check() !== false;
  } catch {
    return false;
  }
};
const isStill: Readonly<Record<Form, (input: Uint8Array) => boolean>> = {
  bytes: () => true,
  tpm: () => true,
  cbor: (input) => holds(() => decodeCbor(input, { maxBytes: 100_000 })),
  der: (input) => holds(() => readDer(input)),
  json: (input) => parseStrictJson(input).ok,
};

for (const [form, seed] of Object.entries(seeds) as [Form, Uint8Array][]) {
  test(`${form}: many different inputs from one, some still of the form, none too long, and the same again from the same seed`, () => {
    const material: Material = { other: () => seed, words: [Uint8Array.of(0x77)] };
    const make = (): Uint8Array[] => {
      const random = new Random('mutate');
      return Array.from({ length: 2_000 }, () => mutate(seed, form, 1_000, random, material));
    };
    const before = seed.slice();
    const made = make();
    assert.deepEqual(seed, before);
    assert.deepEqual(make(), made);
    assert.ok(new Set(made.map((one) => Buffer.from(one).toString('hex'))).size > 1_000);
    assert.ok(made.every(({ length }) => length <= 1_000));
    const kept = made.filter((one) => isStill[form](one)).length;
    assert.ok(kept > 150, `${kept} of 2000 are still ${form}`);
    assert.ok(form === 'bytes' || form === 'tpm' || kept < 1_900, `${kept} of 2000 are still ${form}`);
  });
}

test('cbor: maps get further fields, sorted, also those inside of a byte string', () => {
  const random = new Random('nested');
  const material: Material = { other: () => seeds.cbor, words: [] };
  const inner = encodeCbor({ key: [1, 2, 3], other: 'text' });
  const seed = encodeCbor({ wrapped: inner, a: 1 });
  const counts = { outer: 0, inner: 0 };
  const fieldsOf = (raw: Uint8Array): ReadonlyMap<unknown, unknown> => {
    const value = decodeCbor(raw, { maxBytes: 1_000 });
    return value instanceof Map ? (value as ReadonlyMap<unknown, unknown>) : new Map();
  };
  for (let i = 0; i < 4_000; i += 1) {
    holds(() => {
      const fields = fieldsOf(mutate(seed, 'cbor', 1_000, random, material));
      const content = fields.get('wrapped');
      counts.outer += fields.size > 2 ? 1 : 0;
      counts.inner += content instanceof Uint8Array && fieldsOf(content).size > 2 ? 1 : 0;
    });
  }
  assert.ok(counts.outer > 80 && counts.inner > 3, JSON.stringify(counts));
});
