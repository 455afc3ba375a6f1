/** Quotes as tpm2-tools write them, from a TPM in software: their files are taken as they are. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { noTpm2Tools, testSwtpm } from '../../test/swtpm.ts';
import { main } from '../main.ts';
import { makeStyle } from '../style.ts';

const skip = { skip: noTpm2Tools };
const nonce = '5a'.repeat(20);

for (const [algorithm, bank, selected] of [
  ['ecc', 'sha256', '0,4,7,8,9,11,12,14,16,23'],
  ['rsa', 'sha256', '4'],
  ['ecc', 'sha384', '0,1,2,3,4,5,6,7,8,9,10'],
] as const) {
  test(
    `given a quote of tpm2-tools (${algorithm} key, bank ${bank}, registers ${selected}), then it verifies in every form that they write`,
    skip,
    async (t) => {
      const swtpm = await testSwtpm(t, { banks: ['sha256', 'sha384'] });
      const tool = (name: string, ...words: readonly string[]): Buffer =>
        execFileSync(name, words, {
          cwd: swtpm.folder,
          env: { ...process.env, TPM2TOOLS_TCTI: swtpm.tcti },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
      tool('tpm2_pcrextend', `4:${bank}=${'11'.repeat(bank === 'sha384' ? 48 : 32)}`);
      const flush = (): void => {
        // swtpm has no resource manager: what a tool leaves in it fills its few slots.
        tool('tpm2_flushcontext', '-t');
      };
      tool('tpm2_createek', '-c', 'ek.ctx', '-G', algorithm, '-u', 'ek.pub');
      flush();
      const ak = [
        '-C',
        'ek.ctx',
        '-c',
        'ak.ctx',
        '-G',
        algorithm,
        '-g',
        'sha256',
        '-s',
        algorithm === 'ecc' ? 'ecdsa' : 'rsassa',
      ];
      tool('tpm2_createak', ...ak, '-u', 'ak.tss', '-f', 'tss', '-n', 'ak.name');
      flush();
      tool('tpm2_readpublic', '-c', 'ak.ctx', '-f', 'pem', '-o', 'ak.pem');
      flush();
      const registers = `${bank}:${selected}`;
      const quote = ['-c', 'ak.ctx', '-l', registers, '-q', nonce, '-g', 'sha256'];
      tool('tpm2_quote', ...quote, '-m', 'q.msg', '-s', 'q.sig', '-o', 'q.pcrs');
      flush();
      tool('tpm2_pcrread', registers, '-o', 'raw.pcrs');
      const listing = tool('tpm2_pcrread', registers).toString('utf8');
      execFileSync('tee', ['list.pcrs'], { cwd: swtpm.folder, input: listing });
      const name = tool('cat', 'ak.name').toString('hex');

      const verify = async (pcrs: string, key: string, wanted = nonce): Promise<Record<string, unknown>> => {
        const lines: string[] = [];
        const files = ['--quote', 'q.msg', '--sig', 'q.sig', '--ak', key, '--pcrs', pcrs];
        await main(
          [
            'evidence',
            'verify',
            '--type',
            'tpm2',
            ...files,
            '--any-measurement',
            '--nonce',
            wanted,
            '--json',
          ],
          {
            out: (line) => lines.push(line),
            err: (line) => lines.push(line),
            style: makeStyle(false),
            errStyle: makeStyle(false),
            env: {},
            cwd: swtpm.folder,
            now: Date.now,
          },
        );
        return JSON.parse(lines.join('\n')) as Record<string, unknown>;
      };
      for (const pcrs of ['q.pcrs', 'raw.pcrs', 'list.pcrs']) {
        for (const key of ['ak.tss', 'ak.pem']) {
          const said = await verify(pcrs, key);
          assert.equal(said['ok'], true, `${pcrs} ${key}: ${JSON.stringify(said)}`);
          assert.equal(said['machine'], key === 'ak.tss' ? name : null);
          assert.equal(said['bank'], bank);
          assert.deepEqual(Object.keys(said['pcrs'] as object), selected.split(','));
        }
      }
      assert.equal((await verify('q.pcrs', 'ak.tss', '5b'.repeat(20)))['code'], 'evidence/nonce-mismatch');
      // What is read afterwards is not what was quoted.
      tool('tpm2_pcrextend', `4:${bank}=${'22'.repeat(bank === 'sha384' ? 48 : 32)}`);
      tool('tpm2_pcrread', registers, '-o', 'later.pcrs');
      assert.equal((await verify('later.pcrs', 'ak.tss'))['code'], 'evidence/inconsistent');
    },
  );
}
