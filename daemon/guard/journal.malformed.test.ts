import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { refusal } from '../testing/refusal.ts';
import { decodeJournal, encodeFrame, encodeJournal, journalStart } from './journal.ts';

const header = { v: 2, createdAt: 0, forgottenUntil: 0 } as const;
const start = encodeJournal(header, [{ boots: 1, mark: 0 }], []);
const entry = {
  kind: 'use',
  id: new Uint8Array(16),
  hash: new Uint8Array(32),
  expiresAt: 1,
  attempts: 1,
  done: false,
};
const id = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const witness = { tie: id(16), boot: id(16), boots: 1, mark: 1 };
const state = { kind: 'state', boots: 2, mark: 2 };
const withBody = (body: Uint8Array): Uint8Array =>
  Buffer.concat([start.file, encodeFrame(start.checksum, body).frame]);

const bodies: readonly [name: string, body: CborInput][] = [
  ['an unknown field', { ...entry, extra: 1 }],
  ['a missing field', { ...entry, done: undefined }],
  ['a short id', { ...entry, id: new Uint8Array(15) }],
  ['a long hash', { ...entry, hash: new Uint8Array(33) }],
  ['a time before 1970', { ...entry, expiresAt: -1 }],
  ['no attempt', { ...entry, attempts: 0 }],
  ['too many attempts', { ...entry, attempts: 65_536 }],
  ['a number for done', { ...entry, done: 1 }],
  ['no kind', { ...entry, kind: undefined }],
  ['another kind', { ...entry, kind: 'other' }],
  ['a boot of number zero', { ...state, boots: 0 }],
  ['a negative mark', { ...state, mark: -1 }],
  ['a mark that is no integer', { ...state, mark: '2' }],
  ['no mark', { ...state, mark: undefined, seen: witness }],
  ['no boots', { ...state, boots: undefined, seen: witness }],
  ['a witness with a short tie', { ...state, seen: { ...witness, tie: id(15) } }],
  ['a witness with a long boot', { ...state, seen: { ...witness, boot: id(17) } }],
  ['a witness without a mark', { ...state, seen: { ...witness, mark: undefined } }],
  ['a witness with more', { ...state, seen: { ...witness, name: 'node-2' } }],
  ['a list of witnesses', { ...state, seen: [witness] }],
  ['a second header', header],
  ['a list', [1, 2, 3]],
];
for (const [name, body] of bodies) {
  test(`given an entry with ${name} under a good checksum, when decoded, then the journal is broken`, () => {
    assert.throws(() => decodeJournal(withBody(encodeCbor(body))), refusal('guard/broken'));
  });
}

test('given an entry of version 2 in a journal of version 1, or the reverse, when decoded, then the journal is broken', () => {
  const { kind, ...old } = entry;
  assert.equal(kind, 'use');
  const first = encodeFrame(journalStart, encodeCbor({ ...header, v: 1 }));
  const oldJournal = (body: CborInput): Uint8Array =>
    Buffer.concat([first.frame, encodeFrame(first.checksum, encodeCbor(body)).frame]);
  assert.equal(decodeJournal(oldJournal(old)).entries.length, 1);
  assert.throws(() => decodeJournal(oldJournal(entry)), refusal('guard/broken'));
  assert.throws(() => decodeJournal(withBody(encodeCbor(old))), refusal('guard/broken'));
});

test('given a duplicate key, nesting or trailing bytes in an entry, when decoded, then the journal is broken', () => {
  const body = encodeCbor(entry);
  for (const bad of [
    Uint8Array.of(...body, 0),
    Uint8Array.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 1),
    new Uint8Array(100).fill(0x81),
    Uint8Array.of(0xbf, 0xff),
  ]) {
    assert.throws(() => decodeJournal(withBody(bad)), refusal('guard/broken'));
  }
});

test('given lengths of zero or beyond a frame, when decoded, then the journal is broken and nothing is cut off', () => {
  for (const length of [0, 129, 0x7fff_ffff, 0xffff_ffff]) {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, length);
    assert.throws(
      () => decodeJournal(Buffer.concat([start.file, head, new Uint8Array(200)])),
      refusal('guard/broken', { offset: start.file.length }),
    );
  }
});

test('given an entry in place of the header, or a header of another version, when decoded, then the journal is broken', () => {
  for (const body of [encodeCbor(entry), encodeCbor({ ...header, v: 3 })]) {
    assert.throws(() => decodeJournal(encodeFrame(journalStart, body).frame), refusal('guard/broken'));
  }
});

test('given arbitrary bytes, alone or after a header, when decoded, then the result is a journal or guard/broken', () => {
  const attempt = (bytes: Uint8Array): void => {
    try {
      assert.ok(decodeJournal(bytes).end <= bytes.length);
    } catch (error) {
      assert.ok(isSymbolonError(error, 'guard/broken'));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      attempt(bytes);
      attempt(Buffer.concat([start.file, bytes]));
    }),
  );
});
