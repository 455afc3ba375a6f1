import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bootPcrs,
  makeEventLog,
  makeTpm2Document,
  nameOfScheme,
  quoteSchemes,
} from '../../../test/pki/tpm2.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { tpm2Document } from './document.ts';
import { eventType } from './eventLog.ts';
import { tpm2Statement } from './statement.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 300);
const log = makeEventLog([{ pcr: 15, type: eventType.EV_IPL, data: 'x' }]);
// Registers above 7 only: of those the log need not tell any.
const pcrs = new Map([...bootPcrs].filter(([pcr]) => pcr > 7));
const machines = quoteSchemes.map((scheme) => toHex(nameOfScheme(scheme)));
const documents = quoteSchemes.map((scheme) => makeTpm2Document({ attest: { scheme, pcrs }, eventLog: log }));
/**
 * True where accepted as evidence of one of these keys, which the manifest pins by Name. Anything but a refusal of
 * evidence is thrown on and fails the test.
 */
function accepted(bytes: Uint8Array): boolean {
  try {
    return machines.includes(tpm2Statement(bytes).machine);
  } catch (error) {
    assert.ok(isSymbolonError(error) && error.code.startsWith('evidence/'), String(error));
    return false;
  }
}

test('cut off at each byte, and with a byte added: refused', () => {
  for (const document of documents) {
    assert.ok(accepted(document));
    for (let length = 0; length < document.length; length += 1) {
      assert.equal(accepted(document.subarray(0, length)), false, `prefix of ${length}`);
    }
    assert.equal(accepted(Uint8Array.of(...document, 0)), false);
  }
});

test('one bit flipped, anywhere but in the log, which nobody signs: refused', () => {
  const signed = makeTpm2Document();
  assert.ok(accepted(signed));
  for (let at = 0; at < signed.length; at += 1) {
    const bytes = signed.slice();
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at & 7));
    assert.equal(accepted(bytes), false, `bit ${at & 7} of byte ${at}`);
  }
});

test('bytes changed, cut out or put in: never accepted, but for the log', () => {
  const [document = assert.fail()] = documents;
  const withoutLog = (bytes: Uint8Array): unknown => ({ ...tpm2Document.decode(bytes), eventLog: undefined });
  fc.assert(
    fc.property(
      fc.nat(document.length - 1),
      fc.nat(4),
      fc.uint8Array({ maxLength: 4 }),
      (at, remove, insert) => {
        const bytes = new Uint8Array(
          Buffer.concat([document.subarray(0, at), insert, document.subarray(at + remove)]),
        );
        if (accepted(bytes)) {
          assert.deepEqual(withoutLog(bytes), withoutLog(document));
        }
      },
    ),
    { numRuns: runs, seed: 4 },
  );
});

test('random bytes as quote, signature and key: refused', () => {
  const good = tpm2Document.decode(makeTpm2Document());
  const part = fc.constantFrom('quote', 'signature', 'key');
  fc.assert(
    fc.property(part, fc.uint8Array({ minLength: 1, maxLength: 400 }), (field, bytes) => {
      assert.equal(accepted(tpm2Document.encode({ ...good, [field]: bytes })), false);
    }),
    { numRuns: runs, seed: 4 },
  );
});

test('random bytes: refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      assert.equal(accepted(bytes), false);
    }),
    { numRuns: runs, seed: 4 },
  );
});
