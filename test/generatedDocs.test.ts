/** The pages docs/errors.md and docs/limits.md are written from the code; `npm run docs` writes them again. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { catalogue } from '../wire/errors/index.ts';
import { repoRoot } from './repoRoot.ts';

function errorsPage(): string {
  const byBoundary = new Map<string, string[]>();
  for (const [code, entry] of Object.entries(catalogue)) {
    const boundary = code.split('/')[0] ?? '';
    const lines = byBoundary.get(boundary) ?? [];
    lines.push(`| \`${code}\` | ${entry.http} | ${entry.what} | ${entry.todo} |`);
    byBoundary.set(boundary, lines);
  }
  const sections = [...byBoundary].map(
    ([boundary, lines]) =>
      `## ${boundary}\n| code | HTTP | what happened | what to do |\n|---|---|---|---|\n${lines.join('\n')}\n`,
  );
  return `# Errors\n\nEvery error has a stable code. A caller that is not authenticated sees \`node/not-authorised\` or a wire code and no more.\n\n${sections.join('\n')}`;
}

function limitsPage(): string {
  const source = readFileSync(join(repoRoot, 'wire/limits.ts'), 'utf8');
  const rows = [...source.matchAll(/\/\*\* (.+?) \*\/\nexport const (\w+) = ([^;]+);/g)].map(
    ([, what, name, value]) =>
      `| \`${name ?? ''}\` | ${(value ?? '').replaceAll('_', ',')} | ${what ?? ''} |`,
  );
  return `# Limits\n\nEvery cap on input, checked before parsing.\n\n| name | value | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
}

for (const [file, page] of [
  ['docs/errors.md', errorsPage()],
  ['docs/limits.md', limitsPage()],
] as const) {
  test(`${file} is what the code says`, () => {
    const path = join(repoRoot, file);
    if (process.env['UPDATE_DOCS'] === '1') {
      writeFileSync(path, page);
    }
    assert.equal(readFileSync(path, 'utf8'), page, 'run `npm run docs` and commit the page');
  });
}

test('every error tells what happened and what to do, in sentences', () => {
  for (const [code, entry] of Object.entries(catalogue)) {
    assert.match(code, /^[a-z]+\/[a-z0-9]+(-[a-z0-9]+)*$/, code);
    for (const sentence of [entry.what, entry.todo]) {
      assert.match(sentence, /^[A-Z].*\.$/, code);
      assert.ok(sentence.length <= 240, code);
    }
  }
});
