import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertRefuses } from '../../test/pki/refusal.ts';
import {
  bitString,
  booleanValue,
  der,
  derInteger,
  derOid,
  DerReader,
  derText,
  derTime,
  integerBytes,
  oidText,
  readDer,
  smallInteger,
  tag,
  timeValue,
} from './der.ts';

const bytes = (...list: readonly number[]): Uint8Array => Uint8Array.from(list);
const malformed = (run: () => unknown): void => {
  assertRefuses(run, 'certificate/malformed-der');
};

test('what the writer writes, the reader reads: octets of every length form', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 4_000]) {
    const content = new Uint8Array(length).fill(7);
    assert.deepEqual(readDer(der(tag.octetString, content), tag.octetString).content, content);
  }
});

test('object identifiers, integers and times read as they were written', () => {
  for (const oid of [
    '1.2.840.10045.4.3.3',
    '2.5.29.19',
    '1.3.132.0.34',
    '2.999.1',
    '0.9.2342',
    '1.2.16384',
  ]) {
    assert.equal(oidText(readDer(derOid(oid))), oid);
  }
  assert.deepEqual(integerBytes(readDer(derInteger(bytes(0, 0, 0x80)))), bytes(0, 0x80));
  assert.equal(smallInteger(readDer(derInteger(bytes(0x7f, 0xff)))), 32_767);
  const range = { min: Date.UTC(1950, 0), max: Date.UTC(2999, 0), noInvalidDate: true };
  fc.assert(
    fc.property(fc.integer({ min: range.min, max: range.max }), (at) => {
      assert.equal(timeValue(readDer(derTime(at))), Math.floor(at / 1000) * 1000);
    }),
    { numRuns: 100 },
  );
});

test('one value has one encoding: other lengths, tags and trailing bytes are refused', () => {
  const wrong: Readonly<Record<string, readonly number[]>> = {
    empty: [],
    'no length': [0x04],
    'long form for a short length': [0x04, 0x81, 0x01, 0x00],
    'long form with a leading zero': [0x04, 0x82, 0x00, 0x80, ...Array.from({ length: 128 }, () => 0)],
    'indefinite length': [0x30, 0x80, 0x00, 0x00],
    'length of four bytes': [0x04, 0x84, 0x00, 0x00, 0x00, 0x01, 0x00],
    'length beyond the input': [0x04, 0x02, 0x00],
    'high tag number': [0x1f, 0x01, 0x00],
    'trailing byte': [0x04, 0x00, 0x00],
  };
  for (const list of Object.values(wrong)) {
    malformed(() => readDer(Uint8Array.from(list)));
  }
  malformed(() => readDer(bytes(0x04, 0x00), tag.sequence));
});

test('values that DER writes in one way only', () => {
  malformed(() => integerBytes(readDer(bytes(0x02, 0x00))));
  malformed(() => integerBytes(readDer(bytes(0x02, 0x02, 0x00, 0x01))));
  malformed(() => integerBytes(readDer(bytes(0x02, 0x02, 0xff, 0x80))));
  malformed(() => smallInteger(readDer(bytes(0x02, 0x01, 0xff))));
  malformed(() => smallInteger(readDer(bytes(0x02, 0x03, 0x01, 0x00, 0x00))));
  malformed(() => booleanValue(readDer(bytes(0x01, 0x01, 0x01))));
  malformed(() => booleanValue(readDer(bytes(0x01, 0x02, 0xff, 0xff))));
  malformed(() => bitString(readDer(bytes(0x03, 0x00))));
  malformed(() => bitString(readDer(bytes(0x03, 0x01, 0x01))));
  malformed(() => bitString(readDer(bytes(0x03, 0x02, 0x08, 0x00))));
  malformed(() => bitString(readDer(bytes(0x03, 0x02, 0x01, 0x01))));
  malformed(() => oidText(readDer(bytes(0x06, 0x00))));
  malformed(() => oidText(readDer(bytes(0x06, 0x02, 0x2a, 0x80))));
  malformed(() => oidText(readDer(bytes(0x06, 0x03, 0x2a, 0x80, 0x01))));
  malformed(() => oidText(readDer(bytes(0x06, 0x02, 0x2a, 0x81))));
  // An arc beyond what a double holds: two encodings would read as one.
  malformed(() => oidText(readDer(bytes(0x06, 0x0a, 0x2a, ...new Array<number>(8).fill(0xff), 0x7f))));
});

test('times that do not exist, or in a form that RFC 5280 does not allow', () => {
  const utc = (text: string): Uint8Array => derText(tag.utcTime, text);
  const generalized = (text: string): Uint8Array => derText(tag.generalizedTime, text);
  for (const wrong of [
    utc('260230000000Z'),
    utc('261301000000Z'),
    utc('260101240000Z'),
    utc('260101006000Z'),
    utc('260101000060Z'),
    utc('2601010000Z'),
    utc('260101000000+0000'),
    generalized('20260101000000Z'),
    generalized('20500101000000.5Z'),
    derText(tag.utf8String, '260101000000Z'),
    derText(tag.utf8String, '20500101000000Z'),
  ]) {
    malformed(() => timeValue(readDer(wrong)));
  }
  assert.equal(timeValue(readDer(utc('491231235959Z'))), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(timeValue(readDer(utc('500101000000Z'))), Date.UTC(1950, 0, 1));
  assert.equal(timeValue(readDer(generalized('20500101000000Z'))), Date.UTC(2050, 0, 1));
});

test('an error tells the offset in the outermost input', () => {
  const inner = DerReader.inside(readDer(bytes(0x30, 0x04, 0x02, 0x01, 0x01, 0x05)));
  inner.next();
  assertRefuses(() => inner.next(), 'certificate/malformed-der', { offset: 6 });
});
