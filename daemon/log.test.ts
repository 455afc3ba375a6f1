import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLog, whereOf } from './log.ts';

test('given facts, when a line is written, then it is one JSON object with its time', () => {
  const lines: string[] = [];
  jsonLog(
    (line) => lines.push(line),
    () => 1_795_000_000_000,
  )('info', 'ready', { node: 'node-1', detail: 'two\nlines' });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.match(/\n/g)?.length, 1);
  assert.deepEqual(JSON.parse(lines[0]), {
    t: new Date(1_795_000_000_000).toISOString(),
    level: 'info',
    event: 'ready',
    node: 'node-1',
    detail: 'two\nlines',
  });
});

test('T33: given an error whose message and multi-line text quote a secret, when its place is told, then the text is not', () => {
  const error = new TypeError('secret one\n    at secret two');
  const where = whereOf(error);
  assert.match(where, /^TypeError at /);
  assert.doesNotMatch(where, /secret/);
  assert.equal(whereOf('secret'), 'string');
});
