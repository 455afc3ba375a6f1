import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiriesOf, levelOf, urgentMs, warningMs } from './expiries.ts';
import type { NodeView } from './nodes/nodeSet.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';

const day = 86_400_000;
const now = 1_795_000_000_000;

test('T08: the level of an end is a warning from 7 days before, urgent from 1 day before, and ended from the end on', () => {
  assert.equal(warningMs, 7 * day);
  assert.equal(urgentMs, day);
  const cases = [
    [7 * day + 1, 'ok'],
    [7 * day, 'warning'],
    [day + 1, 'warning'],
    [day, 'urgent'],
    [1, 'urgent'],
    [0, 'ended'],
    [-day, 'ended'],
  ] as const;
  for (const [left, level] of cases) {
    assert.equal(levelOf(now + left, now), level, `${left} ms before`);
  }
});

test('T08: what renews itself warns of nothing before it has ended', () => {
  assert.equal(levelOf(now + 1, now, true), 'ok');
  assert.equal(levelOf(now, now, true), 'ended');
});

test('T37: a time that is no number is an end, not a free pass', () => {
  assert.equal(levelOf(Number.NaN, now), 'ended');
  assert.equal(levelOf(now, Number.NaN), 'ended');
});

/** A node that was verified at `now`, by evidence that lasts until `notAfter`. */
const nodeView = (name: string, measurement: string, notAfter: number, platform: string): NodeView =>
  ({
    name,
    renews: false,
    verified: { at: now, appraisal: { measurement, notAfter, platform } },
  }) as unknown as NodeView;

test('T08: images that nodes run, chains that nobody renews and client keys are warned of; an image that nobody runs is not', () => {
  const sample = sampleManifest();
  const [image] = sample.measurements;
  assert.ok(image !== undefined);
  const manifest = {
    ...sample,
    measurements: [
      { ...image, name: 'old', notAfter: now + 6 * day },
      { ...image, name: 'new', notAfter: now + 300 * day },
      { ...image, name: 'unused', notAfter: now - day },
    ],
    clients: sample.clients.map((client, i) => ({ ...client, notAfter: now + (i === 0 ? day : 30 * day) })),
  };
  const views = [
    nodeView('node-1', 'old', now + 6 * day, 'tpm2'),
    nodeView('node-2', 'new', now + 3 * 3_600_000, 'dev'),
    nodeView('node-3', 'new', now + 2 * day, 'tpm2'),
  ];
  const found = expiriesOf({
    manifest: { manifest },
    nodes: { views: () => views },
    self: manifest.clients[1],
    now,
  });
  assert.deepEqual(
    found.map(({ what, subject, nodes, level }) => [what, subject, nodes.join(), level]),
    [
      ['evidence', 'node-2', 'node-2', 'ok'],
      ['client', 'operator', '', 'urgent'],
      ['evidence', 'node-3', 'node-3', 'warning'],
      ['measurement', 'old', 'node-1', 'warning'],
      ['client', 'coordinator', '', 'ok'],
      ['measurement', 'new', 'node-2,node-3', 'ok'],
    ],
  );
});
