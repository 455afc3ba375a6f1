import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../../test/repoRoot.ts';
import { encodeCbor } from '../../../wire/cbor.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { keyFile, keyFileName, readKeyFile, writeKeyFile } from './keyFile.ts';

const good = { v: 1, endorsement: 'ecc', name: new Uint8Array(34).fill(1) } as const;

test('given the key file of format version 1, then it says the same', () => {
  const path = join(repoRoot, 'test/fixtures/v1/attester.json');
  const fixture = JSON.parse(readFileSync(path, 'utf8')) as Record<
    'attestationKey' | 'endorsement' | 'name',
    string
  >;
  const raw = new Uint8Array(Buffer.from(fixture.attestationKey, 'base64'));
  const { endorsement, name } = keyFile.decode(raw);
  assert.deepEqual([endorsement, toHex(name)], [fixture.endorsement, fixture.name]);
  assert.deepEqual(keyFile.encode({ v: 1, endorsement, name }), raw);
});

test('T34: given each malformed key file, then it is refused', () => {
  for (const [what, raw] of [
    ['nothing', new Uint8Array()],
    ['another version', encodeCbor({ ...good, v: 2 })],
    ['another kind of key', encodeCbor({ ...good, endorsement: 'dsa' })],
    ['a short Name', encodeCbor({ ...good, name: new Uint8Array(33) })],
    ['no Name', encodeCbor({ v: 1, endorsement: 'ecc' })],
    ['an unknown field', encodeCbor({ ...good, more: 1 })],
    ['bytes behind', Uint8Array.of(...keyFile.encode(good), 0)],
    ['too much', new Uint8Array(513)],
  ] as const) {
    assert.throws(
      () => keyFile.decode(raw),
      (error: unknown) => isSymbolonError(error) && error.code.startsWith('wire/'),
      what,
    );
  }
});

test('given a key file, then it is for its owner only, and is never overwritten', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-key-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const place = join(folder, 'attester');
  await assert.rejects(readKeyFile(place), { code: 'attester/not-enrolled' });
  await writeKeyFile(place, good);
  assert.equal(statSync(place).mode & 0o777, 0o700);
  assert.equal(statSync(join(place, keyFileName)).mode & 0o777, 0o600);
  await assert.rejects(writeKeyFile(place, { ...good, endorsement: 'rsa' }), { code: 'attester/enrolled' });
  assert.deepEqual(await readKeyFile(place), good);
});
