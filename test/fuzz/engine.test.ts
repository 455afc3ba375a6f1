/** The fuzzer itself: what it finds in parsers with known faults, and that it finds the same again. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SymbolonError } from '../../wire/errors/index.ts';
import { startCoverage, Seen, type Coverage } from './engine/coverage.ts';
import { fuzz, type FuzzResult } from './engine/fuzz.ts';
import { judge, usualBounds } from './engine/judge.ts';
import { minimise } from './engine/minimise.ts';
import { Random } from './engine/random.ts';
import { holdSame, type Target } from './engine/target.ts';
import { join } from './mutate/bytes.ts';

// Blocks are counted in what is compiled from here on.
const coverage = startCoverage((url) => /\/fuzz\/toy\.[jt]s$/.test(url));
const { decodeLoosely, parseInPlace, parseSlowly, parseToy, planted } = await import('./toy.ts');
after(() => {
  coverage.stop();
});

const toy: Target = {
  name: 'toy',
  what: 'a parser with a planted fault',
  form: 'bytes',
  maxBytes: 64,
  refuses: ['wire'],
  seeds: () => [new Uint8Array(8)],
  run: (input) => {
    parseToy(input);
  },
};
const budget = 200_000;
const run = (target: Target, seed: string, by: Coverage | undefined, executions = budget): FuzzResult =>
  fuzz({ target, seed, coverage: by, executions, stopAtFinding: true });

test('given a fault behind a magic value, when fuzzed with coverage, then it is found, and never blindly in the same budget', () => {
  for (const seed of ['1', '2']) {
    const guided = run(toy, seed, coverage);
    assert.equal(guided.found.length, 1, `seed ${seed} found nothing in ${guided.executions}`);
    assert.ok(guided.found[0]?.verdict.said.includes(planted));
    const blind = run(toy, seed, undefined);
    assert.deepEqual(blind.found, [], `seed ${seed}`);
    assert.ok(blind.executions >= budget);
  }
});

test('given the same seed, then the same inputs are run and the same finding comes out; given another, then others', () => {
  const once = run(toy, '5', coverage);
  const again = run(toy, '5', coverage);
  assert.equal(again.executions, once.executions);
  assert.deepEqual(again.found, once.found);
  assert.deepEqual(again.joined, once.joined);
  assert.notDeepEqual(run(toy, '6', coverage).joined, once.joined);
});

test('given a finding, then it is as small as it can be and still fails', () => {
  const [finding] = run(toy, '1', coverage).found;
  assert.deepEqual(finding?.input, join(new TextEncoder().encode('SYMB'), Uint8Array.of(0xd3)));
});

test('given a bound of executions, then the run ends by it, seeds and searches included', () => {
  const { executions } = run({ ...toy, name: 'bounded' }, '1', coverage, 500);
  assert.ok(executions >= 500 && executions < 1_500, String(executions));
});

test('given a refusal that the target does not allow, then it is a finding', () => {
  const { found } = run({ ...toy, refuses: ['hsm'] }, '1', coverage, 100);
  assert.equal(found[0]?.verdict.fault, 'error');
});

test('given a decoder that takes two encodings of one value, then the broken promise is found', () => {
  const target: Target = {
    ...toy,
    run: (input) => {
      holdSame(decodeLoosely(input), input);
    },
  };
  const [finding] = run(target, '1', coverage, 5_000).found;
  assert.equal(finding?.verdict.fault, 'promise');
  assert.equal(finding.input.length, 1);
});

test('given a parser that writes into its input, then that is a finding, unless it is a reader of secrets', () => {
  const target: Target = {
    ...toy,
    seeds: () => [Uint8Array.of(1)],
    run: (input) => void parseInPlace(input),
  };
  const verdict = judge(target, Uint8Array.of(1));
  assert.ok(verdict.kind === 'finding' && verdict.fault === 'input changed');
  assert.equal(judge({ ...target, wipes: true }, Uint8Array.of(1)).kind, 'accepted');
});

test('given an input that costs far more work than others of its size, then the blocks that ran tell, whatever the clock', () => {
  const target: Target = {
    ...toy,
    seeds: () => [new Uint8Array(400)],
    run: (input) => void parseSlowly(input),
  };
  const bounds = { ...usualBounds, work: 100_000 };
  const faults = ({ target: tried }: { target: Target }): string[] =>
    fuzz({ target: tried, seed: '1', coverage, executions: 1, bounds }).found.map(
      ({ verdict }) => verdict.fault,
    );
  assert.deepEqual(faults({ target }), ['too much work']);
  assert.deepEqual(faults({ target: { ...target, seeds: () => [new Uint8Array(200)] } }), []);
  // A batch that did too much together, and none of its inputs did.
  const small = { ...target, seeds: () => [new Uint8Array(100)] };
  assert.deepEqual(fuzz({ target: small, seed: '1', coverage, executions: 400, bounds }).found, []);
});

test('given memory that an input leaves behind beyond the bound, then that is a finding', () => {
  const kept: Uint8Array[] = [];
  const target: Target = {
    ...toy,
    seeds: () => [Uint8Array.of(1)],
    run: (input) => {
      if (input.length > 0 && kept.length < 4) {
        kept.push(new Uint8Array(100_000_000));
      }
    },
  };
  const bounds = { ...usualBounds, memory: 50_000_000 };
  const { found } = fuzz({ target, seed: '1', coverage: undefined, executions: 1, bounds });
  assert.equal(found[0]?.verdict.fault, 'too much memory');
});

test('given refusals by other rules from the same code, then one input of each joins the corpus', () => {
  const target: Target = {
    ...toy,
    run: (input) => {
      const wanted = `rule ${(input[0] ?? 0) < 0x80 ? 'low' : 'high'}`;
      throw new SymbolonError('wire/unexpected-shape', { path: `field${input.length}`, wanted });
    },
  };
  const { corpus } = run(target, '1', coverage, 2_000);
  // The seed, the empty input, and what begins with a high byte; lengths are numbers and tell nothing.
  assert.equal(corpus, 3);
  assert.equal(run(target, '1', undefined, 2_000).corpus, 2);
});

test('given what ran before, then only what was never reached is new, whichever ranges V8 leaves out', () => {
  const seen = new Seen();
  const reached = (...ranges: readonly (readonly [number, number, number])[]) => ({
    functions: [
      {
        key: 'one',
        ranges: ranges.map(([startOffset, endOffset, count]) => ({ startOffset, endOffset, count })),
      },
    ],
    work: 0,
  });
  assert.ok(seen.isNew(reached([10, 50, 1], [20, 30, 0]), true));
  assert.ok(!seen.isNew(reached([10, 50, 7], [20, 30, 0]), true));
  assert.ok(!seen.isNew(reached([10, 50, 7], [20, 30, 0], [40, 45, 3]), true));
  assert.ok(seen.isNew(reached([10, 50, 7], [40, 45, 3]), false));
  assert.ok(seen.isNew(reached([10, 50, 7], [40, 45, 3]), true));
  assert.ok(!seen.isNew(reached([10, 50, 1]), true));
  assert.equal(seen.blocks, 3);
});

test('given an input that fails for one byte, when minimised, then that byte is left', () => {
  const input = new Uint8Array(1_000).fill(9);
  input[777] = 5;
  assert.deepEqual(
    minimise(input, (one) => one.includes(5)),
    Uint8Array.of(5),
  );
});

test('random numbers are the same for the same seed and differ for another', () => {
  const draw = (seed: string): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 8 }, () => random.below(1_000));
  };
  assert.deepEqual(draw('a'), draw('a'));
  assert.notDeepEqual(draw('a'), draw('b'));
});
