/** The registry: no parser is forgotten, every target has seeds that it takes, and their names are distinct. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideTests, targets } from './targets/index.ts';
import { judge } from './engine/judge.ts';
import { malformedTests, messageNames } from './targets/sources.ts';

const names = new Set(targets.map(({ name }) => name));

test('every message(...) of the product has a target', () => {
  const covered = new Set(targets.flatMap(({ covers }) => covers ?? []));
  const found = messageNames();
  assert.ok(found.length > 50, `only ${found.length} formats seen`);
  for (const { file, word } of found) {
    assert.ok(covered.has(word), `${word} of ${file} has no target: name its module in test/fuzz/targets/`);
  }
});

test('every file of malformed inputs has targets beside it', () => {
  assert.ok(malformedTests.length > 15, `only ${malformedTests.length} files seen`);
  for (const file of malformedTests) {
    const beside = besideTests[file] ?? [];
    assert.ok(
      beside.length > 0,
      `${file} has no target: write one and name it in test/fuzz/targets/index.ts`,
    );
    for (const name of beside) {
      assert.ok(names.has(name), `${file}: there is no target ${name}`);
    }
  }
  for (const file of Object.keys(besideTests)) {
    assert.ok(
      malformedTests.includes(file),
      `${file} is gone: take its line out of test/fuzz/targets/index.ts`,
    );
  }
});

test('names of targets are distinct and can be typed', () => {
  assert.equal(names.size, targets.length);
  for (const name of names) {
    assert.match(name, /^[a-zA-Z0-9-]+$/);
  }
});

test('every target has seeds, takes all of them, and refuses or takes nothing at all', () => {
  for (const target of targets) {
    const seeds = target.seeds();
    assert.ok(seeds.length > 0, `${target.name} has no seed`);
    for (const seed of seeds) {
      assert.ok(seed.length <= target.maxBytes, `${target.name}: a seed of ${seed.length} bytes`);
      assert.deepEqual(
        judge(target, seed),
        { kind: 'accepted' },
        `${target.name}: ${Buffer.from(seed).toString('base64')}`,
      );
    }
    assert.notEqual(judge(target, new Uint8Array()).kind, 'finding', target.name);
  }
});
