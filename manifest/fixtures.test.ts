import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../test/repoRoot.ts';
import { sampleManifest, sampleNow } from '../daemon/testing/sampleManifest.ts';
import { fromHex, toHex } from '../wire/ids.ts';
import { verifySignedRequest } from './authority.ts';
import { manifestLinks, verifyManifestChain } from './chain.ts';
import { verifySignedManifest } from './verify.ts';

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(repoRoot, 'test/fixtures/v1/manifest', name)));
const expected = JSON.parse(new TextDecoder().decode(read('expected.json'))) as {
  readonly anchor: string;
  readonly firstHash: string;
  readonly currentHash: string;
  readonly requests: { readonly sign: string; readonly create: string };
};
const anchor = fromHex(expected.anchor) ?? assert.fail('not hexadecimal');

test('given the frozen manifests of version 1, when verified, then anchor, chain and hashes are as they were', () => {
  const first = verifySignedManifest(read('first.cbor'), { kind: 'anchor', anchor });
  assert.equal(toHex(first.hash), expected.firstHash);
  assert.deepEqual(first.manifest, sampleManifest());
  const { links } = manifestLinks.decode(read('manifest.cbor.links'));
  const current = verifyManifestChain(anchor, links, read('manifest.cbor'));
  assert.equal(toHex(current.hash), expected.currentHash);
  assert.equal(current.version, 4);
});

test('given the frozen requests of version 1, when verified, then their hashes are as they were', () => {
  for (const name of ['sign', 'create'] as const) {
    const { hash } = verifySignedRequest(read(`request-${name}.cbor`), sampleManifest(), { now: sampleNow });
    assert.equal(toHex(hash), expected.requests[name]);
  }
});
