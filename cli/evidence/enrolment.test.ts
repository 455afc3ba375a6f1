/** Enrolment by files, each step as its command, with a TPM in software that has a certificate of its vendor. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { noSwtpm, startSwtpm, type Swtpm } from '../../test/swtpm.ts';
import { main } from '../main.ts';
import { makeStyle } from '../style.ts';

let swtpm: Swtpm;
let other: Swtpm;
before(async () => {
  if (noSwtpm === false) {
    swtpm = await startSwtpm({ certificates: true });
    other = await startSwtpm({ certificates: true });
  }
});
after(async () => {
  if (noSwtpm === false) {
    await swtpm.stop();
    await other.stop();
  }
});
const skip = { skip: noSwtpm };

/** Runs a command with --json in the folder of the first TPM. */
async function call(...words: readonly string[]): Promise<{ code: number; body: Record<string, unknown> }> {
  const lines: string[] = [];
  const code = await main([...words, '--json'], {
    out: (line) => lines.push(line),
    err: (line) => lines.push(line),
    style: makeStyle(false),
    errStyle: makeStyle(false),
    env: {},
    cwd: swtpm.folder,
    now: Date.now,
  });
  return { code, body: JSON.parse(lines.join('\n')) as Record<string, unknown> };
}
const done = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const { code, body } = await call(...words);
  assert.equal(code, 0, JSON.stringify(body));
  return body;
};
const node = (tpm: Swtpm, name: string): string[] => [
  '--tpm',
  tpm.addressText,
  '--folder',
  `attester-${name}`,
];
const rootOf = (tpm: Swtpm): string[] => [
  ...['--root', join(tpm.folder, 'ca', 'swtpm-localca-rootca-cert.pem')],
  ...['--authority', join(tpm.folder, 'ca', 'issuercert.pem')],
];
/** The four steps; files get names with `name`. */
async function enrol(tpm: Swtpm, name: string): Promise<{ key: string; attestationKey: unknown }> {
  const requested = await done('tpm', 'request', ...node(tpm, name), '--out', `${name}.request`);
  const files = ['--out', `${name}.challenge`, '--pending', `${name}.pending`];
  await done('tpm', 'challenge', `${name}.request`, ...rootOf(tpm), ...files);
  await done('tpm', 'activate', `${name}.challenge`, ...node(tpm, name), '--out', `${name}.answer`);
  const { attestationKey } = await done('tpm', 'accept', `${name}.answer`, '--pending', `${name}.pending`);
  return { key: String(requested['key']), attestationKey };
}

test(
  'given a TPM with a certificate of its vendor, when the four steps are taken, then the Name for the manifest comes out, and every file is private',
  skip,
  async () => {
    const { key, attestationKey } = await enrol(swtpm, 'a');
    assert.match(key, /^000b[0-9a-f]{64}$/);
    assert.equal(attestationKey, key);
    for (const file of ['a.request', 'a.challenge', 'a.pending', 'a.answer']) {
      assert.equal(statSync(join(swtpm.folder, file)).mode & 0o777, 0o600, file);
    }
  },
);

test('T06: a request is refused under the root of another vendor', skip, async () => {
  await done('tpm', 'request', ...node(swtpm, 'b'), '--out', 'b.request');
  const out = ['--out', 'b.challenge', '--pending', 'b.pending'];
  const { code, body } = await call('tpm', 'challenge', 'b.request', ...rootOf(other), ...out);
  // Both vendors have the same names here: only the signature tells them apart.
  assert.deepEqual([code, body['code']], [1, 'evidence/bad-certificate-signature']);
});

test('the answer of another TPM, and the answer to another challenge, are refused', skip, async () => {
  const foreign = await enrol(other, 'other');
  assert.notEqual(foreign.key, (await enrol(swtpm, 'c')).key);
  const crossed = await call('tpm', 'accept', 'other.answer', '--pending', 'c.pending');
  assert.deepEqual([crossed.code, crossed.body['code']], [1, 'evidence/activation-failed']);
  const again = ['--out', 'c2.challenge', '--pending', 'c2.pending'];
  await done('tpm', 'challenge', 'c.request', ...rootOf(swtpm), ...again);
  const late = await call('tpm', 'accept', 'c.answer', '--pending', 'c2.pending');
  assert.deepEqual([late.code, late.body['code']], [1, 'evidence/activation-failed']);
});

test('a challenge that is for another TPM is not opened by this one', skip, async () => {
  await done('tpm', 'request', ...node(swtpm, 'd'), '--out', 'd.request');
  await done('tpm', 'request', ...node(other, 'd2'), '--out', 'd2.request');
  const out = ['--out', 'd2.challenge', '--pending', 'd2.pending'];
  await done('tpm', 'challenge', 'd2.request', ...rootOf(other), ...out);
  const { code, body } = await call(
    'tpm',
    'activate',
    'd2.challenge',
    ...node(swtpm, 'd'),
    '--out',
    'd.answer',
  );
  assert.equal(code, 1);
  assert.equal(body['code'], 'attester/other-key');
});

test('an output that is there is not overwritten', skip, async () => {
  writeFileSync(join(swtpm.folder, 'kept'), 'kept');
  const { code } = await call('tpm', 'request', ...node(swtpm, 'e'), '--out', 'kept');
  assert.equal(code, 2);
  assert.equal(readFileSync(join(swtpm.folder, 'kept'), 'utf8'), 'kept');
});

test('hostile files are refused with a code, by each step', skip, async () => {
  copyFileSync(join(swtpm.folder, 'a.pending'), join(swtpm.folder, 'f.pending'));
  for (const [name, content] of [
    ['empty', new Uint8Array()],
    ['random', new Uint8Array(500).fill(0x9a)],
    ['large', new Uint8Array(60_000)],
  ] as const) {
    writeFileSync(join(swtpm.folder, name), content);
    const out = ['--out', `${name}.challenge`, '--pending', `${name}.pending`];
    for (const words of [
      ['tpm', 'challenge', name, ...rootOf(swtpm), ...out],
      ['tpm', 'activate', name, ...node(swtpm, 'a'), '--out', `${name}.answer`],
      ['tpm', 'accept', name, '--pending', 'f.pending'],
      ['tpm', 'accept', 'a.answer', '--pending', name],
      ['tpm', 'accept', '--ak', name, '--certificate', 'a.request', ...rootOf(swtpm)],
    ]) {
      const { code, body } = await call(...words);
      assert.ok(code === 1 || code === 2, words.join(' '));
      assert.match(String(body['code']), /^(?:evidence|wire|cli|attester)\/[a-z-]+$/, words.join(' '));
    }
  }
});

test('a TPM that is not there is said as such, with the exit code of what does not run', skip, async () => {
  const gone = ['--tpm', 'unix:/nowhere/tpm.sock', '--folder', 'attester-g'];
  const { code, body } = await call('tpm', 'request', ...gone, '--out', 'g.request');
  assert.deepEqual([code, body['code']], [3, 'attester/no-device']);
  assert.equal(
    (await call('tpm', 'request', '--tpm', 'tcp:192.0.2.1:1', '--folder', 'x', '--out', 'y')).code,
    2,
  );
});
