import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('given a reader that ends at once, when a command writes, then it ends as if it had been read', () => {
  const main = JSON.stringify(join(import.meta.dirname, 'main.js'));
  const script = `process.exitCode = await (await import(${main})).main(['--help'])`;
  const { stderr } = spawnSync(
    'sh',
    ['-c', '{ "$0" --input-type=module -e "$1"; echo "$?" >&2; } | true', process.execPath, script],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(stderr, '0\n');
});
