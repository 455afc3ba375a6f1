/** docs/traps.md says which traps have a test. This holds it to that. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './repoRoot.ts';

const tops = [
  'wire',
  'native',
  'threshold',
  'manifest',
  'hsm',
  'enclave',
  'daemon',
  'coordinator',
  'cli',
  'demo',
  'test',
];
const names = tops
  .flatMap((top) =>
    readdirSync(join(repoRoot, top), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(repoRoot, top, name),
    ),
  )
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\b(?:test|it)\(\s*(?:\n\s*)?(['"`])(.*?)\1/g)].map(
      (match) => match[2] ?? '',
    ),
  );
const page = readFileSync(join(repoRoot, 'docs/traps.md'), 'utf8');
const rows = [...page.matchAll(/^\| (T\d\d) \| .+ \| (tested|open: .+) \|$/gm)];

test('docs/traps.md has all 43 traps, in order', () => {
  assert.deepEqual(
    rows.map((row) => row[1]),
    Array.from({ length: 43 }, (_, i) => `T${String(i + 1).padStart(2, '0')}`),
  );
});

for (const [, id = '', state = ''] of rows) {
  test(`${id} is ${state}`, () => {
    const found = names.filter((name) => new RegExp(`\\b${id}\\b`).test(name));
    if (state === 'tested') {
      assert.ok(found.length > 0, `no test name carries ${id}`);
    }
  });
}

test('INVARIANTS.md names tests that exist', () => {
  const invariants = readFileSync(join(repoRoot, 'INVARIANTS.md'), 'utf8');
  const named = [...invariants.matchAll(/^- test: `(.+)`$/gm)].map((match) => match[1] ?? '');
  assert.ok(named.length >= 10);
  for (const name of named) {
    assert.ok(names.includes(name), `INVARIANTS.md names a test that is not there: ${name}`);
  }
});

test('no tracked file names a registry host or a path of a build machine', (t) => {
  const pattern = ['registry[.]npm', 'deb[.]debian', 'node' + 'source', '/ro' + 'ot/'].join('|');
  const found = spawnSync('git', ['grep', '-nIE', pattern, '--', '.', ':!test/traps.test.ts'], {
    cwd: repoRoot,
    encoding: 'utf8',
  });
  // Status 1: nothing matches. Outside a checkout git fails with another one, and there is nothing to look at.
  if (found.error !== undefined) {
    t.skip('git is not installed');
    return;
  }
  assert.equal(found.stdout, '');
});
