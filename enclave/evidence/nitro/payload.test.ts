/** The payload of both kinds of document, one rule broken at a time, in documents that are in order but for that. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  encodeMap,
  instanceId,
  madeAt,
  makeDocument,
  moduleIds,
  registerFields,
  shownPcrs,
  shownTpmPcrs,
  type Changes,
} from '../../../test/pki/nitro.ts';
import { encodeCbor, type CborInput, type CborKey } from '../../../wire/cbor.ts';
import { makeAuthorityCache } from './cache.ts';
import { verifyNitroDocument, verifyNitroTpmDocument, type VerifiedDocument } from './document.ts';
import type { DocumentKind } from './payload.ts';

const cache = makeAuthorityCache(32);
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const field =
  (name: CborKey, value: CborInput | undefined): NonNullable<Changes['fields']> =>
  (fields) => {
    if (value === undefined) {
      fields.delete(name);
    } else {
      fields.set(name, value);
    }
  };
const long = (length: number): Uint8Array => new Uint8Array(length).fill(1);

for (const kind of ['nitro', 'nitro-tpm'] as const) {
  const registers = registerFields[kind];
  const shown = kind === 'nitro' ? shownPcrs : shownTpmPcrs;
  const other: DocumentKind = kind === 'nitro' ? 'nitro-tpm' : 'nitro';
  const read = kind === 'nitro' ? verifyNitroDocument : verifyNitroTpmDocument;
  const verify = (changes: Changes = {}): VerifiedDocument => {
    const { document, root } = makeDocument({ kind, ...changes });
    return read(document, { roots: [root], now: madeAt + 1_000, cache });
  };
  const pcrs = (change: (pcrs: Map<CborKey, CborInput>) => unknown): Changes => ({
    fields: (fields) => {
      const changed = new Map<CborKey, CborInput>(shown);
      change(changed);
      fields.set(registers, changed);
    },
  });
  const highest = kind === 'nitro' ? 31 : 23;

  describe(`${kind}: forms that genuine platforms make are accepted`, () => {
    const without = (value: null | undefined): Changes => ({
      fields: (fields) => {
        for (const name of ['public_key', 'user_data', 'nonce']) {
          field(name, value)(fields);
        }
      },
    });
    const sized = (length: number): Changes => ({
      fields: (fields) => fields.set('user_data', long(length)).set('nonce', long(length)),
    });
    const cases: Readonly<Record<string, Changes>> = {
      'a map of indefinite length (since 2025)': {},
      'a map of definite length (until 2025)': { definite: true },
      'null optional fields': without(null),
      'absent optional fields': without(undefined),
      'user_data and nonce of 0 bytes': sized(0),
      'user_data and nonce of 513 bytes': sized(513),
      'bound fields of 1,024 bytes': {
        fields: (fields) =>
          fields.set('public_key', long(1_024)).set('user_data', long(1_024)).set('nonce', long(1_024)),
      },
      'one register': { fields: field(registers, new Map([[0, long(48)]])) },
      'a register at the highest index': pcrs((map) => map.set(highest, long(48))),
      'another order of the fields': {
        fields: (fields) => {
          const entries = [...fields].reverse();
          fields.clear();
          for (const [key, value] of entries) {
            fields.set(key, value);
          }
        },
      },
      'an instance id of 8 digits': {
        fields: field('module_id', moduleIds[kind].replace(instanceId, 'i-01234567')),
        certificates: {
          leaf: { subject: [['CN', `${moduleIds[kind].replace(instanceId, 'i-01234567')}.x`]] },
        },
      },
    };
    for (const [name, changes] of Object.entries(cases)) {
      test(name, () => {
        assert.equal(verify(changes).kind, kind);
      });
    }
    test('a verified document says who, what and until when', () => {
      const document = verify();
      assert.equal(document.moduleId, moduleIds[kind]);
      assert.equal(document.instanceId, instanceId);
      assert.equal(document.timestamp, madeAt);
      assert.equal(document.notAfter, madeAt + 3 * 3_600_000);
      assert.equal(document.pcrs.size, kind === 'nitro' ? 16 : 24);
      assert.deepEqual(document.pcrs.get(4), shown.get(4));
      assert.deepEqual(document.nonce, new Uint8Array(32).fill(0x33));
    });
  });

  describe(`${kind}: the payload, one rule broken at a time`, () => {
    const [first = [0, new Uint8Array(48)] as const] = shown;
    const set = (name: CborKey, value: CborInput | undefined): Changes => ({ fields: field(name, value) });
    const encoded = (name: string, ...bytes: readonly number[]): Changes => ({
      encodings: new Map([[name, Uint8Array.from(bytes)]]),
    });
    const more = (...parts: readonly Uint8Array[]): Changes => ({
      payload: (payload) => join(payload.subarray(0, -1), ...parts, Uint8Array.of(0xff)),
    });
    const module = (change: (id: string) => string): Changes => set('module_id', change(moduleIds[kind]));
    const cases: Readonly<Record<string, Changes>> = {
      'module_id absent': set('module_id', undefined),
      'module_id null': set('module_id', null),
      'module_id as bytes': set('module_id', new Uint8Array(8)),
      'module_id empty': set('module_id', ''),
      'module_id without its second part': set('module_id', instanceId),
      'module_id of the other kind': set('module_id', moduleIds[other]),
      'module_id with a capital digit': module((id) => `${id.slice(0, -1)}A`),
      'module_id with a line end': module((id) => `${id}\n`),
      'module_id of 33 digits': module((id) => id + '0'.repeat(17)),
      'module_id of an instance with 16 digits': module((id) => id.replace('i-0', 'i-')),
      'digest absent': set('digest', undefined),
      'digest null': set('digest', null),
      'digest empty': set('digest', ''),
      'digest in lower case': set('digest', 'sha384'),
      'digest SHA512': set('digest', 'SHA512'),
      'timestamp absent': set('timestamp', undefined),
      'timestamp null': set('timestamp', null),
      'timestamp zero': set('timestamp', 0),
      'timestamp negative': set('timestamp', -1),
      'timestamp as text': set('timestamp', '1'),
      'timestamp as a float': encoded('timestamp', 0xfb, 0x42, 0x79, 0xe8, 0, 0, 0, 0, 0),
      'timestamp as a bignum': encoded('timestamp', 0xc2, 0x46, 1, 0x9e, 0x83, 0x5a, 0x0e, 0),
      'timestamp above 2^53': set('timestamp', 2n ** 63n),
      'timestamp 2^64 - 1': set('timestamp', 2n ** 64n - 1n),
      'registers absent': set(registers, undefined),
      'registers null': set(registers, null),
      'registers empty': set(registers, new Map()),
      'registers as a list': set(registers, [new Uint8Array(48)]),
      'a register of 0 bytes': pcrs((map) => map.set(0, new Uint8Array())),
      'a register of 20 bytes': pcrs((map) => map.set(0, long(20))),
      'a register of 32 bytes': pcrs((map) => map.set(0, long(32))),
      'a register of 49 bytes': pcrs((map) => map.set(0, long(49))),
      'a register of 64 bytes': pcrs((map) => map.set(0, long(64))),
      'a register of 96 bytes': pcrs((map) => map.set(0, long(96))),
      'a register as text': pcrs((map) => map.set(0, '0'.repeat(48))),
      'a register null': pcrs((map) => map.set(0, null)),
      'a register above the highest index': pcrs((map) => map.set(highest + 1, long(48))),
      'register -1': pcrs((map) => map.set(-1, long(48))),
      'a register named by text': pcrs((map) => map.set('0', long(48))),
      'a register twice': { encodings: new Map([[registers, encodeMap([first, first], false)]]) },
      'registers of indefinite length': { encodings: new Map([[registers, encodeMap([...shown], true)]]) },
      'registers that claim 2^32 entries': encoded(registers, 0xba, 0xff, 0xff, 0xff, 0xff),
      'certificate absent': set('certificate', undefined),
      'certificate null': set('certificate', null),
      'certificate empty': set('certificate', new Uint8Array()),
      'certificate of 1,025 bytes': set('certificate', long(1_025)),
      'cabundle absent': set('cabundle', undefined),
      'cabundle null': set('cabundle', null),
      'cabundle empty': set('cabundle', []),
      'cabundle as bytes': set('cabundle', long(500)),
      'cabundle of nine': { bundle: ([root = long(1)]) => Array.from({ length: 9 }, () => root) },
      'cabundle with an empty entry': { bundle: (list) => [...list, new Uint8Array()] },
      'cabundle with an entry of 1,025 bytes': { bundle: (list) => [...list, long(1_025)] },
      'cabundle with an entry as text': {
        fields: (fields) => fields.set('cabundle', [...(fields.get('cabundle') as Uint8Array[]), 'text']),
      },
      'public_key of 0 bytes': set('public_key', new Uint8Array()),
      'public_key of 1,025 bytes': set('public_key', long(1_025)),
      'user_data of 1,025 bytes': set('user_data', long(1_025)),
      'nonce of 1,025 bytes': set('nonce', long(1_025)),
      'nonce of 11,000 bytes': set('nonce', long(11_000)),
      'nonce as text': set('nonce', 'text'),
      'nonce undefined': encoded('nonce', 0xf7),
      'nonce false': set('nonce', false),
      'nonce in chunks': encoded('nonce', 0x5f, 0x41, 1, 0xff),
      'the length of a nonce in four bytes': encoded('nonce', 0x5a, 0, 0, 0, 1, 0x33),
      'a nonce that claims 2^32 bytes': encoded('nonce', 0x5b, 0, 0, 0, 1, 0, 0, 0, 0),
      'a nonce that claims 2^63 bytes': encoded('nonce', 0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0),
      'a tagged nonce': encoded('nonce', 0xd8, 0x40, 0x41, 1),
      'an unknown field': set('pcr', 1),
      'a field named __proto__': set('__proto__', new Map([['digest', 'SHA384']])),
      'a field named by a number': set(1, 1),
      'a nonce twice': more(encodeCbor('nonce'), encodeCbor(new Uint8Array(1))),
      'registers twice': more(encodeCbor(registers), encodeCbor(shown)),
      'a byte after the map': { payload: (payload) => join(payload, Uint8Array.of(0)) },
      'a map without its end': { payload: (payload) => payload.subarray(0, -1) },
      'a map that counts one more': {
        definite: true,
        payload: (payload) => join(Uint8Array.of(0xaa), payload.subarray(1)),
      },
      'a map that counts one less': {
        definite: true,
        payload: (payload) => join(Uint8Array.of(0xa8), payload.subarray(1)),
      },
      'a payload that is a list': { payload: (payload) => join(Uint8Array.of(0x81), payload) },
      'a payload that is tagged': { payload: (payload) => join(Uint8Array.of(0xd2), payload) },
    };
    for (const [name, changes] of Object.entries(cases)) {
      test(`refused: ${name}`, () => {
        assertRefuses(() => verify(changes), 'evidence/malformed', { part: 'payload' });
      });
    }

    test('a leaf that was issued to another module is refused', () => {
      const id = `${moduleIds[kind].slice(0, -1)}1`;
      assertRefuses(() => verify(set('module_id', id)), 'evidence/inconsistent', { wanted: `${id}.*` });
    });

    test(`T05: a document of ${other} is refused by name, also with both fields of registers`, () => {
      const expected = { wanted: kind, got: other };
      assertRefuses(() => verify({ kind: other }), 'evidence/wrong-document-type', expected);
      const both = set(registerFields[other], new Map([[0, long(48)]]));
      assertRefuses(() => verify(both), 'evidence/wrong-document-type', expected);
    });
  });
}
