/** The evidence commands as a person runs them: processes of their own, exit codes, stdout for the result alone. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { maxEvidence } from '../../wire/limits.ts';
import { bootEvents, bootLog } from '../measuredBoot.ts';
import { madeAt, makeDocument } from '../pki/nitro.ts';
import { makeTpm2Document } from '../pki/tpm2.ts';
import { run } from './runCli.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-evidence-cli-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const put = (name: string, content: Uint8Array | string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const { document, fields } = makeDocument();
const bundle = fields.get('cabundle');
const [rootDer] = Array.isArray(bundle) ? (bundle as readonly unknown[]) : [];
assert.ok(rootDer instanceof Uint8Array);
const nitro = put('nitro.bin', document);
const root = put('root.der', rootDer);
const usual = ['--root', root, '--at', new Date(madeAt).toISOString()];

test('evidence verify ends with 0, 1 or 2, and its JSON is one object on stdout', async () => {
  const accepted = await run(['evidence', 'verify', nitro, ...usual, '--any-measurement', '--json']);
  assert.equal(accepted.code, 0, accepted.err);
  assert.equal((JSON.parse(accepted.out) as { ok: boolean }).ok, true);
  const late = ['--root', root, '--at', String(madeAt + 86_400_000), '--any-measurement'];
  const refused = await run(['evidence', 'verify', nitro, ...late, '--json']);
  assert.equal(refused.code, 1);
  assert.equal((JSON.parse(refused.out) as { code: string }).code, 'evidence/certificate-not-valid');
  const misused = await run(['evidence', 'verify', nitro, ...usual]);
  assert.equal(misused.code, 2);
  assert.equal(misused.out, '');
  assert.match(misused.err, /--any-measurement/);
});

test('evidence show and diff end with 0 and 1, and say that nothing was verified', async () => {
  const shown = await run(['evidence', 'show', nitro]);
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, /^UNVERIFIED/);
  const tpm2 = put('tpm2.bin', makeTpm2Document());
  const same = await run(['evidence', 'diff', tpm2, tpm2]);
  assert.equal(same.code, 0, same.err);
  const logs = [put('a.log', bootLog(bootEvents())), put('b.log', bootLog(bootEvents('single')))];
  const different = await run(['evidence', 'diff', ...logs, '--json']);
  assert.equal(different.code, 1);
  assert.match(different.out, /cmdline in PCR8/);
});

for (const [what, content, words] of [
  ['an empty one', '', ['show']],
  ['a huge one', new Uint8Array(maxEvidence + 1), ['diff', nitro]],
  ['random bytes', randomBytes(5_000), ['verify', '--any-measurement', ...usual]],
] as const) {
  test(`T34: a hostile file (${what}) is refused with a code and never a stack`, async () => {
    const [command, ...options] = words;
    const { code, out, err } = await run(['evidence', command, put('hostile.bin', content), ...options]);
    assert.equal(code, command === 'verify' ? 1 : 2);
    assert.match(out + err, /\[(?:cli|evidence)\/[a-z-]+\]/);
    assert.doesNotMatch(err, /^\s+at /m);
  });
}

test('evidence of a node can be fetched from nobody where no cluster runs', async () => {
  const { code, err } = await run(['evidence', 'fetch', 'node-1', '--dir', join(folder, 'none')]);
  assert.equal(code, 3);
  assert.match(err, /cli\/no-cluster/);
});
