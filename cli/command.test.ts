import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSymbolonError } from '../wire/errors/index.ts';
import { helpOf, parse, type Command } from './command.ts';
import { exitCodes } from './exitCodes.ts';
import type { Io } from './io.ts';
import { commands, main } from './main.ts';
import { makeStyle } from './style.ts';

const example: Command = {
  words: ['do', 'it'],
  summary: 'does it',
  options: {
    count: { type: 'string', value: 'N', help: 'how many' },
    force: { type: 'boolean', help: 'even so' },
    tag: { type: 'string', value: 'T', help: 'a tag', multiple: true },
  },
  operands: [
    { name: 'WHAT', help: 'what' },
    { name: 'WHERE', help: 'where', optional: true },
  ],
  examples: ['symbolon do it this'],
  run: () => Promise.resolve(exitCodes.ok),
};

interface Heard extends Io {
  readonly lines: string[];
  readonly errors: string[];
}
const listener = (): Heard => {
  const lines: string[] = [];
  const errors: string[] = [];
  return {
    lines,
    errors,
    out: (line) => lines.push(line),
    err: (line) => errors.push(line),
    style: makeStyle(false),
    errStyle: makeStyle(false),
    env: {},
    cwd: '/nowhere',
    now: () => 0,
  };
};

test('options, switches, repeated options and operands are read', () => {
  const args = parse(example, ['this', '--count', '3', '--force', '--tag', 'a', '--tag', 'b']);
  assert.equal(args.integer('count', 1, 5), 3);
  assert.equal(args.flag('force'), true);
  assert.deepEqual(args.texts('tag'), ['a', 'b']);
  assert.equal(args.needed(0), 'this');
  assert.equal(args.operand(1), undefined);
});

for (const [what, words] of [
  ['an unknown option', ['this', '--nope']],
  ['a value for a switch', ['this', '--force=yes']],
  ['an option without its value', ['this', '--count']],
  ['a missing operand', []],
  ['a surplus operand', ['this', 'here', 'more']],
] as const) {
  test(`${what} is a usage error`, () => {
    assert.throws(
      () => parse(example, words),
      (error) => isSymbolonError(error, 'cli/usage'),
    );
  });
}

test('a last operand may be given many times', () => {
  const many: Command = {
    ...example,
    operands: [
      { name: 'WHAT', help: 'what' },
      { name: 'WHERE', help: 'where', optional: true, many: true },
    ],
  };
  assert.deepEqual(parse(many, ['this', 'a', 'b', 'c']).operandsFrom(1), ['a', 'b', 'c']);
  assert.deepEqual(parse(many, ['this']).operandsFrom(1), []);
  assert.match(helpOf(many), /Usage: symbolon do it WHAT \[WHERE\.\.\.\]/);
});

test('a number is whole, in range, and written in digits', () => {
  for (const value of ['0', '6', '1.5', '-1', '0x3', '', ' 3', '3 ', '99999999999']) {
    assert.throws(
      () => parse(example, ['this', `--count=${value}`]).integer('count', 1, 5),
      (error) => isSymbolonError(error, 'cli/usage'),
      value,
    );
  }
});

test('no words at all make the parser fail in another way than by a usage error', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      try {
        parse(example, words);
      } catch (error) {
        assert.ok(isSymbolonError(error, 'cli/usage'));
      }
    }),
    { numRuns: 200 },
  );
});

test('the help names every option and operand, and has examples', () => {
  for (const command of [example, ...commands]) {
    const help = helpOf(command);
    for (const name of [...Object.keys(command.options), 'dir', 'json', 'help']) {
      assert.ok(help.includes(`--${name}`), `${command.words.join(' ')} --${name}`);
    }
    for (const { name } of command.operands) {
      assert.ok(help.includes(name));
    }
    assert.ok(command.examples.length > 0);
    assert.ok(command.examples.every((line) => line.startsWith(`symbolon ${command.words.join(' ')}`)));
  }
});

for (const [words, code] of [
  [[], 2],
  [['--help'], 0],
  [['--version'], 0],
  [['nonsense'], 2],
  [['key'], 2],
  [['key', 'destroy'], 2],
  [['status', '--help'], 0],
  [['status', '--nope'], 2],
  [['status', '--dir', '/nowhere/at/all'], 3],
  [['sign', 'id', '--dir', '/nowhere/at/all'], 2],
  [['evidence', 'verify', '/nowhere/doc'], 2],
  [['manifest', 'verify', '/nowhere/m.cbor', '--anchor', 'zz'], 2],
  [['manifest', 'verify', '/nowhere/m.cbor', '--anchor', '00'.repeat(32)], 1],
  [['up', '--nodes', '3', '--threshold', '4', '--dir', '/tmp/symbolon-nowhere'], 2],
  [['up', '--nodes', '4', '--threshold', '2', '--dir', '/tmp/symbolon-nowhere'], 2],
  [['up', '--port', '80'], 2],
  [['sign', 'id', '--digest', '00'.repeat(32), '--path', "m/44'/0"], 2],
  [['address', 'id', '--path', '0/5'], 2],
  [['key', 'refresh'], 2],
  [['key', 'refresh', 'id', 'more'], 2],
  [['key', 'reshare', 'id'], 2],
  [['key', 'reshare', 'id', '--nodes', 'a,,b'], 2],
  [['key', 'reshare', 'id', '--nodes', 'a,a'], 2],
  [['pair', 'node-1'], 2],
  [['pair', 'node-1', 'node-2', 'node-3', '--dir', '/nowhere/at/all'], 3],
  [['pair', '--help'], 0],
  [['pair', '-h'], 0],
  [['-h'], 0],
  [['key', '--help'], 0],
  [['key'], 2],
  [['key', 'no-such-word'], 2],
  [['manifest', '-h'], 0],
  [['manifest', 'show', '/nowhere/m.cbor'], 2],
  [['manifest', 'show', '--dir', '/nowhere/at/all'], 3],
] as const) {
  test(`symbolon ${words.join(' ')} ends with ${code}`, async () => {
    const io = listener();
    assert.equal(await main(words, io), code, [...io.errors, ...io.lines].join('\n'));
  });
}

for (const [words, hint] of [
  [
    ['key', 'create', '--scheme', 'p256', '--purpose', 'Not A Purpose'],
    /--purpose must have 1 to 64 characters/,
  ],
  [['key', 'create', '--scheme', 'p256', '--purpose', 'dev/evm', '--label', 'a\nb'], /--label must have/],
  [['key', 'create', '--scheme', 'bogus', '--purpose', 'dev/evm'], /--scheme must be/],
  [['key', 'create', '--scheme', 'p256', '--purpose', 'dev/evm', '--nodes', 'a'], /--nodes must name two/],
  [['key', 'create', '--scheme', 'p256', '--purpose', 'dev/evm', '--threshold', '1'], /--threshold must be/],
  [['manifest', 'verify', '/nowhere/m.cbor'], /give --anchor, or --dir/],
  [['address', 'id', '--hrp', 'BAD'], /--hrp must be 1 to 32 lower case letters/],
  [['sign', 'id', '--message', 'not-there.bin'], /it is not there; .*--message-hex/],
] as const) {
  test(`symbolon ${words.join(' ')} says which option is wrong, and what it takes`, async () => {
    const io = listener();
    assert.equal(await main([...words, '--dir', '/nowhere/at/all'], io), 2);
    assert.match(io.errors.join('\n'), hint);
  });
}

test('given a group of commands and --help, then its commands are listed and no others', async () => {
  for (const group of ['key', 'evidence', 'tpm', 'manifest']) {
    const io = listener();
    assert.equal(await main([group, '--help'], io), 0);
    const said = io.lines.join('\n');
    for (const { words } of commands) {
      assert.equal(
        said.includes(`  ${words.join(' ')} `),
        words[0] === group,
        `${group}: ${words.join(' ')}`,
      );
    }
  }
});

test('given --json, then an error is one JSON object on stdout', async () => {
  const io = listener();
  assert.equal(await main(['status', '--json', '--dir', '/nowhere/at/all'], io), 3);
  assert.equal(io.lines.length, 1);
  const said = JSON.parse(io.lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual(Object.keys(said), ['ok', 'code', 'what', 'todo']);
  assert.equal(said['code'], 'cli/no-cluster');
  assert.deepEqual(io.errors, []);
});
