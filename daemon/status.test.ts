import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backends } from '../threshold/index.ts';
import { schemes } from '../wire/ids.ts';
import { nodeStatus } from '../wire/messages/node.ts';
import { PhaseHolder } from './phase.ts';
import { RefusalLog, statusBytes, type StatusModules } from './status.ts';
import { sampleNow, verifiedSample } from './testing/sampleManifest.ts';

const modules = (change: Partial<StatusModules> = {}): StatusModules => ({
  node: 'node-1',
  boot: new Uint8Array(16),
  startedAt: sampleNow,
  phase: new PhaseHolder(),
  attester: { platform: 'dev', notAfter: () => sampleNow + 1 },
  manifest: verifiedSample(),
  keys: { active: 0, pending: 0, broken: 0 },
  keyChange: 0,
  sessions: { open: 0, finished: 0, failed: 0 },
  pairings: [],
  presignatures: { total: 0, pools: [] },
  evidence: undefined,
  refusals: new RefusalLog(),
  now: () => sampleNow,
  ...change,
});

test('T39: given a node, when its status is asked for, then it names the arithmetic of every scheme, and none is the reference', () => {
  const { backends: shown } = nodeStatus.decode(statusBytes(modules()));
  assert.deepEqual(
    shown.map(({ scheme }) => scheme),
    [...schemes],
  );
  for (const { scheme, backend } of shown) {
    assert.equal(backend, backends.get(scheme));
    assert.notEqual(backend, 'noble');
  }
});

test('T15: given pairings of every state, when the status is asked for, then each is told', () => {
  const id = new Uint8Array(16).fill(7);
  const pairings = (['ready', 'poisoned', 'broken'] as const).map((state, i) => ({
    peer: `node-${i + 2}`,
    state,
    id,
    generation: i,
    at: sampleNow,
  }));
  assert.deepEqual(nodeStatus.decode(statusBytes(modules({ pairings }))).pairings, pairings);
});

test('given more pools of presignatures than a status holds, when it is asked for, then the fullest are told, and it can be sent', () => {
  const refusals = new RefusalLog();
  for (let i = 0; i < 16; i += 1) {
    refusals.add(sampleNow, 'n'.repeat(32), { code: 'gate/peer-refused', message: 'm'.repeat(1_024) });
  }
  for (let i = 0; i < 100; i += 1) {
    refusals.add(sampleNow, 'n', {
      code: `gate/${'c'.repeat(56)}${String(i).padStart(3, '0')}`,
      message: 'm',
    });
  }
  const most = Number.MAX_SAFE_INTEGER;
  const evidence = {
    mark: most,
    behind: { peer: 'n'.repeat(32), mark: most, witnessed: most, at: most },
    madeAt: most,
    skewMs: -most,
    peers: Array.from({ length: 32 }, (_, i) => ({
      node: String(i).padStart(32, 'n'),
      acceptedAt: most,
      madeAt: most,
      notAfter: most,
      skewMs: -most,
    })),
  };
  const names = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => String(i).padStart(32, 'n'));
  for (const signers of [2, 17, 32]) {
    const pools = Array.from({ length: 300 }, (_, i) => ({
      key: String(i).padStart(32, '0'),
      nodes: names(signers),
      count: 300 - i,
    }));
    const { presignatures, evidence: shown } = nodeStatus.decode(
      statusBytes(modules({ refusals, evidence, presignatures: { total: 45_150, pools } })),
    );
    assert.equal(shown?.refused.length, 64);
    assert.deepEqual(shown.refused[0], { code: 'gate/peer-refused', count: 16 });
    assert.deepEqual(shown.peers, evidence.peers);
    assert.equal(presignatures.total, 45_150);
    assert.ok(presignatures.pools.length > 10 && presignatures.pools.length <= 256);
    assert.deepEqual(presignatures.pools, pools.slice(0, presignatures.pools.length));
  }
});

test('given refusals of many codes, when they are counted, then each is told since the start, beyond the sixteen that are shown', () => {
  const refusals = new RefusalLog();
  for (let i = 0; i < 40; i += 1) {
    refusals.add(sampleNow, 'node-2', {
      code: i % 4 === 0 ? 'gate/behind-mark' : 'gate/clock-skew',
      message: 'm',
    });
  }
  assert.equal(refusals.entries.length, 16);
  assert.deepEqual(refusals.counts, [
    { code: 'gate/behind-mark', count: 10 },
    { code: 'gate/clock-skew', count: 30 },
  ]);
});
