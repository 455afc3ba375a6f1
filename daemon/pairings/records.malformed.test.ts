import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import {
  inUseBytes,
  inUseFile,
  pairingFile,
  pairingRecordBytes,
  parsePairingFile,
  poisonMarkBytes,
  uncleanBytes,
  uncleanFile,
} from './records.ts';

const id = new Uint8Array(16).fill(7);
const record = { v: 1, peer: 'node-2', index: 2, id, createdAt: 5, unclean: 3 } as const;
const mark = { v: 1, peer: 'node-2', generation: 4, id, at: 5 } as const;
const open = pairingRecordBytes.encode(record);
const marked = poisonMarkBytes.encode(mark);
const changed = (raw: Uint8Array, field: string, value: CborInput | undefined): Uint8Array => {
  const map = new Map(decodeCbor(raw, { maxBytes: 512 }) as ReadonlyMap<string, CborInput>);
  if (value === undefined) {
    map.delete(field);
  } else {
    map.set(field, value);
  }
  return encodeCbor(map);
};
const refused = (decode: () => unknown): void => {
  assert.throws(decode, (error: unknown) => isSymbolonError(error) && error.code.startsWith('wire/'));
};

test('given the formats of a pairing, when encoded and decoded, then they are the same again', () => {
  assert.deepEqual(pairingRecordBytes.decode(open), record);
  assert.deepEqual(poisonMarkBytes.decode(marked), mark);
  assert.deepEqual(uncleanBytes.decode(uncleanBytes.encode({ v: 1, count: 9 })), { v: 1, count: 9 });
  assert.deepEqual(inUseBytes.decode(inUseBytes.encode({ v: 1, since: 9 })), { v: 1, since: 9 });
});

test('given a field that is missing, unknown, or of another kind, when decoded, then each is refused by its shape', () => {
  for (const field of ['v', 'peer', 'index', 'id', 'createdAt', 'unclean']) {
    refused(() => pairingRecordBytes.decode(changed(open, field, undefined)));
    refused(() => pairingRecordBytes.decode(changed(open, field, [])));
  }
  for (const field of ['v', 'peer', 'generation', 'id', 'at']) {
    refused(() => poisonMarkBytes.decode(changed(marked, field, undefined)));
    refused(() => poisonMarkBytes.decode(changed(marked, field, [])));
  }
  for (const [field, value] of [
    ['v', 2],
    ['peer', 'Node-2'],
    ['index', 0],
    ['index', 33],
    ['id', new Uint8Array(15)],
    ['more', 1],
  ] as const) {
    refused(() => pairingRecordBytes.decode(changed(open, field, value)));
  }
  refused(() => poisonMarkBytes.decode(changed(marked, 'generation', 4_294_967_296)));
  refused(() => pairingRecordBytes.decode(Uint8Array.of(...open, 0)));
  refused(() => poisonMarkBytes.decode(marked.subarray(0, -1)));
});

test('given file names, when parsed, then only exact ones are taken', () => {
  for (const part of ['sealed', 'poisoned'] as const) {
    for (const generation of [0, 1, 4_294_967_295]) {
      for (const peer of ['a', 'node-2', 'in-use', 'x'.repeat(32)]) {
        const name = { peer, generation, part };
        assert.deepEqual(parsePairingFile(pairingFile(name)), name);
        assert.ok(pairingFile(name).length <= 52);
      }
    }
  }
  for (const bad of [
    '',
    inUseFile,
    uncleanFile,
    'node-2.sealed',
    'node-2.01.sealed',
    'node-2.-1.sealed',
    'node-2.4294967296.sealed',
    'node-2.1.open',
    'node-2.1.sealed ',
    'node-2.1.sealed\n',
    'Node-2.1.sealed',
    '-node.1.sealed',
    'node-.1.sealed',
    '.1.sealed',
    `${'x'.repeat(33)}.1.sealed`,
    '../node-2.1.sealed',
  ]) {
    assert.equal(parsePairingFile(bad), undefined, bad);
  }
});

test('given arbitrary or damaged bytes, when read as any of the formats, then only catalogue errors come back', () => {
  const attempt = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      assert.ok(isSymbolonError(error), String(error));
    }
  };
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 24 }), (at, by) => {
      for (const [format, genuine] of [
        [pairingRecordBytes, open],
        [poisonMarkBytes, marked],
        [uncleanBytes, uncleanBytes.encode({ v: 1, count: 1 })],
        [inUseBytes, inUseBytes.encode({ v: 1, since: 1 })],
      ] as const) {
        const bytes = genuine.slice();
        bytes.set(by.subarray(0, bytes.length - (at % bytes.length)), at % bytes.length);
        attempt(() => format.decode(by));
        attempt(() => format.decode(bytes));
      }
    }),
  );
});
