import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { madeAt, makeDocument } from '../../test/pki/nitro.ts';
import { appraiseDocument } from './appraise.ts';
import { makeAuthorityCache } from './nitro/cache.ts';
import { readNitroPayload } from './nitro/payload.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';

const { document, root } = makeDocument();
const cache = makeAuthorityCache(16);
const runs = Number(process.env['FUZZ_RUNS'] ?? 300);

/** True where accepted. Anything but a verdict is thrown on and fails the test. */
const accepted = (bytes: Uint8Array): boolean =>
  appraiseDocument(bytes, {
    platform: 'nitro',
    roots: [root],
    now: madeAt,
    nonce: 'any',
    pcrs: 'any',
    debug: 'refuse',
    cache,
  }).ok;
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
/** Only the tag may differ between two forms of one document; no rewritten ECDSA signature arises by chance. */
const sameDocument = (bytes: Uint8Array): boolean =>
  same(bytes, document) || (bytes[0] === 0xd2 && same(bytes.subarray(1), document));

test('a good document with random bytes changed, cut out, put in or cut off is never accepted, and never crashes', () => {
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
        bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]));
      }
      assert.equal(accepted(bytes), sameDocument(bytes));
    }),
    { numRuns: runs },
  );
});

test('a document with one bit flipped, anywhere, is never accepted', () => {
  fc.assert(
    fc.property(fc.nat(document.length - 1), fc.nat(7), (at, bit) => {
      const bytes = document.slice();
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      assert.equal(accepted(bytes), false);
    }),
    { numRuns: runs },
  );
});

test('every prefix of a document is refused', () => {
  for (let length = 0; length < document.length; length += length < 64 ? 1 : 97) {
    assert.equal(accepted(document.subarray(0, length)), false, `prefix of ${length}`);
  }
});

test('random bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      assert.equal(accepted(bytes), false);
    }),
    { numRuns: runs },
  );
});

test('random payloads are read or refused, never anything else', () => {
  const head = Uint8Array.of(0xbf);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
      try {
        readNitroPayload(new Uint8Array([...head, ...bytes]));
        assert.fail('random bytes were read as a payload');
      } catch (error) {
        assert.ok(isSymbolonError(error) && error.code.startsWith('evidence/'), String(error));
      }
    }),
    { numRuns: runs },
  );
});
