import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExpiryBody } from './api.ts';
import { evidenceLines } from './evidenceMetrics.ts';
import type { NodeView } from './nodes/nodeSet.ts';

const now = 1_795_000_000_000;
const views = [
  {
    name: 'node-1',
    clockSkewMs: -1_500,
    verified: { appraisal: { madeAt: now - 90_000, notAfter: now + 3_600_000 } },
    status: {
      now: now + 1_000,
      evidence: {
        mark: 12,
        behind: { peer: 'node-2', mark: 12, witnessed: 15, at: now },
        peers: [{ node: 'node-2', acceptedAt: now - 9_000, madeAt: now, notAfter: now, skewMs: 0 }],
        refused: [{ code: 'evidence/measurement-retired', count: 4 }],
      },
    },
  },
  { name: 'node-2', verified: undefined, clockSkewMs: undefined, status: undefined },
] as unknown as readonly NodeView[];
const expiry = (
  what: ExpiryBody['what'],
  subject: string,
  level: ExpiryBody['level'],
  at: number,
): ExpiryBody => ({
  what,
  subject,
  nodes: [],
  at,
  level,
  renewsItself: false,
  note: '',
});

test('T08, T09: age and end of evidence, ends of images and clients, refusals by code and marks are told in seconds and counts', () => {
  const lines = evidenceLines({
    nodes: views,
    expiries: [
      expiry('measurement', 'old', 'urgent', now + 3_600_000),
      expiry('client', 'operator', 'ended', now - 5_000),
      expiry('evidence', 'node-1', 'ok', now + 3_600_000),
    ],
    refused: new Map([['node="node-2",code="evidence/untrusted-root"', 2]]),
    now,
  });
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('#')),
    [
      'symbolon_evidence_age_seconds{node="node-1"} 90',
      'symbolon_evidence_expiry_seconds{node="node-1"} 3600',
      'symbolon_clock_skew_seconds{node="node-1"} -1.5',
      'symbolon_measurement_expiry_seconds{measurement="old"} 3600',
      'symbolon_client_expiry_seconds{client="operator"} -5',
      'symbolon_expiries{level="ok"} 1',
      'symbolon_expiries{level="warning"} 0',
      'symbolon_expiries{level="urgent"} 1',
      'symbolon_expiries{level="ended"} 1',
      'symbolon_evidence_refusals_total{node="node-2",code="evidence/untrusted-root"} 2',
      'symbolon_node_refusals_total{node="node-1",code="evidence/measurement-retired"} 4',
      'symbolon_peer_evidence_age_seconds{node="node-1",peer="node-2"} 10',
      'symbolon_node_mark{node="node-1"} 12',
      'symbolon_node_behind_mark{node="node-1"} 1',
    ],
  );
});

test('every family has its two comment lines, once', () => {
  const lines = evidenceLines({ nodes: views, expiries: [], refused: new Map(), now });
  const heads = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2] ?? '');
  assert.equal(new Set(heads).size, heads.length);
  for (const line of lines.filter((one) => !one.startsWith('#'))) {
    assert.ok(heads.includes(line.split('{')[0] ?? ''), line);
  }
});

test('T33: a label that is no name and no code can not break the format', () => {
  const lines = evidenceLines({
    nodes: [],
    expiries: [expiry('client', 'a"} 1\nx', 'ok', now)],
    refused: new Map(),
    now,
  });
  assert.ok(lines.includes('symbolon_client_expiry_seconds{client="other"} 0'));
});
