import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from './evidence/question.ts';
import { duration, makeStyle, table, utc, wantsColour } from './style.ts';

test('durations are said as a person says them', () => {
  const said: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [999, '999 ms'],
    [1_500, '1.5 s'],
    [12_000, '12 s'],
    [60_000, '1 min'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [10_859_000, '3 h'],
    [11_100_000, '3 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ];
  for (const [ms, words] of said) {
    assert.equal(duration(ms), words);
  }
});

test('a table aligns cells, also painted ones, and has no trailing space', () => {
  const { good } = makeStyle(true);
  assert.deepEqual(
    table([
      ['a', 'bbb', 'c'],
      ['aaaa', good('b'), 'c'],
    ]),
    ['a     bbb  c', `aaaa  ${good('b')}    c`],
  );
});

test('colours need a terminal, and NO_COLOR or a dumb terminal turn them off', () => {
  assert.equal(wantsColour(true, {}), true);
  assert.equal(wantsColour(false, {}), false);
  assert.equal(wantsColour(true, { NO_COLOR: '1' }), false);
  assert.equal(wantsColour(true, { NO_COLOR: '' }), true);
  assert.equal(wantsColour(true, { TERM: 'dumb' }), false);
});

test('a time without a zone, or of another form, is refused', () => {
  assert.equal(parseTime('now', 5), 5);
  assert.equal(parseTime('1795247058706', 0), 1_795_247_058_706);
  assert.equal(utc(parseTime('2026-11-21T12:00:00Z', 0)), '2026-11-21T12:00:00Z');
  assert.equal(utc(parseTime('2026-11-21T12:00+01:00', 0)), '2026-11-21T11:00:00Z');
  for (const value of ['2026-11-21', '2026-11-21T12:00:00', 'yesterday', '', '2026-13-41T00:00:00Z']) {
    assert.throws(() => parseTime(value, 0), /--at/, value);
  }
});
