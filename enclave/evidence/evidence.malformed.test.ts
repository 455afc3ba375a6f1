/** Random damage to good documents of both kinds. The randomness is seeded: a failure comes again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'cbor2';
import fc from 'fast-check';
import { madeAt, makeDocument, registerFields } from '../../test/pki/nitro.ts';
import { appraiseDocument, type DocumentQuestion } from './appraise.ts';
import { makeAuthorityCache } from './nitro/cache.ts';
import { readAnyPayload, readNitroPayload, readNitroTpmPayload } from './nitro/payload.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';

const options = {
  numRuns: Number(process.env['FUZZ_RUNS'] ?? 200),
  seed: Number(process.env['FUZZ_SEED'] ?? 0x5eed),
};
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

for (const kind of ['nitro', 'nitro-tpm'] as const) {
  const { document, root } = makeDocument({ kind });
  const cache = makeAuthorityCache(16);
  const question: DocumentQuestion = {
    platform: kind,
    roots: [root],
    now: madeAt,
    nonce: 'any',
    pcrs: 'any',
    debug: 'refuse',
    machine: 'any',
    cache,
  };
  /** True where accepted. Anything but a verdict is thrown on and fails the test. */
  const accepted = (bytes: Uint8Array): boolean => appraiseDocument(bytes, question).ok;
  /** Only the tag may differ between two forms of one document; no rewritten ECDSA signature arises by chance. */
  const sameDocument = (bytes: Uint8Array): boolean =>
    same(bytes, document) || (bytes[0] === 0xd2 && same(bytes.subarray(1), document));

  describe(`a good document of ${kind}`, () => {
    test('with random bytes changed, cut out, put in or cut off is never accepted, and never crashes', () => {
      const edit = fc.record({
        at: fc.nat(document.length - 1),
        remove: fc.nat(4),
        insert: fc.uint8Array({ maxLength: 4 }),
      });
      assert.ok(accepted(document));
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
          let bytes: Uint8Array = document;
          for (const { at, remove, insert } of edits) {
            bytes = new Uint8Array(
              Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]),
            );
          }
          assert.equal(accepted(bytes), sameDocument(bytes));
        }),
        options,
      );
    });
    test('with one byte changed, anywhere, is never accepted', () => {
      fc.assert(
        fc.property(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const bytes = document.slice();
          bytes[at] = (bytes[at] ?? 0) ^ change;
          assert.equal(accepted(bytes), false);
        }),
        options,
      );
    });
    test('with two stretches of it exchanged is never accepted', () => {
      const place = fc.nat(document.length - 65);
      fc.assert(
        fc.property(place, place, fc.integer({ min: 1, max: 64 }), (a, b, length) => {
          const bytes = document.slice();
          bytes.set(document.subarray(a, a + length), b);
          bytes.set(document.subarray(b, b + length), a);
          assert.equal(accepted(bytes), sameDocument(bytes));
        }),
        options,
      );
    });
    test('with a changed payload that is signed as it is, says what another decoder reads too, or is refused', () => {
      const edit = fc.record({ at: fc.nat(4_000), insert: fc.uint8Array({ minLength: 1, maxLength: 3 }) });
      let read = 0;
      fc.assert(
        fc.property(edit, fc.boolean(), ({ at, insert }, cut) => {
          let signed = new Uint8Array();
          const made = makeDocument({
            kind,
            payload: (payload) => {
              const start = at % payload.length;
              const after = payload.subarray(start + (cut ? insert.length : 0));
              signed = new Uint8Array(Buffer.concat([payload.subarray(0, start), insert, after]));
              return signed;
            },
          });
          const result = appraiseDocument(made.document, { ...question, roots: [made.root] });
          if (result.ok) {
            const { machine, madeAt: at1, pcrs, publicKey, userData, nonce } = result.statement;
            const other: unknown = decode(signed, { preferMap: true });
            assert.ok(other instanceof Map);
            assert.deepEqual(
              [machine, at1, pcrs, publicKey, userData, nonce],
              ['module_id', 'timestamp', registerFields[kind], 'public_key', 'user_data', 'nonce'].map(
                (name): unknown => other.get(name) ?? undefined,
              ),
            );
            read += 1;
          }
        }),
        { ...options, numRuns: Math.ceil(options.numRuns / 2) },
      );
      assert.ok(read > 0, 'no change left a good document: the comparison was never made');
    });
    test('cut off anywhere is refused', () => {
      for (let length = 0; length < document.length; length += length < 64 ? 1 : 97) {
        assert.equal(accepted(document.subarray(0, length)), false, `prefix of ${length}`);
      }
    });
    test('is not random bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
          assert.equal(accepted(bytes), false);
        }),
        options,
      );
    });
  });
}

test('random payloads are refused by the catalogue, by every reader', () => {
  const head = Uint8Array.of(0xbf);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
      for (const read of [readNitroPayload, readNitroTpmPayload, readAnyPayload]) {
        try {
          read(new Uint8Array([...head, ...bytes]));
          assert.fail('random bytes were read as a payload');
        } catch (error) {
          assert.ok(isSymbolonError(error) && error.code.startsWith('evidence/'), String(error));
        }
      }
    }),
    options,
  );
});
