/** What one session sees of the TPMs of peers; the rest of a standing is tried through sessions (daemon/sessions). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeNodeIdentity } from '../../enclave/channel/index.ts';
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { toHex } from '../../wire/ids.ts';
import { identityBytes, type Challenge } from '../../wire/messages/session.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import { nodeFiles } from '../files/atomic.ts';
import { Marks } from '../guard/marks.ts';
import { openReplayGuard } from '../guard/replayGuard.ts';
import { testFolder } from '../testing/folder.ts';
import { sampleNow, verifiedSample } from '../testing/sampleManifest.ts';
import { tieOf } from './marks.ts';
import { PeerMemory, type Behind, type MemoryModules } from './memory.ts';
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

function memory(change: Partial<MemoryModules> = {}): PeerMemory {
  const marks = new Marks({ boots: 1, mark: 0, witnessed: [] });
  return new PeerMemory(
    { node: 'node-1', platform: 'dev', boot: new Uint8Array(16).fill(1) },
    {
      marks,
      manifest: () => manifest,
      now: () => sampleNow,
      ticks: () => 0,
      behind: () => undefined,
      ...change,
    },
  );
}
/** Judges evidence with this clock, or these marks, in a session; gives the codes of its refusals. */
async function judged(
  standing: Standing,
  clock: number,
  shown: Partial<Appraisal['marks']> = {},
): Promise<readonly string[]> {
  const appraisal = appraisalAt(clock);
  const changed = { ...appraisal, marks: { ...appraisal.marks, ...shown } };
  const given = [{ node: 'node-2', evidence: new Uint8Array(1) }];
  const result = await standing.judge(given, { session, challenges: [challenge] }, () =>
    Promise.resolve({ kind: 'accepted', appraisals: new Map([['node-2', changed]]) }),
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

test('T09: given evidence that is judged after its manifest was replaced, when the next session begins, then nothing of it is remembered', async () => {
  const changedNodes = manifest.manifest.nodes.map((node) =>
    node.name === 'node-2' ? { ...node, instance: 'i-0123456789abcdef0' } : node,
  );
  const next: VerifiedManifest = {
    ...manifest,
    manifest: { ...manifest.manifest, nodes: changedNodes },
    hash: new Uint8Array(32).fill(9),
  };
  let current = manifest;
  const peers = memory({ manifest: () => current });
  const late = new Standing(peers, { manifest, others: ['node-2'] });
  current = next;
  peers.manifestChanged();
  assert.deepEqual(await judged(late, 1_000, { mark: 7 }), []);
  assert.deepEqual(peers.status().peers, []);
  assert.equal(peers.clocks().size, 0);
  assert.equal(peers.modules.marks.witnesses().size, 0);
  // Nor is what is refused: it is about entries that are replaced.
  const own = manifest.manifest.nodes.find(({ name }) => name === 'node-1') ?? assert.fail();
  const witnessed = new Map([[own.index, 99]]);
  assert.deepEqual(await judged(late, 1_000, { witnessed }), ['gate/behind-itself']);
  assert.equal(peers.status().behind, undefined);
  // The machine that the new entry names has a clock of its own.
  assert.deepEqual(await judged(new Standing(peers, { manifest: next, others: ['node-2'] }), 5), []);
  const [entry] = changedNodes.filter(({ name }) => name === 'node-2');
  assert.deepEqual([...peers.clocks().keys()], [toHex(tieOf(entry ?? assert.fail()))]);
});

test('T09: given a boot that shows no number, or another one, in its second session, when it is judged, then it is refused and the journal can still be read', async (t) => {
  const file = join(await testFolder(t), 'replay.journal');
  const open = () => openReplayGuard({ file }, { files: nodeFiles(), now: () => sampleNow });
  const guard = await open();
  const peers = memory({ marks: guard.marks });
  const begin = (): Standing => new Standing(peers, { manifest, others: ['node-2'] });
  assert.deepEqual(await judged(begin(), 1_000), []);
  assert.deepEqual(await judged(begin(), 1_000, { boots: 0, mark: 1 }), ['gate/behind-mark']);
  assert.deepEqual(await judged(begin(), 1_000, { boots: 2, mark: 1 }), ['gate/behind-mark']);
  assert.deepEqual(await judged(begin(), 1_000, { mark: 2 }), []);
  const use = { id: new Uint8Array(16), hash: new Uint8Array(32), expiresAt: sampleNow + 1_000 };
  guard.begin(use);
  await guard.burn(use);
  await guard.close();
  const again = await open();
  t.after(() => again.close());
  assert.deepEqual(
    [...again.marks.witnesses().values()].map(({ boots, mark }) => [boots, mark]),
    [[1, 2]],
  );
});

test('T09: given a peer that lies about a high mark of this node, when another one tells the truth later, then that is told and shown too', () => {
  const told: Behind[] = [];
  const peers = memory({ behind: (found) => told.push(found) });
  peers.isBehind('node-3', Number.MAX_SAFE_INTEGER);
  peers.isBehind('node-2', 8);
  peers.isBehind('node-2', 8);
  peers.isBehind('node-3', Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    told.map(({ peer, witnessed }) => [peer, witnessed]),
    [
      ['node-3', Number.MAX_SAFE_INTEGER],
      ['node-2', 8],
    ],
  );
  assert.equal(peers.status().behind?.peer, 'node-2');
});
