import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { parse } from '../command.ts';
import { up } from '../commands/up.ts';
import type { Io } from '../io.ts';
import { makeStyle } from '../style.ts';
import { tpmPlans } from './tpm.ts';

const io: Io = {
  out: () => undefined,
  err: () => undefined,
  style: makeStyle(false),
  errStyle: makeStyle(false),
  env: {},
  cwd: '/nowhere',
  now: () => 0,
};
const plansOf = (...words: readonly string[]): ReturnType<typeof tpmPlans> => tpmPlans(parse(up, words), io);

test('given no TPM, then every node has the dev attester', () => {
  assert.equal(plansOf('--nodes', '3').size, 0);
});

test('given options of a TPM that do not fit, then they are a mistake in the command line', () => {
  const tpm = ['--tpm', 'unix:/run/swtpm.sock'];
  for (const words of [
    ['--root', 'root.pem'],
    ['--authority', 'ca.pem'],
    ['--event-log', 'log'],
    [...tpm],
    ['--tpm', '/dev/tpmrm0', '--root', 'root.pem'],
    ['--tpm', 'tcp:10.0.0.1:2321', '--root', 'root.pem'],
  ]) {
    assert.throws(
      () => plansOf(...words),
      (error: unknown) => isSymbolonError(error, 'cli/usage'),
      words.join(' '),
    );
  }
  assert.throws(
    () => plansOf(...tpm, '--root', join('absent', 'root.pem')),
    (error: unknown) => isSymbolonError(error) && error.code.startsWith('cli/'),
  );
});
