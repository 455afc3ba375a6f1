/** Quotes and event logs of real TPMs, where a folder of such data is at hand. Its manifests state each verdict. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { json } from './testing.ts';

const data = join(process.env['SYMBOLON_DATA'] ?? join(repoRoot, '../shared/data'), 'tpm');
interface Known {
  readonly name: string;
  readonly files: readonly string[];
  readonly scheme: string;
  readonly verifies: boolean;
  readonly attest: { readonly extraData: string; readonly pcrSelect: readonly { readonly hash: string }[] };
}
test(
  'quotes of real TPMs are accepted with their files, refused with another nonce, and refused where they rest on SHA-1',
  { skip: existsSync(data) ? false : 'no tpm in the folder of external test data (SYMBOLON_DATA)' },
  async (t) => {
    const known = JSON.parse(readFileSync(join(data, 'quotes.json'), 'utf8')) as Known[];
    let seen = 0;
    for (const { name, files, verifies, attest } of known) {
      const file = (end: string): string | undefined => {
        const found = files.find((one) => one.endsWith(end));
        return found === undefined ? undefined : join(data, found);
      };
      const [quote, sig, ak, pcrs] = ['.msg', '.sig', '.akpub.pem', '.pcrs.json'].map(file);
      if (quote === undefined || sig === undefined || ak === undefined || pcrs === undefined) {
        continue;
      }
      seen += 1;
      const words = [
        'evidence',
        'verify',
        '--type',
        'tpm2',
        '--quote',
        quote,
        '--sig',
        sig,
        '--ak',
        ak,
        '--pcrs',
        pcrs,
      ];
      const weak = attest.pcrSelect.some(({ hash }) => hash === 'sha1');
      const nonceOf = attest.extraData === '' ? [] : ['--nonce', attest.extraData];
      const looked = await json(...words, '--any-measurement', ...nonceOf);
      assert.equal(looked.code, verifies && !weak ? 0 : 1, `${name}: ${JSON.stringify(looked.body)}`);
      assert.equal(looked.body['code'], weak ? 'evidence/weak-hash' : undefined, name);
      const other = await json(...words, '--any-measurement', '--nonce', '00'.repeat(9));
      assert.equal(other.code, 1, name);
      const shown = await json('evidence', 'show', quote);
      assert.deepEqual([shown.code, shown.body['kind']], [0, 'quote'], name);
    }
    t.diagnostic(`${seen} of ${known.length} quotes have all files`);
    assert.ok(seen > 0);
  },
);

test(
  'event logs of real boots are explained, with the registers that they lead to, and differ from each other by name',
  { skip: existsSync(data) ? false : 'no tpm in the folder of external test data (SYMBOLON_DATA)' },
  async (t) => {
    const known = JSON.parse(readFileSync(join(data, 'eventlogs.json'), 'utf8')) as {
      readonly file: string;
      readonly pcrs_own_replay?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    }[];
    let replayed = 0;
    const readable: string[] = [];
    for (const { file, pcrs_own_replay: wanted } of known) {
      const { code, body } = await json('evidence', 'show', join(data, file));
      if (code !== 0) {
        assert.deepEqual([code, body['code']], [2, 'cli/not-evidence'], file);
        continue;
      }
      readable.push(join(data, file));
      for (const [bank, registers] of Object.entries(wanted ?? {})) {
        const shown = (body['registers'] as Record<string, Record<string, string>>)[bank];
        for (const [index, value] of Object.entries(registers)) {
          assert.equal(shown?.[index], value, `${file} ${bank} ${index}`);
          replayed += 1;
        }
      }
    }
    const [a = '', b = ''] = readable;
    assert.equal((await json('evidence', 'diff', a, a)).code, 0);
    assert.equal((await json('evidence', 'diff', a, b)).code, 1);
    t.diagnostic(`${readable.length} of ${known.length} logs are read, ${replayed} registers compared`);
    assert.ok(replayed > 0);
  },
);
