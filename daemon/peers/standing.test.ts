/** What one session sees of the TPMs of peers; the rest of a standing is tried through sessions (daemon/sessions). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNodeIdentity } from '../../enclave/channel/index.ts';
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { identityBytes, type Challenge } from '../../wire/messages/session.ts';
import { Marks } from '../guard/marks.ts';
import { sampleNow, verifiedSample } from '../testing/sampleManifest.ts';
import { PeerMemory } from './memory.ts';
import { Standing } from './standing.ts';

const manifest = verifiedSample();
const { public: identity } = makeNodeIdentity({ now: () => sampleNow });
const boot = new Uint8Array(16).fill(2);
const session = new Uint8Array(32);
const challenge: Challenge = {
  node: 'node-2',
  boot,
  nonce: new Uint8Array(32),
  identity: identityBytes.encode(identity),
};
const appraisalAt = (clock: number): Appraisal => ({
  node: 'node-2',
  platform: 'tpm2',
  boot,
  identity,
  measurement: 'image-1',
  notAfter: Number.MAX_SAFE_INTEGER,
  madeAt: sampleNow,
  pcrs: new Map(),
  machine: 'key',
  tpm: { clock, resetCount: 1, restartCount: 0, safe: true },
  marks: { since: 0, mark: 0, boots: 1, witnessed: new Map() },
});

function memory(): PeerMemory {
  const marks = new Marks({ boots: 1, mark: 0, witnessed: [] });
  return new PeerMemory(
    { node: 'node-1', platform: 'dev', boot: new Uint8Array(16).fill(1) },
    { marks, now: () => sampleNow, ticks: () => 0, behind: () => undefined },
  );
}
/** Judges evidence with this clock in a session; gives the codes of its refusals. */
async function judged(standing: Standing, clock: number): Promise<readonly string[]> {
  const given = [{ node: 'node-2', evidence: new Uint8Array(1) }];
  const result = await standing.judge(given, { session, challenges: [challenge] }, () =>
    Promise.resolve({ kind: 'accepted', appraisals: new Map([['node-2', appraisalAt(clock)]]) }),
  );
  return result.kind === 'accepted' ? [] : result.refusals.map(({ error }) => error.code);
}

test('T09: given a TPM that was put back, when its node shows evidence again, then it is refused by name', async () => {
  const peers = memory();
  const open = (): Standing => new Standing(peers, { manifest, others: ['node-2'] });
  assert.deepEqual(await judged(open(), 1_000), []);
  assert.deepEqual(await judged(open(), 1_000), []);
  assert.deepEqual(await judged(open(), 999), ['gate/tpm-set-back']);
  // What was refused is not remembered.
  assert.deepEqual(await judged(open(), 1_000), []);
  peers.manifestChanged();
  assert.deepEqual(await judged(open(), 5), []);
});

test('given two sessions at once, when the later evidence is judged first, then both are accepted', async () => {
  const peers = memory();
  const first = new Standing(peers, { manifest, others: ['node-2'] });
  const second = new Standing(peers, { manifest, others: ['node-2'] });
  assert.deepEqual(await judged(second, 2_000), []);
  assert.deepEqual(await judged(first, 1_500), []);
  assert.deepEqual(await judged(new Standing(peers, { manifest, others: ['node-2'] }), 1_900), [
    'gate/tpm-set-back',
  ]);
});
