/** The command as a person calls it: what it prints and how it ends. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileNameOf, fromText, readFindings, saveFinding } from './engine/findings.ts';
import { readOptions, UsageError } from './options.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-fuzz-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const program = join(import.meta.dirname, 'main.js');
const call = (...words: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

test('given a target and a number of inputs, then it runs with coverage, keeps its corpus, and ends with 0', () => {
  const corpus = join(folder, 'corpus');
  const words = [
    'address',
    '--executions',
    '600',
    '--corpus',
    corpus,
    '--findings',
    join(folder, 'findings'),
  ];
  const { status, stdout, stderr } = call(...words);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /nothing found in 1 targets/);
  // Code that was compiled before coverage began would have hardly any.
  assert.ok(Number(/(\d+) pieces of code/.exec(stdout)?.[1]) > 20, stdout);
  assert.ok(readdirSync(join(corpus, 'address')).length > 3);
  assert.ok(!existsSync(join(folder, 'findings')));
});

test('given the same seed and no corpus, then two processes run the same inputs', () => {
  const run = (): string =>
    call('certificate', '--executions', '600')
      .stdout.replace(/ in .*? a second/, '')
      .replace(/; slowest.*/, '');
  const once = run();
  assert.match(once, /^certificate: \d+ inputs/);
  assert.equal(run(), once);
});

test('given one input, then it says what became of it', () => {
  const replay = (text: string) => call('address', '--replay', Buffer.from(text).toString('base64'));
  assert.deepEqual(
    [replay('tcp:127.0.0.1:1').stdout, replay('tcp:127.0.0.1:1').status],
    ['address: 15 bytes: accepted\n', 0],
  );
  assert.equal(replay('udp:127.0.0.1:1').stdout, 'address: 15 bytes: refused\n');
});

test('given an input to replay that is none, or a finding of another target, then it says so and ends with 2', () => {
  const at = join(folder, 'replayed');
  const verdict = { kind: 'finding', fault: 'error', said: 'TypeError: x', where: 'here' } as const;
  const file = saveFinding(at, { target: 'cbor', verdict, input: Uint8Array.of(1) });
  assert.equal(call('cbor', '--replay', file).status, 0);
  for (const [given, said] of [
    [file, /is a finding of cbor, not of address/],
    [join(at, 'nothing-here.json'), /base64 or the file of a finding/],
    ['AA=', /base64/],
    ['AB==', /base64/],
    [at, /is not the file of a finding/],
    [program, /is not the file of a finding/],
  ] as const) {
    const { status, stderr } = call('address', '--replay', given);
    assert.equal(status, 2, given);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});

test('given --list and a reader that has seen enough, then it ends without a word', async () => {
  const child = spawn(process.execPath, [program, '--list'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([code, errors], [0, '']);
});

test('given wrong words, then it says so and ends with 2', () => {
  const { status, stderr } = call('nobody');
  assert.deepEqual([status, stderr], [2, 'there is no target nobody; --list names them\n']);
  for (const words of [
    [],
    ['--all', 'cbor'],
    ['cbor', '--seconds', '0'],
    ['cbor', '--seconds', '1x'],
    ['--fast'],
  ]) {
    assert.throws(() => readOptions(words), UsageError, words.join(' '));
  }
  assert.throws(() => readOptions(['--all', '--replay', 'AA==']), UsageError);
});

test('given bounds, then they are as they were asked for; given none, then a minute', () => {
  assert.equal(readOptions(['cbor']).seconds, 60);
  const { seconds, executions, seed } = readOptions(['--all', '--executions', '1500', '--seed', '9']);
  assert.deepEqual({ seconds, executions, seed }, { seconds: undefined, executions: 1_500, seed: '9' });
});

test('given findings, then their files read back as they were, the empty input too', () => {
  const verdict = { kind: 'finding', fault: 'error', said: 'TypeError: x', where: 'here' } as const;
  for (const input of [new Uint8Array(), Uint8Array.of(1, 2, 255)]) {
    const at = join(folder, 'saved');
    assert.equal(saveFinding(at, { target: 'cbor', verdict, input }), join(at, fileNameOf('cbor', input)));
  }
  const inputs = readFindings(join(folder, 'saved')).map(([, { input }]) => fromText(input).length);
  assert.deepEqual(inputs.sort(), [0, 3]);
});
