/** Everything that was ever found, once more. A finding comes here by moving its file into regressions/. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../repoRoot.ts';
import { fileNameOf, fromText, readFindings } from './engine/findings.ts';
import { judge } from './engine/judge.ts';
import { targets } from './targets/index.ts';

const kept = readFindings(join(repoRoot, 'test/fuzz/regressions'));

test('there are findings to replay', () => {
  assert.ok(kept.length > 0);
});

for (const [file, { target: name, found, input }] of kept) {
  test(`${file}: ${found}`, () => {
    const target = targets.find((one) => one.name === name);
    assert.ok(
      target !== undefined,
      `the target ${name} is gone: move its findings to the one that took its place`,
    );
    const raw = fromText(input);
    assert.equal(file, fileNameOf(name, raw));
    const verdict = judge(target, raw);
    assert.notEqual(verdict.kind, 'finding', verdict.kind === 'finding' ? verdict.said : '');
  });
}
