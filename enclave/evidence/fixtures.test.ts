/** Documents of earlier versions must keep their verdict: what was accepted once is read for ever. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { readClaims } from './claims.ts';
import { verifyNitroDocument, verifyNitroTpmDocument } from './nitro/document.ts';

interface Fixture {
  readonly rootSha256: string;
  readonly document: string;
  readonly madeAt: number;
  readonly notAfter: number;
  readonly moduleId: string;
  readonly pcr0: string;
  readonly nonce: string;
  readonly node: string;
  readonly sign: string;
}

test('given the document of format version 1, then it verifies at its time and says the same', () => {
  const file = join(repoRoot, 'test/fixtures/v1/evidence.json');
  const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
  const root = fromHex(fixture.rootSha256) ?? assert.fail();
  const document = new Uint8Array(Buffer.from(fixture.document, 'base64'));
  const verified = verifyNitroDocument(document, { roots: [root], now: fixture.madeAt });
  const { claims, identity } = readClaims(verified);
  assert.deepEqual(
    {
      madeAt: verified.timestamp,
      notAfter: verified.notAfter,
      moduleId: verified.moduleId,
      pcr0: toHex(verified.pcrs.get(0) ?? new Uint8Array()),
      nonce: toHex(verified.nonce ?? new Uint8Array()),
      node: claims.node,
      sign: toHex(identity.sign),
    },
    {
      madeAt: fixture.madeAt,
      notAfter: fixture.notAfter,
      moduleId: fixture.moduleId,
      pcr0: fixture.pcr0,
      nonce: fixture.nonce,
      node: fixture.node,
      sign: fixture.sign,
    },
  );
});

interface TpmFixture extends Omit<Fixture, 'pcr0' | 'node' | 'sign'> {
  readonly pcr4: string;
  readonly pcr12: string;
}

test('given the NitroTPM document of format version 1, then it verifies at its time and says the same', () => {
  const file = join(repoRoot, 'test/fixtures/v1/evidence-nitro-tpm.json');
  const { rootSha256, document, ...said } = JSON.parse(readFileSync(file, 'utf8')) as TpmFixture;
  const root = fromHex(rootSha256) ?? assert.fail();
  const bytes = new Uint8Array(Buffer.from(document, 'base64'));
  const verified = verifyNitroTpmDocument(bytes, { roots: [root], now: said.madeAt });
  const register = (index: number): string => toHex(verified.pcrs.get(index) ?? assert.fail());
  assert.deepEqual(
    {
      madeAt: verified.timestamp,
      notAfter: verified.notAfter,
      moduleId: verified.moduleId,
      pcr4: register(4),
      pcr12: register(12),
      nonce: toHex(verified.nonce ?? assert.fail()),
    },
    said,
  );
});
