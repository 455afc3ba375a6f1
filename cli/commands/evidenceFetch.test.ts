/** What the client believes of evidence that a coordinator hands it: nothing, but what it appraises itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { rig } from '../../coordinator/testing/cluster.ts';
import { anchorOf } from '../../manifest/index.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { judge, type Fetched } from './evidenceFetch.ts';

const minute = 60_000;

/** A real cluster; `ask` judges what its coordinator gives for a node, with changes. */
async function scene(t: TestContext): Promise<{
  readonly ask: (change?: Partial<Fetched> & { readonly from?: string }, laterMs?: number) => Promise<string>;
}> {
  const { cluster, coordinator } = await rig(t);
  const place = {
    paths: { manifest: join(cluster.folder, 'node-1', 'manifest.cbor') },
    facts: { anchor: toHex(anchorOf(cluster.manifest)) },
  };
  return {
    ask: async ({ from = 'node-1', ...change } = {}, laterMs = 0) => {
      const body = await coordinator.evidence(from);
      const fetched: Fetched = {
        node: 'node-1',
        document: new Uint8Array(Buffer.from(body.document, 'base64')),
        nonce: fromHex(body.nonce) ?? new Uint8Array(),
        at: body.at,
        ...change,
      };
      const verdict = await judge(place, fetched, cluster.clock.now() + laterMs);
      return verdict.ok ? 'accepted' : verdict.refusal.code;
    },
  };
}

test('evidence that a coordinator hands on is accepted where that node made it, over the nonce that is told', async (t) => {
  const { ask } = await scene(t);
  assert.equal(await ask(), 'accepted');
  assert.equal(await ask({ from: 'node-2' }), 'evidence/claim-mismatch');
  assert.equal(await ask({ nonce: new Uint8Array(32) }), 'evidence/nonce-mismatch');
  assert.equal(await ask({ document: new Uint8Array(100) }), 'evidence/malformed');
});

test('T02: a coordinator that gives old evidence for new is found out, whatever time it tells', async (t) => {
  const { ask } = await scene(t);
  assert.equal(await ask({}, 9 * minute), 'accepted');
  assert.equal(await ask({}, 11 * minute), 'evidence/too-old');
  assert.equal(await ask({ at: Number.MAX_SAFE_INTEGER }, 11 * minute), 'evidence/too-old');
});
