import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { encodeKeyPublic } from '../../threshold/index.ts';
import { refusal } from '../testing/refusal.ts';
import { nextGeneration, sampleCluster, sampleKey } from '../testing/sampleKey.ts';
import { checkActivation, encodeActivation } from './activation.ts';
import {
  decodeDeparture,
  decodeOpenPart,
  encodeDeparture,
  encodeOpenPart,
  fileOf,
  parseFileName,
  type GenerationRecord,
  type KeyRecord,
} from './records.ts';

const key = sampleKey();
const { share, ...pending } = key.pending(0);
const record: KeyRecord = { ...pending, id: key.id, public: share.public, index: 1, createdAt: 1 };
const open = encodeOpenPart(record, sampleCluster, 'node-1');
const decode = (raw: Uint8Array, node = 'node-1'): KeyRecord => decodeOpenPart(raw, sampleCluster, node);
const fields = new Map(decodeCbor(open, { maxBytes: 32_768 }) as ReadonlyMap<string, CborInput>);
const changed = (field: string, value: CborInput | undefined): Uint8Array => {
  const map = new Map(fields);
  if (value === undefined) {
    map.delete(field);
  } else {
    map.set(field, value);
  }
  return encodeCbor(map);
};
const holders = record.holders.map(({ name, index, identity }) => ({ name, index, identity }));
const [one, two, three] = holders;
assert.ok(one && two && three);

test('given an open part, when decoded, then it is the record again', () => {
  assert.deepEqual(decode(open), record);
});

test('given an open part of version 1, when decoded, then it is the record without a time of the request', () => {
  const first = new Map(fields).set('v', 1);
  first.delete('requestedAt');
  assert.deepEqual(decode(encodeCbor(first)), { ...record, requestedAt: 0 });
});

const leaving = nextGeneration(key, { participants: [2, 3, 4] });
const { public: next, ...departing } = leaving.departure();
const departure: GenerationRecord = { ...departing, id: key.id, public: next, createdAt: 1 };
const left = encodeDeparture(departure, sampleCluster, 'node-1');

test('given a departure, when decoded, then it is the record again, and of no holder and no share', () => {
  assert.deepEqual(decodeDeparture(left, sampleCluster, 'node-1'), departure);
  assert.throws(() => decodeDeparture(left, sampleCluster, 'node-2'), refusal('store/record-mismatch'));
  assert.throws(() => encodeDeparture(departure, sampleCluster, 'node-2'), refusal('store/record-mismatch'));
  assert.throws(() => decode(left), refusal('wire/unexpected-shape'));
  assert.throws(() => decodeDeparture(open, sampleCluster, 'node-4'), refusal('wire/unexpected-shape'));
  const other = { ...departure, id: '0'.repeat(32) };
  assert.throws(() => encodeDeparture(other, sampleCluster, 'node-1'), refusal('store/record-mismatch'));
  const late = { ...departure, public: { ...next, generation: 4_294_967_296 } };
  assert.throws(() => encodeDeparture(late, sampleCluster, 'node-1'), refusal('store/record-mismatch'));
});

const shapes: readonly [name: string, raw: Uint8Array][] = [
  ['another version', changed('v', 3)],
  ['an unknown field', changed('state', 'active')],
  ['a missing field', changed('session', undefined)],
  ['a short transcript', changed('transcript', new Uint8Array(31))],
  ['a purpose with a space', changed('purpose', 'a b')],
  ['one holder', changed('holders', [one])],
  ['a label of the wrong type', changed('label', 7)],
  ['more than it may have', changed('label', 'x'.repeat(33_000))],
  ['a byte after it', Uint8Array.of(...open, 0)],
  ['a byte less', open.subarray(0, -1)],
];
for (const [name, raw] of shapes) {
  test(`given an open part with ${name}, when decoded, then it is refused by its shape`, () => {
    assert.throws(
      () => decode(raw),
      (error: unknown) => isSymbolonError(error) && error.code.startsWith('wire/'),
    );
  });
}

const lowered = encodeKeyPublic({ ...share.public, participants: [1, 2, 3], threshold: 3 });
const mismatches: readonly [name: string, raw: Uint8Array][] = [
  ['a field that its version does not have', changed('v', 1)],
  ['no time of the request', changed('requestedAt', undefined)],
  ['holders not sorted', changed('holders', [two, one, three])],
  ['a holder twice', changed('holders', [one, one, three])],
  ['an index twice', changed('holders', [one, { ...two, index: 1 }, three])],
  ['an index that takes no part', changed('holders', [one, two, { ...three, index: 4 }])],
  ['a holder less', changed('holders', [one, two])],
  ['a holder more', changed('holders', [one, two, three, { ...three, name: 'node-4', index: 4 }])],
  ['a holder more under an index twice', changed('holders', [one, two, three, { ...three, name: 'node-4' }])],
  ['the index of another node', changed('index', 2)],
];
for (const [name, raw] of mismatches) {
  test(`given an open part with ${name}, when decoded, then it does not fit together`, () => {
    assert.throws(() => decode(raw), refusal('store/record-mismatch'));
  });
}

test('T19: given another purpose or cluster, when decoded, then the id is of another key', () => {
  assert.notEqual(decode(changed('purpose', 'payroll')).id, key.id);
  assert.notEqual(decodeOpenPart(open, new Uint8Array(16), 'node-1').id, key.id);
  assert.equal(decode(changed('public', lowered)).id, key.id);
});

test('given a node that is no holder, when decoded, then it is refused', () => {
  assert.throws(() => decode(open, 'node-4'), refusal('store/record-mismatch'));
});

test('given a record under the id of another key, when encoded, then it is refused', () => {
  const other = { ...record, id: '0'.repeat(32) };
  assert.throws(() => encodeOpenPart(other, sampleCluster, 'node-1'), refusal('store/record-mismatch'));
});

test('given file names, when parsed, then only exact ones are taken', () => {
  const id = '0123456789abcdef0123456789abcdef';
  const session = 'fedcba9876543210';
  for (const kind of ['share', 'departure'] as const) {
    for (const part of ['record', 'proof'] as const) {
      for (const generation of [0, 1, 4_294_967_295]) {
        const place = { id, generation, session, kind };
        assert.deepEqual(parseFileName(fileOf(place, part)), { place, part });
        assert.ok(fileOf(place, part).length <= 75);
      }
    }
  }
  for (const bad of [
    `${id}.1.sealed `,
    `${id}.01.sealed`,
    `${id}.-1.sealed`,
    `${id}.4294967296.sealed`,
    `${id}.1.open`,
    `${id.toUpperCase()}.1.sealed`,
    `${id}1.1.sealed`,
    `.${id}.1.sealed`,
    `${id}.1.sealed\n`,
    `${id}.1.departure`,
    `${id}.1.departed`,
    `${id}.1.${session}.open`,
    `${id}.1.${session}0.sealed`,
    `${id}.1.${session.slice(1)}.sealed`,
    `${id}.1.${session.toUpperCase()}.sealed`,
    `${id}.1..sealed`,
    `${id}.1.${session}.${session}.sealed`,
    '',
  ]) {
    assert.equal(parseFileName(bad), undefined, bad);
  }
});

test('given a name that version 1 wrote, when parsed, then it has no session', () => {
  const id = '0123456789abcdef0123456789abcdef';
  const place = { id, generation: 7, session: '', kind: 'share' };
  assert.deepEqual(parseFileName(`${id}.7.sealed`), { place, part: 'record' });
  assert.deepEqual(parseFileName(`${id}.7.active`), { place, part: 'proof' });
});

test('given arbitrary or damaged bytes, when read as an open part or an activation, then only catalogue errors come back', () => {
  const activation = encodeActivation(record, open, key.confirmations());
  checkActivation(record, open, activation);
  const attempt = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      assert.ok(isSymbolonError(error), String(error));
    }
  };
  const damaged = (genuine: Uint8Array, at: number, by: Uint8Array): Uint8Array => {
    const bytes = genuine.slice();
    bytes.set(by.subarray(0, bytes.length - (at % bytes.length)), at % bytes.length);
    return bytes;
  };
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 24 }), (at, by) => {
      attempt(() => decode(by));
      attempt(() => decode(damaged(open, at, by)));
      attempt(() => decodeDeparture(by, sampleCluster, 'node-1'));
      attempt(() => decodeDeparture(damaged(left, at, by), sampleCluster, 'node-1'));
      attempt(() => {
        checkActivation(record, open, by);
      });
      attempt(() => {
        checkActivation(record, open, damaged(activation, at, by));
      });
    }),
  );
});
